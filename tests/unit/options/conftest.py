"""A way to load options as a user would, in a home of the test's own."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from freezer.options import Invocation, load


class Agent:
    """An agent that is only asked what it understood."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.etc = root / "etc"
        self.home.mkdir()
        self.etc.mkdir()

    def load(
        self, line: str | Sequence[str], program: str = "freezer-agent", environ: Mapping[str, str] | None = None
    ) -> object:
        argv = shlex.split(line) if isinstance(line, str) else list(line)
        return load(argv, program=program, environ=environ or {}, home=str(self.home), hostname="h1", etc=str(self.etc))

    def understood(
        self, line: str | Sequence[str], program: str = "freezer-agent", environ: Mapping[str, str] | None = None
    ) -> Invocation:
        result = self.load(line, program, environ)
        assert isinstance(result, Invocation)
        return result

    def job(self, text: str, line: str = "", name: str = "job.ini") -> Invocation:
        """What is understood of a job file."""
        return self.understood(f"--config {self.write(name, text)} {line}")

    def write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path)
