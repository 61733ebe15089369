"""What need not stay in memory: bytes that move to an unlinked temporary file when they become many."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

from freezer.errors import FreezerError

IN_MEMORY = 2 * 1024 * 1024
"""Bytes that a spool keeps in memory."""

_LENGTH = 8
_PIECE = 1 << 16  # a multiple of every record's size that is read in pieces


class Spool:
    """Bytes, or records of bytes, that are written once, one after the other, and read as often as wanted."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - see close()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        try:
            self._file.write(data)
        except OSError as error:
            raise no_temporary_file(os.strerror(error.errno or 0)) from error

    def __iter__(self) -> Iterator[bytes]:
        """All bytes in pieces; nothing may be written meanwhile, but several may read."""
        offset = 0
        while True:
            self._file.seek(offset)
            piece = self._take(_PIECE)
            if not piece:
                return
            offset += len(piece)
            yield piece

    def append(self, record: bytes) -> None:
        """Append one record."""
        self.write(len(record).to_bytes(_LENGTH, "little") + record)

    def records(self) -> Iterator[bytes]:
        """All records, in order; nothing may be appended meanwhile, and only one may read at a time."""
        self._file.seek(0)
        while length := self._take(_LENGTH):
            yield self._take(int.from_bytes(length, "little"))

    def close(self) -> None:
        """Give memory and disk space back."""
        self._file.close()

    def _take(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise no_temporary_file(os.strerror(error.errno or 0)) from error


def no_temporary_file(reason: str) -> FreezerError:
    """The error for a temporary file that could not be written or read."""
    return FreezerError(
        f"a temporary file in {tempfile.gettempdir()} failed: {reason}",
        hint="the environment variable TMPDIR names another directory",
    )
