"""Home directories of users who call ``freezer``."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from servers.processes import free_ports

PROGRAM = (sys.executable, "-m", "freezer.cmd.freezer")
AGENT = (sys.executable, "-m", "freezer.cmd.agent")
_LIMIT = 120


class Machine:
    """A user's home directory, and what is run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.documents = folder / "documents"
        self.documents.mkdir(parents=True)
        (self.documents / "letter.txt").write_text("Dear reader\n")
        (self.documents / "photo.bin").write_bytes(random.Random(1).randbytes(300_000))
        self.home = folder / ".freezer" / "up"
        kept = {
            name: os.environ[name]
            for name in ("PATH", "LANG", "LC_ALL", "COVERAGE_PROCESS_CONFIG")
            if name in os.environ
        }
        self.environ = {**kept, "HOME": str(folder)}

    def run(
        self, *words: object, code: int | None = 0, program: Sequence[str] = PROGRAM
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*program, *map(str, words)],
            env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=_LIMIT, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert code is None or done.returncode == code, (words, done.returncode, done.stdout, done.stderr, self.logs())
        assert "Traceback" not in done.stderr
        return done

    def up(self, *words: object) -> subprocess.CompletedProcess[str]:
        """The first ``freezer up``, on a port that nobody else will look for at the same time."""
        return self.run("up", self.documents, *words, "--port", free_ports(1)[0])

    def logs(self) -> str:
        found = sorted((self.home / "log").glob("*")) if self.home.exists() else []
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}" for path in found)

    def restored(self, target: str) -> dict[str, bytes]:
        folder = self.folder / target
        settings = self.home / "repository.conf"
        self.run("restore", "--config", settings, "-N", "documents", "--restore-abs-path", folder, program=AGENT)
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
