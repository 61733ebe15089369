"""The file that says which process the daemon is, and by its lock whether there is one."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from freezer.errors import FreezerError
from freezer.storage.local.lock import Lock, let_go, try_lock

_LONGEST = 32
_TRIES = 10
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


class PidFile:
    """Held by this process, and by those that it forks, until the last of them ends or lets go of it."""

    def __init__(self, path: str, fd: int) -> None:
        self._path = path
        self._fd = fd

    def write(self) -> None:
        """This process is the daemon."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def leave(self) -> None:
        """The daemon is another process that has it as well: close it here."""
        let_go(self._fd)

    def remove(self) -> None:
        """There is no daemon any more."""
        with suppress(OSError):
            os.unlink(self._path)
        let_go(self._fd)


def hold(path: str) -> PidFile | None:
    """Become the daemon of that file, for which folders are made; None if there is one. :class:`FreezerError` if the
    file is not ours to write."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    except OSError as error:
        raise FreezerError(f"{os.path.dirname(path)} cannot be made: {error.strerror}", hint=_HINT) from None
    for _ in range(_TRIES):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | _SAFE, 0o644)
        except OSError as error:
            raise FreezerError(f"the pid file {path} cannot be opened: {error.strerror}", hint=_HINT) from None
        if _is_foreign(fd):
            let_go(fd)
            raise FreezerError(f"the pid file {path} belongs to somebody else", hint=_HINT)
        if try_lock(fd) is Lock.THEIRS:
            let_go(fd)
            return None
        if _is_at(fd, path):
            return PidFile(path, fd)
        let_go(fd)  # the daemon before us removed it in that moment
    raise FreezerError(f"the pid file {path} comes and goes", hint="see which programs use it")


def running(path: str) -> int | None:
    """The process id of the daemon of that file; None if there is none, whatever is in the file."""
    with _opened(path) as fd:
        if fd is None or _is_foreign(fd) or try_lock(fd, shared=True) is not Lock.THEIRS:
            return None
        text = os.read(fd, _LONGEST).strip()
        return int(text) if text.isdigit() else None


def wait_until_free(path: str, tries: Iterator[None]) -> bool:
    """Whether there is no daemon any more, looked at once for each of ``tries``."""
    return any(running(path) is None for _ in tries)


def signal_daemon(path: str, number: int) -> int | None:
    """Send the daemon of that file a signal, and nobody else; its process id, None if there is none."""
    pid = running(path)
    if pid is None:
        return None
    if sys.platform == "linux":
        import signal

        try:
            process = os.pidfd_open(pid)
        except OSError:
            return None
        try:
            if running(path) != pid:  # it has ended meanwhile, and the number may be another's
                return None
            signal.pidfd_send_signal(process, number)
        except PermissionError:
            raise FreezerError(f"process {pid} is not ours to signal", hint="ask as the user that it runs as") from None
        except ProcessLookupError:
            return None
        finally:
            let_go(process)
    else:
        os.kill(pid, number)
    return pid


@contextmanager
def _opened(path: str) -> Iterator[int | None]:
    try:
        fd = os.open(path, os.O_RDONLY | _SAFE)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise FreezerError(f"the pid file {path} cannot be read: {error.strerror}", hint=_HINT) from None
    try:
        yield fd
    finally:
        let_go(fd)


def _is_foreign(fd: int) -> bool:
    """Whether the file is not what a daemon of ours, or of root, would have made."""
    status = os.fstat(fd)
    mine = sys.platform == "win32" or status.st_uid in {os.geteuid(), 0}
    return not (mine and stat.S_ISREG(status.st_mode))


def _is_at(fd: int, path: str) -> bool:
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(fd))


_HINT = "[scheduler] pid_file, or --scheduler-pid-file, names another"
