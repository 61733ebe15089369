"""One server for all processes of a test run.

Each user holds a shared lock on a file as long as it lives. The server is a process of its own, started by the first;
it ends as soon as it gets that file's lock for itself. Locks die with their holders, so no server stays behind,
even if the test run is killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from servers.environment import UnavailableError, locked
from servers.processes import Programs

_START = 300.0
_LOOK = 0.3


@contextmanager
def used(program: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """What the server ``program`` says about itself, while it runs; it works in ``folder``, which the run shares."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("w") as users:
        with locked(folder / "start.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            if not (folder / "ready.json").exists():
                _start(program, folder)
        yield json.loads((folder / "ready.json").read_text())


def _start(program: Path, folder: Path) -> None:
    # Not by subprocess, which would warn about a program that outlives whoever started it.
    log = os.open(folder / "server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    streams = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), *((os.POSIX_SPAWN_DUP2, log, to) for to in (1, 2))]
    command = [sys.executable, str(program), "serve", str(folder)]
    server = os.posix_spawn(sys.executable, command, os.environ, file_actions=streams, setsid=True)
    os.close(log)
    deadline = time.monotonic() + _START
    while not (folder / "ready.json").exists():
        if os.waitpid(server, os.WNOHANG)[0] or time.monotonic() > deadline:
            raise UnavailableError(f"{program.name} did not start: {(folder / 'server.log').read_text()[-3000:]}")
        time.sleep(0.1)


def run(
    program: Path, words: list[str], start: Callable[[Programs, Path], dict[str, Any]], tell: Callable[[Any], list[str]]
) -> None:
    """The programs that ``start`` starts: ``serve FOLDER`` for the tests of a run; without words until Ctrl-C, with the
    lines of ``tell`` about how to use them."""
    if words[:1] == ["serve"]:
        host(Path(words[1]), lambda folder, ending: _started(start, folder, ending))
        return
    with tempfile.TemporaryDirectory() as place, used(program, Path(place)) as about:
        print(*tell(about), "# Ctrl-C ends it", sep="\n", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


def _started(start: Callable[[Programs, Path], dict[str, Any]], folder: Path, ending: ExitStack) -> dict[str, Any]:
    programs = Programs(folder)
    ending.callback(programs.stop)
    return start(programs, folder)


def host(place: Path, start: Callable[[Path, ExitStack], dict[str, Any]]) -> None:
    """In the server's process: run in a folder of ``place`` what ``start`` starts, until its last user has gone. What
    must be ended goes onto the stack. Nothing is left but the log of a start that failed."""
    folder = place / "server"
    folder.mkdir()
    left: Path = folder
    try:
        with ExitStack() as ending:
            serve(place, start(folder, ending))
            left = place
    finally:
        shutil.rmtree(left, ignore_errors=True)


def serve(folder: Path, about: dict[str, Any]) -> None:
    """In the server's process: say that it runs, and return when its last user has gone."""
    signal.signal(signal.SIGTERM, _end)
    ready = folder / "ready.json"
    unfinished = folder / "ready.tmp"
    unfinished.write_text(json.dumps(about))
    unfinished.rename(ready)
    try:
        while not _deserted(folder, ready):
            time.sleep(_LOOK)
    finally:
        ready.unlink(missing_ok=True)


def _deserted(folder: Path, ready: Path) -> bool:
    with (folder / "users").open("w") as users, (folder / "start.lock").open("w") as start:
        try:
            fcntl.flock(start, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody is coming
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody is there
        except BlockingIOError:
            return False
        ready.unlink(missing_ok=True)
        return True


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
