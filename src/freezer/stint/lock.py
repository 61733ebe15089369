"""The lock on ``alive``: held by a process and by what it was handed on to, until the last of them has ended.

It belongs to the open file and not to a process: who starts an agent takes it before, and the agent inherits it. So
there is no moment at which a living agent could be taken for a dead one.
"""

from __future__ import annotations

import os
import sys

from freezer.errors import BusyError

if sys.platform != "win32":
    import fcntl


def take(path: str) -> int:
    """A descriptor that holds the lock; closing it, everywhere, lets it go. :class:`BusyError` if somebody lives."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise BusyError(f"{path} is locked: its agent lives") from None
    return descriptor


def is_held(path: str) -> bool:
    """Whether somebody lives."""
    if not os.path.exists(path):
        return False
    try:
        os.close(take(path))
    except BusyError:
        return True
    return False
