"""Locks on open files and folders (flock(2)) that end with the descriptor or the process, never later."""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

if sys.platform != "win32":
    import fcntl

O_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)


class Lock(enum.Enum):
    """What came of an attempt to lock: ours, somebody else's, or there are no locks here (Windows; folders on NFS)."""

    OURS = "ours"
    THEIRS = "theirs"
    UNKNOWN = "unknown"


def try_lock(fd: int, *, shared: bool = False, wait: bool = False) -> Lock:
    """Lock what ``fd`` has open until it is closed; ``wait`` for others only where they keep it for an instant."""
    if sys.platform != "win32":
        how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
        try:
            fcntl.flock(fd, how)
        except BlockingIOError:
            return Lock.THEIRS
        except OSError:
            return Lock.UNKNOWN
        return Lock.OURS
    return Lock.UNKNOWN


def let_go(fd: int) -> None:
    """Close a descriptor that nothing depends on (any more): one for reading or locking, or that of a file which is not
    wanted. An error of close(2) tells of nothing that matters then, and the descriptor is gone all the same."""
    with suppress(OSError):
        os.close(fd)


def locks_work(folder: bytes) -> bool:
    """Whether the file system that ``folder`` is on has locks."""
    try:
        fd = os.open(folder, O_FOLDER)
    except OSError:
        return False
    try:
        return try_lock(fd) is not Lock.UNKNOWN
    finally:
        let_go(fd)


@contextmanager
def unless_held(path: bytes, flags: int = O_FOLDER) -> Iterator[bool]:
    """Whether nobody holds a lock on ``path``; while the context lasts nobody can take one."""
    if sys.platform == "win32":
        yield True
        return
    fd = os.open(path, flags)
    try:
        yield try_lock(fd) is not Lock.THEIRS
    finally:
        let_go(fd)
