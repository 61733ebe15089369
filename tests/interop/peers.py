"""The two programs of these tests: what starts them, and what a run of one gives back."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

FORKING = Path(__file__).parent / "forking.py"
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Run:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Server:
    """A program, loaded once (forking.py), that runs as often as it is asked to."""

    def __init__(self, python: list[str | Path], name: str, scratch: Path) -> None:
        # The original settles where its log is when it is imported.
        self.log = scratch / ".freezer" / "freezer.log"
        self._out, self._err = scratch / "out", scratch / "err"
        self._process = subprocess.Popen(
            [*python, FORKING, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, start_new_session=True, env=os.environ | {"HOME": str(scratch)},
        )  # fmt: skip

    def run(self, argv: list[str], cwd: Path, env: dict[str, str]) -> Run:
        assert self._process.stdin
        order = {"argv": argv, "cwd": str(cwd), "env": env, "out": str(self._out), "err": str(self._err)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._answer(argv))
        return Run(answer["code"], _text(self._out), _text(self._err))

    def _answer(self, argv: list[str]) -> str:
        assert self._process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            ready = selector.select(TIMEOUT_SECONDS)
        line = self._process.stdout.readline() if ready else ""
        assert line, f"no answer within {TIMEOUT_SECONDS} s to {argv}: {_text(self._err)}"
        return line

    def close(self) -> None:
        """End the program and whatever it has started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        with self._process:
            pass


def _text(path: Path) -> str:
    return path.read_text(errors="surrogateescape") if path.exists() else ""


@contextmanager
def served(python: list[str | Path], name: str, scratch: Path) -> Iterator[Server]:
    server = Server(python, name, scratch)
    try:
        yield server
    finally:
        server.close()


@dataclass(frozen=True)
class Program:
    """One of the two programs, working on one backup name in one container. Both understand the same words."""

    name: str
    server: Server
    home: Path
    container: Path
    words: tuple[str, ...] = ("-N", "web", "--hostname", "h")
    env: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def call(self, *words: object) -> Run:
        """Run it with exactly these words."""
        env = {key: value for key, value in os.environ.items() if not key.startswith(("FREEZER_", "OS_"))}
        env |= {"HOME": str(self.home), "PYTHONWARNINGS": "ignore"} | self.env
        return self.server.run([str(word) for word in words], self.home, env)

    def act(self, action: str, *words: object) -> Run:
        stored = ("--storage", "local", "-C", self.container, *self.words)
        return self.call("--action", action, *stored, *words)

    def backup(self, source: Path, *words: object) -> Run:
        """A backup that must succeed, in a second of its own: dates select backups by whole seconds."""
        times = [made for _, made in self.keys()]
        time.sleep(max(0.0, max(times, default=0) + 1.01 - time.time()))
        run = self.act("backup", "-F", source, "--nosync", *words)
        assert run.code == 0, f"{self.name}: {run.err or run.out}"
        return run

    def restore(self, target: Path, *words: object) -> Run:
        """A restore that must succeed."""
        run = self.act("restore", "--restore-abs-path", target, *words)
        assert run.code == 0, f"{self.name}: {run.err or run.out}"
        return run

    def on(self, container: Path, *words: str, **env: str) -> Program:
        """The same program on another container, with other names (``words``) or environment."""
        return replace(self, container=container, words=words or self.words, env=self.env | env)

    def keys(self) -> list[tuple[int, int]]:
        """Level and time of every backup in the container, in the order they were made."""
        names = [path.parent.name.split("_") for path in self.container.glob("metadata/tar/*/*/*/metadata")]
        return sorted(((int(level), int(made)) for level, made in names), key=lambda key: (key[1], key[0]))

    def levels(self) -> list[int]:
        return [level for level, _ in self.keys()]
