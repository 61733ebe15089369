"""Per-item failures: collected, listed in the result, never swallowed."""

from __future__ import annotations

import os

import msgspec


def printable(path: bytes) -> str:
    """``path`` as text for people and JSON: UTF-8 where it is, other bytes and control characters escaped."""
    text = path.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode-escape").decode() for c in text)


class ItemFailure(msgspec.Struct, frozen=True):
    """One item that was left out or is not whole; ``path`` is relative to the source or target, which
    is ``.`` itself, and printable."""

    path: str
    reason: str

    @classmethod
    def of(cls, path: bytes, error: OSError | str) -> ItemFailure:
        reason = error if isinstance(error, str) else (os.strerror(error.errno) if error.errno else str(error))
        return cls(printable(path) or ".", reason)
