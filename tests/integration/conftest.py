"""The whole program: called in this process where that is enough, as a process of its own where signals, limits or
start-up matter. Every test has a home, a working directory and a container of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from freezer.cmd import agent as program
from support.passphrases import make_pass_file


@dataclass(frozen=True)
class Run:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one error that a failed run tells."""
        lines = [line for line in self.err.splitlines() if line.startswith("freezer-agent: error: ")]
        assert len(lines) == 1, self.err
        assert "internal error" not in lines[0], self.err
        assert "Traceback" not in self.err
        return lines[0].removeprefix("freezer-agent: error: ")


@dataclass(frozen=True)
class Agent:
    """Runs ``freezer-agent`` against one container."""

    folder: Path
    call: Callable[..., Run]

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def container(self) -> Path:
        return self.folder / "container"

    def stored(self, *words: object) -> list[str]:
        """The words that lead to this agent's container and backup."""
        return ["--storage", "local", "-C", str(self.container), "-N", "web", "--hostname", "h", *map(str, words)]

    def backup(self, *words: object) -> Run:
        return self.call("backup", "-F", self.source, *self.stored(*words))

    def restore(self, target: Path, *words: object) -> Run:
        return self.call("restore", "--restore-abs-path", target, *self.stored(*words))

    def act(self, action: str, *words: object) -> Run:
        return self.call(action, *self.stored(*words))

    def levels(self) -> list[int]:
        """The levels in the container, oldest first."""
        rows = sorted(self.act("list", "--json").json, key=lambda row: row["time"])
        return [row["level"] for row in rows]

    def objects(self) -> dict[str, bytes]:
        """Every file of the container except what holds it for a running program."""
        files = [path for path in self.container.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.container)): path.read_bytes() for path in files if path.stat().st_size}

    def newest(self, part: str) -> Path:
        """The newest object called ``part`` (``data``, ``engine_metadata``, ``metadata``)."""
        return max(self.container.glob(f"*/tar/*/*/*/{part}"), key=lambda path: int(path.parent.name.split("_")[1]))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)


@pytest.fixture
def agent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Agent:
    """The program within this process, with a source of two files."""

    def call(*words: object) -> Run:
        capfd.readouterr()
        code = program.main([str(word) for word in words])
        captured = capfd.readouterr()
        return Run(code, captured.out, captured.err)

    made = Agent(tmp_path, call)
    made.source.mkdir()
    (made.source / "one").write_text("first")
    (made.source / "two").write_text("second")
    return made


@pytest.fixture
def process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the program as a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "freezer.cmd.agent", *map(str, words)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture
def pass_file(tmp_path: Path) -> Path:
    """A passphrase that only its owner may read."""
    return make_pass_file(tmp_path / "pass", "correct horse")


@pytest.fixture
def growing(agent: Agent) -> Iterator[Path]:
    """A file in the source to which another process appends. It does not compress, so that a limit of 16 MiB a second
    makes reading it take a second."""
    path = agent.source / "growing.log"
    path.write_bytes(os.urandom(size := 24 << 20))
    append = f"import time\nwhile True:\n open({str(path)!r}, 'ab').write(b'y' * 100)\n time.sleep(0.002)"
    writer = subprocess.Popen([sys.executable, "-c", append])
    try:
        while path.stat().st_size == size:
            time.sleep(0.01)
        yield path
    finally:
        writer.kill()
        writer.wait()
