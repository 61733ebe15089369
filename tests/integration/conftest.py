"""The whole program: called in this process where that is enough, as a process of its own where signals, limits or
start-up matter. Every test has a home, a working directory and a container of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from freezer.cmd import agent as program
from support.passphrases import make_pass_file
from support.runs import Run


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
def _home(own_home: Path) -> None:
    """Nothing is read from or written to the home of whoever runs the tests."""


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


@dataclass(frozen=True)
class Vault:
    """Runs ``freezer-agent`` against a repository that a machine secret opens."""

    agent: Agent
    secret: Path

    @property
    def source(self) -> Path:
        return self.agent.source

    @property
    def container(self) -> Path:
        return self.agent.container

    @property
    def objects(self) -> Path:
        """Where the objects of the repository are."""
        return self.container / "freezer-dedup"

    def act(self, *words: object, key: Path | None = None) -> Run:
        """An action in the container, with the machine secret."""
        action, *rest = words
        return self.agent.act(str(action), *rest, "--machine-secret-file", key or self.secret)

    def backup(self, *words: object) -> Run:
        return self.act("backup", "--engine", "dedup", "-F", self.source, *words)

    def made(self, *words: object) -> str:
        """The id of a new backup that is complete."""
        run = self.backup("--json", *words)
        assert run.code == 0, run.err
        id: str = run.json["dedup"]["backup"]
        return id

    def restore(self, target: Path, *words: object) -> Run:
        return self.act("restore", "--restore-abs-path", target, *words)

    def ids(self) -> list[str]:
        """The backups that there are, oldest first."""
        return [row["id"] for row in self.act("list", "--json").json]

    def stored(self, *folders: str) -> list[Path]:
        """Files of the repository, or of some folders of it."""
        places = [self.objects / folder for folder in folders] if folders else [self.objects]
        return sorted(path for place in places for path in place.rglob("*") if path.is_file())


@pytest.fixture
def vault(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vault:
    """A new repository."""
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(32)))
    secret.chmod(0o600)
    made = Vault(agent, secret)
    run = made.act("init")
    assert run.code == 0, run.err
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
