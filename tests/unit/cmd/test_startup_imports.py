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
    "freezer.agent.checking",
    "freezer.agent.checksum",
    "freezer.agent.commands",
    "freezer.agent.looking",
    "freezer.agent.prune",
    "freezer.agent.restore",
    "freezer.browse",
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
