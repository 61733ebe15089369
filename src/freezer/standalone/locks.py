"""Locks of a home: held as long as a process lives that has them, whatever ends it.

The first line of a lock's file is the process that has taken it, or for whom it was taken.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Self

from freezer.errors import FreezerError, NotBuiltError


class Lock:
    """A lock that this process holds, and every process that was given its descriptor."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    def note(self, process: int) -> None:
        """Say whose it is."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        os.write(self.descriptor, f"{process}\n".encode())

    def close(self) -> None:
        """Let go of it; whoever else has the descriptor holds it on."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def take(path: str) -> Lock | None:
    """The lock; None if somebody has it."""
    if sys.platform == "win32":
        raise NotBuiltError("freezer up runs on Linux only")
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FreezerError(f"{path} cannot be opened: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return Lock(path, descriptor)


def holder(path: str) -> int | None:
    """The process that has the lock, or for whom it was taken; None if nobody holds it."""
    if not os.path.exists(path):
        return None
    lock = take(path)
    if lock is not None:
        lock.close()
        return None
    with open(path, encoding="ascii") as file:
        text = file.read().strip()
    return int(text) if text.isdigit() else None
