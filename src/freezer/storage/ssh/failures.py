"""Errors of the server as errors of the storage contract."""

from __future__ import annotations

import errno

from freezer.errors import ObjectNotFound, PermanentError, PermissionDenied, StorageError, StorageFull
from freezer.storage.ssh.session import Session

_TIGHT = 1 << 20  # bytes: with less than that free, "Failure" means a full disk


def storage_error(error: OSError, attempt: str) -> StorageError:
    """``error`` as the contract has it, with the message ``ATTEMPT: reason``."""
    if isinstance(error, FileNotFoundError):
        return ObjectNotFound(f"{attempt}: it, or a folder of it, does not exist")
    if isinstance(error, PermissionError):
        return PermissionDenied(
            f"{attempt}: permission denied", hint="check owner and mode of the container on the server"
        )
    if error.errno == errno.ENOSPC:
        return _full(attempt)
    if error.errno is None:
        return PermanentError(
            f"{attempt}: the server says only {str(error)!r}", hint="is a quota used up, or the file system read-only?"
        )
    return PermanentError(f"{attempt}: {error.strerror}")


def writing_error(error: OSError, attempt: str, session: Session, root: bytes) -> StorageError:
    """As ``storage_error``, of a call that may also need a new name: SFTP cannot say that there are none left."""
    if error.errno is None:
        try:
            space = session.space(root)
        except (OSError, StorageError):
            space = None
        if space is not None and (space.size < _TIGHT or not space.inodes):
            return _full(attempt)
    return storage_error(error, attempt)


def _full(attempt: str) -> StorageFull:
    return StorageFull(f"{attempt}: no space is left on the server", hint="free some space, or remove old backups")
