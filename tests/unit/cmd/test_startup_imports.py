"""Most of a small backup is imports, so it imports what it needs and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

UNUSED = (
    "argparse",
    "configparser",
    "cryptography",
    "ctypes",
    "logging.handlers",
    "rich",
    "socket",
    "sqlite3",
    "subprocess",
    "urllib.parse",
    "freezer.agent.actions.check",
    "freezer.tree.checksum",
    "freezer.agent.commands",
    "freezer.agent.actions.admin",
    "freezer.agent.actions.list",
    "freezer.agent.copying",
    "freezer.agent.removal",
    "freezer.agent.actions.restore",
    "freezer.agent.dedup",
    "freezer.agent.stored.restoring",
    "freezer.browse",
    "freezer.engine.dedup",
    "freezer.repository",
    "freezer.retention",
    "freezer.upkeep",
)


def test_a_plain_backup_imports_nothing_that_other_actions_need(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("content")
    program = f"""
import sys
from freezer.cmd.agent import main
code = main({["backup", "--storage", "local", "-C", str(tmp_path / "kept"), "-F", str(tmp_path / "source")]!r})
print(code, *[name for name in {UNUSED!r} if name in sys.modules])
"""
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines()[-1].split() == ["0"]


def test_a_backup_of_engine_dedup_imports_nothing_of_engine_tar(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("content")
    place = ["--storage", "local", "-C", str(tmp_path / "kept")]
    unused = ("freezer.engine.tar", "freezer.agent.storing", "freezer.agent.sealing", "freezer.retention", "rich")
    program = f"""
import sys
from freezer.cmd.agent import main
codes = [main({["init", *place, "--unencrypted"]!r})]
codes += [main({["backup", "--engine", "dedup", *place, "-F", str(tmp_path / "source")]!r})]
print(*codes, *[name for name in {unused!r} if name in sys.modules])
"""
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines()[-1].split() == ["0", "0"]
