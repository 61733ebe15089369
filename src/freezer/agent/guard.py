"""Whatever becomes of the agent: what it made hold still, is let go.

A *guard* is a small process in a session of its own. It is told a command and a limit before anything holds still. It
runs the command exactly once: when the agent asks, when the limit has passed, or when the agent is gone, whichever is
first; it alone decides which that was. It does not bear the mark by which what an agent leaves behind is found and
killed. The limit counts by CLOCK_MONOTONIC and needs nobody: no scheduler, no API, no
network, and no agent. The command comes through a pipe, not on a command line, since it may hold passwords.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO, Literal

import msgspec

from freezer.agent.commands import check, environment, run_pipeline
from freezer.clock import Clock
from freezer.decoding import json_decoder
from freezer.errors import CommandError, FreezerError
from freezer.log import escaped
from freezer.stint.identity import MARK

Why = Literal["asked", "kept", "limit", "gone"]
_GO, _KEEP = b"go\n", b"keep\n"
_COMMAND_SECONDS = 600


class Task(msgspec.Struct, frozen=True):
    """What the guard is for: the ``command`` that lets go (empty: there is nothing to do), and after how many seconds
    it is run at the latest."""

    command: str
    limit: float


class Ended(msgspec.Struct, frozen=True):
    """Why a guard has let go: the agent ``asked``, or ``kept`` what holds still for itself; the ``limit`` had passed;
    the agent was ``gone``. ``error``: what the command came to, if it failed."""

    why: Why
    error: str | None = None


class Guard:
    """The agent's end of a guard. ``expired`` is called in a thread when the limit passes."""

    def __init__(self, process: subprocess.Popen[bytes], expired: Callable[[], None]) -> None:
        self._process = process
        self._expired = expired
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._ended: Ended | None = None
        self._thread = threading.Thread(target=self._listen, name="guard", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> Ended | None:
        """Why it has let go, if it has."""
        return self._ended

    def let_go(self) -> Ended:
        """Have the command run now, unless it was; what became of that. May be called again."""
        return self._tell(_GO)

    def keep(self) -> Ended:
        """The command is not to be run any more, unless it was."""
        return self._tell(_KEEP)

    def _tell(self, word: bytes) -> Ended:
        with self._lock, suppress(OSError, ValueError):
            stdin = _open(self._process.stdin)
            stdin.write(word)
            stdin.close()
        self._done.wait()
        assert self._ended is not None
        return self._ended

    def _listen(self) -> None:
        line = _open(self._process.stdout).readline()
        self._process.wait()
        try:
            self._ended = json_decoder(Ended).decode(line)
        except msgspec.DecodeError:
            self._ended = Ended("gone", "the guard that lets go was killed")
        self._done.set()
        if self._ended.why == "limit":
            self._expired()


@contextmanager
def guarded(task: Task, program: str, expired: Callable[[], None]) -> Iterator[Guard]:
    """A guard that stands from the beginning of the context, and lets go at its end at the latest. ``program``: the
    module that calls :func:`serve`; :class:`CommandError` if it does not start."""
    process = subprocess.Popen(
        [sys.executable, "-m", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in environment(os.environ).items() if name != MARK},
        start_new_session=True,
    )
    guard: Guard | None = None
    try:
        stdin = _open(process.stdin)
        stdin.write(msgspec.json.encode(task) + b"\n")
        stdin.flush()
        if not _open(process.stdout).readline():
            raise CommandError("the guard that lets go could not be started; nothing has been made to hold still")
        guard = Guard(process, expired)
        yield guard
    finally:
        if guard is not None:
            guard.let_go()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                _open(stream).close()
        process.wait()


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def serve(source: IO[bytes], sink: IO[bytes], clock: Clock) -> None:
    """Be a guard: the task comes from ``source``, one line about what became of it goes to ``sink``."""
    told: list[Why] = []
    event = threading.Event()

    def hear(why: Why) -> None:
        told.append(why)
        event.set()

    def asked(_number: int, _frame: FrameType | None) -> None:
        hear("gone")

    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), asked)
    try:
        task = json_decoder(Task).decode(source.readline())
    except msgspec.DecodeError:
        return
    deadline = clock.monotonic() + task.limit
    sink.write(b"ready\n")
    sink.flush()
    threading.Thread(target=lambda: hear(_heard(source.readline())), daemon=True).start()
    while not event.wait(max(deadline - clock.monotonic(), 0)) and clock.monotonic() < deadline:
        pass  # some systems wake up a little early
    why: Why = told[0] if told else "limit"
    error = None if why == "kept" else _let_go(task.command, clock)
    with suppress(OSError):
        sink.write(msgspec.json.encode(Ended(why, error)) + b"\n")
        sink.flush()


def _heard(line: bytes) -> Why:
    return "asked" if line == _GO else "kept" if line == _KEEP else "gone"


def _let_go(command: str, clock: Clock) -> str | None:
    if not command:
        return None
    try:
        check(
            run_pipeline(command, clock=clock, option="post_command", timeout=_COMMAND_SECONDS), option="post_command"
        )
    except FreezerError as error:
        return escaped(error.message)
    return None


def interrupt() -> None:
    """End what the main thread does, wherever it is, as a signal would."""
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGTERM)
    elif (main := threading.main_thread().ident) is not None:
        signal.pthread_kill(main, signal.SIGTERM)
