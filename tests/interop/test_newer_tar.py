"""The engine's property tests once more, with GNU tar 1.35 as the judge, and where that tar comes from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import environments
import pytest

ROOT = Path(__file__).parents[2]


def test_stored_levels_restore_with_gnu_tar_1_35_too(newer_tar: Path, tmp_path: Path) -> None:
    """The tests call ``tar`` from PATH, so they need not know that it is another one."""
    assert environments.version_of(newer_tar) == "1.35"
    env = os.environ | {"PATH": f"{newer_tar}:{os.environ['PATH']}"}
    tests = ROOT / "tests" / "unit" / "engine" / "test_stored_levels.py"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--basetemp",
        tmp_path / "t",
        tests,
    ]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_newer_suite_is_sought_where_this_machine_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://commented.example/ old main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian old main contrib\n"
        "deb http://one.example/debian old-updates main\n"
        "deb-src http://one.example/debian old main\n"
    )
    (tmp_path / "sources.list.d" / "x.sources").write_text(
        "Types: deb\n# why\nURIs: http://two.example/debian\nSuites: old old-updates\nComponents: main\n"
        "\n"
        "Types: deb\nURIs: http://two.example/security\nSuites: old-security\nComponents: main\n"
    )
    assert environments.newer_sources(tmp_path, "old") == [
        "Types: deb\nURIs: http://two.example/debian\nSuites: trixie\nComponents: main",
        "Types: deb\nURIs: http://one.example/debian\nSuites: trixie\nComponents: main contrib\nSigned-By: /k.gpg",
    ]
    with pytest.raises(environments.UnavailableError, match="no package source of new"):
        environments.newer_sources(tmp_path, "new")
