"""Processes: started, found again, waited for and ended.

A process is held by a descriptor (pidfd), so that no signal can reach another one that has got its number. Ending an
agent is asking it and all of its session first, then killing them together with everything that bears its mark.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

from freezer.clock import Clock
from freezer.errors import FreezerError, NotBuiltError
from freezer.stint import identity, lock
from freezer.stint.folder import Folder
from freezer.stint.identity import MARK, Identity

GRACE = 20.0
"""Seconds between asking an agent to end and killing it; it gives the programs that it runs 5 of them."""

_POLL = 0.02
_SESSION = 6  # which field of /proc/<pid>/stat is the session (proc(5))


class Child:
    """An agent that runs, or has run. ``process``: None if somebody else has started it."""

    def __init__(self, folder: Folder, pid: int, descriptor: int, process: subprocess.Popen[bytes] | None) -> None:
        self.folder = folder
        self.pid = pid
        self._descriptor = descriptor
        self._process = process

    def wait(self, seconds: float) -> bool:
        """Whether it has ended, as soon as it has, after ``seconds`` at most."""
        if sys.platform == "win32":
            raise NotBuiltError("a scheduler runs agents on Linux only")
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(max(seconds, 0.0) * 1000))

    def exit_code(self) -> int | None:
        """Of one that has ended, negative for a signal; None if only its parent knows."""
        return None if self._process is None else self._process.wait()

    def end(self, grace: float = GRACE) -> None:
        """Have it end, and everything that it has started; return when nothing of it is left."""
        others = [] if self.wait(0) else list(_session(self.pid))
        self._ask()
        if not self.wait(grace):
            _send(self._descriptor, "SIGKILL")
            self.wait(grace)
        for descriptor in others:
            _send(descriptor, "SIGKILL")
            os.close(descriptor)
        end_marked(self.folder.path)

    def close(self) -> None:
        """Let go of it: if it runs it goes on."""
        os.close(self._descriptor)
        if self._process is not None and self._process.poll() is None:
            self._process.returncode = 0  # or else a warning comes when the object goes: it is meant to outlive us

    def _ask(self) -> None:
        if sys.platform == "win32" or self.wait(0):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGTERM)
        _send(self._descriptor, "SIGCONT")  # one that was stopped could not hear us


def start(command: Sequence[str], folder: Folder, environment: Mapping[str, str]) -> Child:
    """Start an agent for a run directory, in a session of its own, which outlives us. FreezerError if that cannot
    be."""
    if sys.platform != "linux":
        raise NotBuiltError("a scheduler runs agents on Linux only")
    alive = lock.take(folder.alive)
    try:
        with open(folder.log, "ab") as log:
            process = subprocess.Popen(
                [*command, "--run-directory", folder.path],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(environment),
                cwd=folder.path,
                pass_fds=(alive,),
                start_new_session=True,
            )
    except OSError as error:
        raise FreezerError(f"{command[0]} cannot be started: {error.strerror}") from None
    finally:
        os.close(alive)
    return Child(folder, process.pid, os.pidfd_open(process.pid), process)


def found(folder: Folder, clock: Clock, patience: float = 30.0) -> Child | None:
    """The agent of a run directory if it lives, whoever has started it. One that has only just been started has not yet
    said which process it is."""
    began = clock.monotonic()
    while lock.is_held(folder.alive):
        known = folder.agent()
        child = None if known is None else _known(folder, known)
        if child is not None:
            return child
        if clock.monotonic() - began > patience:
            end_marked(folder.path)
        clock.sleep(_POLL)
    return None


def _known(folder: Folder, known: Identity) -> Child | None:
    descriptor = _open(known.pid)
    if descriptor is None:
        return None
    if identity.of(known.pid) != known:  # asked after opening: the number may have gone to another one before
        os.close(descriptor)
        return None
    return Child(folder, known.pid, descriptor, None)


def end_marked(path: str) -> None:
    """Kill whatever an agent of this run directory has left running."""
    wanted = f"{MARK}={path}".encode()
    for pid in _processes():
        descriptor = _open(pid)
        if descriptor is None:
            continue
        if pid != os.getpid() and wanted in _environment(pid):
            _send(descriptor, "SIGKILL")
        os.close(descriptor)


def _session(leader: int) -> Iterator[int]:
    """Descriptors of the processes in a session, without its leader."""
    for pid in _processes():
        descriptor = None if pid == leader else _open(pid)
        if descriptor is None:
            continue
        if _session_of(pid) == leader:
            yield descriptor
        else:
            os.close(descriptor)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def _session_of(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[_SESSION - 3])
    except OSError:
        return None


def _open(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _send(descriptor: int, name: str) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(descriptor, signal.Signals[name])
