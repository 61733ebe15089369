"""A program that is loaded once and runs as often as it is asked to."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.runs import Run

FORKING = Path(__file__).with_name("forking.py")
"""Serves the two programs, see there."""
TIME_LIMIT = 60.0  # seconds; whatever takes longer has hung


class Hung(BaseException):
    """A run did not end."""


class Server:
    """Runs what ``command`` serves (``forking.py``); ``scratch`` is for its output."""

    def __init__(self, command: Sequence[str | Path], scratch: Path) -> None:
        # The original settles where its log is when it is imported.
        self.log = scratch / ".freezer" / "freezer.log"
        self._out, self._err, self._gate = scratch / "out", scratch / "err", scratch / "gate"
        os.mkfifo(self._gate)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, start_new_session=True, env=os.environ | {"HOME": str(scratch)},
        )  # fmt: skip

    def run(
        self, argv: Sequence[str], cwd: Path, env: Mapping[str, str], attach: Callable[[int], object] | None = None
    ) -> Run:
        """A run with these words; ``attach`` is called with its process number before it begins to work."""
        assert self._process.stdin
        order = {"argv": [*argv], "cwd": str(cwd), "env": dict(env), "out": str(self._out), "err": str(self._err)}
        gate = {"gate": str(self._gate)} if attach else {}
        self._process.stdin.write(json.dumps(order | gate) + "\n")
        self._process.stdin.flush()
        if attach:
            attach(self._answer("process"))
            with self._gate.open("wb"):
                pass
        return Run(self._answer("code"), _text(self._out), _text(self._err))

    def _answer(self, key: str) -> int:
        assert self._process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            ready = selector.select(TIME_LIMIT)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise Hung(f"no answer within {TIME_LIMIT:.0f} s: {_text(self._err)}")
        return int(json.loads(line)[key])

    def close(self) -> None:
        """End the program and whatever it has started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        with self._process:
            pass


def _text(path: Path) -> str:
    return path.read_text(errors="surrogateescape") if path.exists() else ""


@contextmanager
def served(command: Sequence[str | Path], scratch: Path) -> Iterator[Server]:
    server = Server(command, scratch)
    try:
        yield server
    finally:
        server.close()
