"""``freezer-scheduler`` as somebody runs it on a machine of its own: with a home, job files and real agents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 180.0
"""Seconds after which something that has to happen is taken not to happen any more."""


class Node:
    """A machine below ``folder``. Its scheduler takes jobs from files alone."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "node-home"
        self.jobs = folder / "jobs"
        self.state = folder / "state"
        for each in (self.home, self.jobs):
            each.mkdir(parents=True, exist_ok=True)
        self.options = ("--no-api", "-f", str(self.jobs), "--scheduler-state-dir", str(self.state))
        self.environment = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    def run(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run the program with the options of this machine."""
        command = [sys.executable, "-m", "freezer.cmd.scheduler", *self.options, *words]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=self.environment, timeout=PATIENCE
        )
        assert code is None or done.returncode == code, done
        return done

    def says(self, *words: str, code: int = 0) -> str:
        """What it prints as its result."""
        return self.run(*words, code=code).stdout.strip()

    @property
    def pid_file(self) -> Path:
        return self.state / "scheduler.pid"

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def write(self, name: str, document: object) -> Path:
        """A job file, there at once and whole."""
        path = self.jobs / name
        new = self.jobs / f"{name}.new"
        new.write_text(document if isinstance(document, str) else json.dumps(document))
        return new.rename(path)

    def results(self, name: str) -> dict[str, Any]:
        """What stands beside a job file, nothing if nothing does."""
        try:
            found: dict[str, Any] = json.loads((self.jobs / f"{name}.status.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def wait_for(self, name: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The same, as soon as it is as ``wanted``."""
        return until(lambda: self.results(name), lambda found: bool(found) and wanted(found))

    def log(self) -> str:
        """The log of the daemon in the background."""
        return (self.state / "scheduler.log").read_text()

    def end(self) -> None:
        """Nothing of it is left running."""
        self.run("stop", code=None)
        for path in self.jobs.glob("*.conf"):
            path.unlink()
        if (self.state / "runs").exists() and any((self.state / "runs").iterdir()):
            self.run("start", code=None)
            until(lambda: list((self.state / "runs").iterdir()), lambda found: not found)
            self.run("stop", code=None)


def until(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """What ``look`` finds as soon as it is as ``wanted``."""
    end = time.monotonic() + PATIENCE
    while True:
        found = look()
        if wanted(found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.05)


def backup(source: Path, container: Path, schedule: dict[str, Any] | None = None) -> dict[str, Any]:
    """A job that backs up ``source``."""
    action = {"action": "backup", "mode": "fs", "path_to_backup": str(source), "storage": "local",
              "container": str(container), "backup_name": "b"}  # fmt: skip
    return {"job_actions": [{"freezer_action": action}], "job_schedule": schedule or {}}


def command(line: str, schedule: dict[str, Any] | None = None) -> dict[str, Any]:
    """A job that executes ``line``."""
    return {"job_actions": [{"freezer_action": {"action": "exec", "command": line}}], "job_schedule": schedule or {}}
