"""Refusals of the server, as errors of the operating system and of the storage contract."""

from __future__ import annotations

import errno
import re

from freezer.errors import ObjectNotFound, PermanentError, PermissionDenied, StorageError, StorageFull, TransientError

_FULL = re.compile(
    r"no space|quota|disk (is )?full|space (is )?left|writing to local file|file too large", re.IGNORECASE
)
_FULL_CODES = (452, 552)
_UNCLEAR = (450, 501, 504, 521, 550, 551, 553)  # missing, forbidden, taken, or not that kind of thing


class Refused(OSError):
    """A command that the server did not carry out: ``code`` and ``text`` of its reply (RFC 959 section 4.2)."""

    def __init__(self, code: int, text: str) -> None:
        full = code in _FULL_CODES or _FULL.search(text) is not None
        super().__init__(errno.ENOSPC if full else None, f"{code} {text}")
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return f"{self.code} {self.text}"

    @property
    def unclear(self) -> bool:
        """Whether only a look at the folder tells what is the matter."""
        return self.errno is None and self.code in _UNCLEAR

    @property
    def unknown(self) -> bool:
        """Whether the server does not know the command, or will not have it."""
        return self.code in (500, 502, 503)


def storage_error(error: OSError, attempt: str) -> StorageError:
    """``error`` as the contract has it, with the message ``ATTEMPT: reason``."""
    if isinstance(error, FileNotFoundError):
        return ObjectNotFound(f"{attempt}: it, or a folder of it, does not exist")
    if isinstance(error, PermissionError):
        return PermissionDenied(
            f"{attempt}: permission denied",
            hint="check owner and mode of the container on the server, and what the user may do there",
        )
    if error.errno == errno.ENOSPC:
        return StorageFull(
            f"{attempt}: no space is left on the server, or a quota is used up ({error})",
            hint="free some space, raise the quota, or remove old backups",
        )
    if isinstance(error, Refused):
        if 400 <= error.code < 500:
            return TransientError(f"{attempt}: the server says {str(error)!r}")
        return PermanentError(f"{attempt}: the server says {str(error)!r}")
    return PermanentError(f"{attempt}: {error.strerror or error}")
