"""Keeps the services of a home running: each is started again when it ends, after a pause that grows; five failures in
a row end everything with one line.

A service holds the lock of its name as long as any of its processes lives. So a supervisor that comes after one that
was killed finds what that one left behind, and ends it before it starts its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from freezer.clock import Clock
from freezer.decoding import json_decoder
from freezer.errors import BusyError, FreezerError, NotBuiltError
from freezer.standalone import files, locks
from freezer.standalone.home import Home, Plan
from freezer.standalone.lives import MOST_FAILURES, Lives
from freezer.standalone.locks import Lock
from freezer.standalone.services import Service, variables

_LOG = logging.getLogger(__name__)
_KILL_SECONDS = 10.0
_LOOK_SECONDS = 0.5
"""How often files that a service needs are looked for, and ends are waited for that nobody tells of."""


class Known(msgspec.Struct, frozen=True):
    """What is told of a service: its process (0: none now), since when (seconds since 1970), how often it has failed in
    a row, and what it said last."""

    process: int = 0
    since: float = 0.0
    failures: int = 0
    said: str = ""


class State(msgspec.Struct, frozen=True):
    """What is told of all of them. ``problem``: why the supervisor has given up."""

    services: dict[str, Known] = {}
    problem: str = ""


class _Running:
    """A service, and its present process."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.lives = Lives()
        self.process: subprocess.Popen[bytes] | None = None
        self.since = 0.0
        self.told_since = 0.0
        self.next_start = 0.0
        self.said = ""


class Supervisor:
    """Of the services of one home. :meth:`run` never returns; it raises when they cannot be kept running, and whatever
    ends it, they end before."""

    def __init__(self, home: Home, plan: Plan, clock: Clock, wanted: Sequence[Service]) -> None:
        self._home = home
        self._plan = plan
        self._clock = clock
        self._all = [_Running(each) for each in wanted]
        self._ended: queue.SimpleQueue[_Running] = queue.SimpleQueue()

    def run(self) -> None:
        lock = locks.take(self._home.lock("supervisor"))
        if lock is None:
            raise BusyError(f"{self._home.path} is up already")
        with lock:
            lock.note(os.getpid())
            end_orphans(self._home, [each.service for each in self._all], self._clock)
            try:
                self._keep_running()
            finally:
                self._end_all()

    def _keep_running(self) -> None:
        while True:
            now = self._clock.monotonic()
            for each in self._all:
                if each.process is None and now >= each.next_start and os.path.exists(each.service.needs):
                    self._start(each)
            with contextlib.suppress(queue.Empty):
                self._bury(self._ended.get(timeout=self._wait()))

    def _wait(self) -> float | None:
        """Seconds until something may have to be started; None if only an end can change anything."""
        waiting = [each for each in self._all if each.process is None]
        return _LOOK_SECONDS if waiting else None

    def _start(self, each: _Running) -> None:
        lock = locks.take(self._home.lock(each.service.name))
        if lock is None:  # something of the last process still lives
            end_orphans(self._home, [each.service], self._clock)
            return
        with lock:
            each.process = _spawn(self._home, self._plan, each.service, lock)
            lock.note(each.process.pid)
        each.since, each.told_since = self._clock.monotonic(), self._clock.now()
        threading.Thread(target=self._await, args=(each, each.process), daemon=True).start()
        self._tell()

    def _await(self, each: _Running, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._ended.put(each)

    def _bury(self, each: _Running) -> None:
        """A service has ended though nobody wanted it to."""
        now = self._clock.monotonic()
        code = each.process.returncode if each.process is not None else 0
        each.process, each.lives = None, each.lives.after(now - each.since)
        each.said = last_line(self._home, each.service.name) or f"exit code {code}"
        each.next_start = now + each.lives.pause
        if each.lives.over:
            problem = f"{each.service.name} has ended {MOST_FAILURES} times in a row, the last time saying: {each.said}"
            self._tell(problem)
            raise FreezerError(problem, hint=f"{self._home.log(each.service.name)} has the details")
        _LOG.warning("%s has ended (%d): %s", each.service.name, code, each.said)
        self._tell()

    def _tell(self, problem: str = "") -> None:
        known = {
            each.service.name: Known(
                0 if each.process is None else each.process.pid, each.told_since, each.lives.failures, each.said
            )
            for each in self._all
        }
        files.write(state_file(self._home), msgspec.json.encode(State(known, problem)).decode() + "\n")

    def _end_all(self) -> None:
        for each in reversed(self._all):
            if each.process is not None:
                _end(each.process.pid, partial(_is_over, each.process), each.service, self._clock)
                each.process = None
            each.said = ""
        with contextlib.suppress(FreezerError):
            state = read_state(self._home)
            if not state.problem:
                self._tell()


def _spawn(home: Home, plan: Plan, service: Service, lock: Lock) -> subprocess.Popen[bytes]:
    """The process of a service, in a session of its own; it inherits the lock."""
    with open(output_file(home, service.name), "wb", opener=_private) as output:
        return subprocess.Popen(
            service.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home.path,
            env=variables(home, plan, service),
            pass_fds=(lock.descriptor,),
            start_new_session=True,
            umask=0o077,
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def end_orphans(home: Home, wanted: Sequence[Service], clock: Clock) -> None:
    """End what processes a supervisor has left that was killed."""
    for service in wanted:
        process = locks.holder(home.lock(service.name))
        if process is not None:
            _LOG.warning("%s is running though nobody watches it: it is ended", service.name)
            _end(process, partial(_is_free, home, service.name), service, clock)


def _is_over(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def _is_free(home: Home, name: str) -> bool:
    return locks.holder(home.lock(name)) is None


def _end(process: int, ended: Callable[[], bool], service: Service, clock: Clock) -> None:
    """Ask the processes of a service to end, and kill them if they do not."""
    if sys.platform == "win32":
        raise NotBuiltError("freezer up runs on Linux only")
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)
    if not _waited(ended, service.stop_seconds, clock):
        _LOG.warning("%s does not end, and is killed", service.name)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)  # what it has started and left behind
    _waited(ended, _KILL_SECONDS, clock)


def _waited(ended: Callable[[], bool], seconds: float, clock: Clock) -> bool:
    limit = clock.monotonic() + seconds
    while not ended():
        if clock.monotonic() >= limit:
            return False
        clock.sleep(0.05)
    return True


def state_file(home: Home) -> str:
    return home.at("run", "state.json")


def output_file(home: Home, name: str) -> str:
    """What the service itself has printed since it was started last."""
    return home.at("log", f"{name}.out")


def read_state(home: Home) -> State:
    """What the supervisor has told last."""
    text = files.read(state_file(home))
    try:
        return State() if text is None else json_decoder(State).decode(text.encode())
    except msgspec.DecodeError as error:
        raise FreezerError(f"{state_file(home)}: {error}") from None


def forget_state(home: Home) -> None:
    """What an earlier supervisor and its services have told is over."""
    for path in (state_file(home), output_file(home, "api"), output_file(home, "scheduler")):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def last_line(home: Home, name: str) -> str:
    """The last thing that a service has printed, hints aside."""
    text = files.read(output_file(home, name)) or ""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("hint: ")]
    return lines[-1] if lines else ""
