"""Errors of the operating system as errors of the storage contract."""

from __future__ import annotations

import errno
import os

from freezer.errors import (
    ObjectExists,
    ObjectNotFound,
    PermanentError,
    PermissionDenied,
    StorageError,
    StorageFull,
    TransientError,
)

_KINDS: dict[type[StorageError], tuple[str, ...]] = {
    ObjectNotFound: ("ENOENT",),
    ObjectExists: ("EEXIST",),
    PermissionDenied: ("EACCES", "EPERM", "EROFS"),
    StorageFull: ("ENOSPC", "EDQUOT", "EFBIG"),
    TransientError: (
        *("EINTR", "EAGAIN", "ESTALE", "EIO", "EBUSY", "ETIMEDOUT", "EREMOTEIO"),
        *("ENOMEM", "ENFILE", "EMFILE", "ENOLCK", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ECONNRESET"),
    ),
}
_BY_ERRNO = {getattr(errno, name): kind for kind, names in _KINDS.items() for name in names if hasattr(errno, name)}

_HINTS: dict[type[StorageError], str] = {
    PermissionDenied: "check the owner and mode of the container, and whether it is mounted read-only",
    StorageFull: "free some space, raise the quota, or remove old backups",
}


def storage_error(error: OSError, attempt: str) -> StorageError:
    """``error`` as the contract has it, with the message ``ATTEMPT: reason``; unknown errors are permanent."""
    kind = _BY_ERRNO.get(error.errno or 0, PermanentError)
    reason = os.strerror(error.errno) if error.errno else str(error)
    return kind(f"{attempt}: {reason}", hint=_HINTS.get(kind))
