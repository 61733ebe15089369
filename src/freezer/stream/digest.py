"""Size and SHA-256 of a stream of bytes."""

from __future__ import annotations

import hashlib

import msgspec

from freezer.crypto.contract import Buffer


class Digest:
    """Counts and hashes what passes."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def update(self, data: Buffer) -> None:
        self._hash.update(data)
        self.size += len(data)

    def hexdigest(self) -> str:
        """SHA-256 of everything so far, 64 lower-case hexadecimal digits."""
        return self._hash.hexdigest()


class StreamSummary(msgspec.Struct, frozen=True):
    """One finished stream: bytes before compression, bytes stored, their SHA-256 (hex), and in how many segments."""

    plain_size: int
    stored_size: int
    sha256: str
    segments: int
