"""Keeping others from a folder while one works on what is in it."""

from __future__ import annotations

import os

from freezer.clock import Clock
from freezer.errors import BusyError
from freezer.storage.local import durable, lock

_ATTEMPTS = 100  # against others who make and remove the folder; whenever we lose, one of them has got on
_LOOKS = 4  # at a folder that is locked, for it may only be locked for the microseconds of its removal
_WAIT = 0.01  # seconds between them


def lock_folder(root: bytes, folder: bytes, label: str, *, shared: bool, clock: Clock) -> int | None:
    """A descriptor whose lock keeps ``folder``, called ``label`` in messages, ours until it is closed.

    None where the folder can be neither found nor made, so that there is nothing to protect, and where the file system
    has no locks. The folder is made if need be: locking it is what keeps two first backups of one name apart.
    """
    looks = 0
    for _ in range(_ATTEMPTS):
        try:
            durable.make_folders(root, folder, durable.Modes.within(root).folder)
            fd = os.open(folder, lock.O_FOLDER)
        except FileNotFoundError:
            continue  # removed by somebody who left it empty
        except NotADirectoryError:
            raise
        except OSError:
            return None
        outcome = lock.try_lock(fd, shared=shared)
        if outcome is lock.Lock.OURS and _is_still(fd, folder):
            return fd
        lock.let_go(fd)
        if outcome is lock.Lock.UNKNOWN:
            return None
        if outcome is lock.Lock.THEIRS:
            looks += 1
            if looks == _LOOKS:
                break
            clock.sleep(_WAIT)
    raise BusyError(
        f"{label}: another process is working on it",
        hint="wait until the other backup, restore or removal has ended",
    )


def _is_still(fd: int, folder: bytes) -> bool:
    """Whether ``folder`` is what ``fd`` has open, not its successor (a lock on a removed folder excludes nobody)."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(folder))
    except FileNotFoundError:
        return False
