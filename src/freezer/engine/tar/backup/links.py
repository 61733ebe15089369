"""Which files with several names were met already."""

from __future__ import annotations

import struct

from freezer.spill.table import Table

_KEY = struct.Struct(">QQ")
_MASK = 2**64 - 1


class LinkTable:
    """(device, inode) → bytes; what was put first stays."""

    def __init__(self) -> None:
        self._table = Table()

    def __bool__(self) -> bool:
        return bool(self._table)

    def get(self, device: int, inode: int) -> bytes | None:
        """What was put for that file, if anything was."""
        return self._table.get(_key(device, inode))

    def put(self, device: int, inode: int, value: bytes) -> None:
        """Remember ``value`` for that file, unless something is remembered already."""
        key = _key(device, inode)
        if self._table.get(key) is None:
            self._table.put(key, value)

    def close(self) -> None:
        """Give memory and disk space back."""
        self._table.close()


def _key(device: int, inode: int) -> bytes:
    # There are file systems with negative device numbers.
    return _KEY.pack(device & _MASK, inode & _MASK)
