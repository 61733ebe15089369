"""Files with several names: each is stored once, under the name that is met first."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec

from freezer.decoding import msgpack_decoder
from freezer.engine.dedup.backup.earlier import Marked
from freezer.repository.trees import NOTHING_MORE, Entry

if TYPE_CHECKING:
    from freezer.spill.table import Table  # most sources have no such files

_IDENTITY = struct.Struct(">QQ")
_MASK = 2**64 - 1


class _First(msgspec.Struct, array_like=True, frozen=True):
    """The first name of a file, and what is to be known of it under the others."""

    path: bytes
    ctime: int
    entry: Entry


_encode = msgspec.msgpack.Encoder().encode
_decode = msgpack_decoder(_First).decode


class Names:
    """The files with several names that were met so far."""

    def __init__(self) -> None:
        self._firsts: Table | None = None

    def other(self, name: bytes, device: int, inode: int) -> Marked | None:
        """The entry for another name of a file that was met; None if it was not."""
        known = self._firsts.get(_identity(device, inode)) if self._firsts is not None else None
        if known is None:
            return None
        first = _decode(known)
        more = msgspec.structs.replace(first.entry.extra, first=first.path)
        return Marked(msgspec.structs.replace(first.entry, name=name, more=more), first.ctime, inode)

    def first(self, below: bytes, device: int, made: Marked) -> Marked:
        """Remember a file by its first name; ``below`` stands before the name. The entry for it."""
        more = msgspec.structs.replace(made.entry.extra, first=b"")
        entry = msgspec.structs.replace(made.entry, more=more if more != NOTHING_MORE else None)
        if self._firsts is None:
            from freezer.spill.table import Table

            self._firsts = Table()
        self._firsts.put(_identity(device, made.inode), _encode(_First(below + entry.name, made.ctime, entry)))
        return Marked(entry, made.ctime, made.inode)

    def close(self) -> None:
        """Give memory and disk space back."""
        if self._firsts is not None:
            self._firsts.close()


def _identity(device: int, inode: int) -> bytes:
    # There are file systems with negative device numbers.
    return _IDENTITY.pack(device & _MASK, inode & _MASK)
