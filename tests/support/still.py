"""A source that commands hold still and let go, and barriers that answer as they are told."""

from __future__ import annotations

import shlex
import sys
import threading
from pathlib import Path

from freezer.agent.context import Context
from freezer.clock import SystemClock
from freezer.options.load import load
from freezer.progress import NoProgress


class Source:
    """A directory whose ``history`` says what was done to it, by commands and others."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "data"
        self.path.mkdir()
        (self.path / "file").write_text("contents")
        self._history = directory / "history"
        self._history.touch()
        self._notes = directory / "note.py"
        self._notes.write_text("import sys\nwith open(sys.argv[1], 'a') as file: file.write(sys.argv[2] + '\\n')\n")

    @property
    def history(self) -> list[str]:
        return self._history.read_text().split()

    def note(self, word: str) -> None:
        with self._history.open("a") as file:
            file.write(f"{word}\n")

    def command(self, word: str) -> str:
        """One that adds ``word`` to the history."""
        return shlex.join([sys.executable, "-S", "-E", str(self._notes), str(self._history), word])

    def words(self, *more: str, action: str = "backup") -> list[str]:
        """A command line for the agent."""
        held = ["--pre-command", self.command("still"), "--post-command", self.command("go")]
        there = "--path-to-backup" if action == "backup" else "--restore-abs-path"
        where = [there, str(self.path)]
        return [action, *where, "--storage", "local", "-C", str(self.path.parent / "container"), *held, *more]

    def context(self, barrier: Barrier, *more: str, action: str = "backup") -> Context:
        home = str(self.path.parent)
        line = self.words(*more, action=action)
        invocation = load(line, program="freezer-agent", environ={}, home=home, hostname="h", etc=home)
        return Context(invocation, SystemClock(), NoProgress(), lambda _: None, "", barrier)


class Barrier:
    """Answers what it was told to; ``told``: what it was told of the member."""

    def __init__(self, limit: float = 60.0, answer: str | None = "") -> None:
        self.limit = limit
        self.told: list[str] = []
        self.asked = threading.Event()
        self._answer = answer

    def decide(self, answer: str) -> None:
        self._answer = answer

    def ready(self, at: float) -> None:
        assert 0 <= SystemClock().boottime() - at < 60
        self.told.append("ready")

    def answer(self) -> str | None:
        self.asked.set()
        return self._answer

    def gone(self, at: float, *, late: bool) -> None:
        assert 0 <= SystemClock().boottime() - at < 60
        self.told.append("late" if late else "passed")
