"""Which files with several names were met already: a table that moves to an unlinked temporary file when it is long."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from freezer.engine.tar.spool import no_temporary_file

if TYPE_CHECKING:
    import sqlite3

IN_MEMORY = 30_000
"""Entries that a table keeps in memory, about 8 MB."""

_KEY = struct.Struct(">QQ")
_MASK = 2**64 - 1


class LinkTable:
    """(device, inode) → bytes; what was put first stays."""

    def __init__(self) -> None:
        self._near: dict[bytes, bytes] = {}
        self._far: sqlite3.Connection | None = None

    def __bool__(self) -> bool:
        return bool(self._near)

    def get(self, device: int, inode: int) -> bytes | None:
        """What was put for that file, if anything was."""
        key = _key(device, inode)
        found = self._near.get(key)
        if found is None and self._far is not None:
            with _reported():
                row = self._far.execute("SELECT value FROM link WHERE file = ?", (key,)).fetchone()
            found = row[0] if row else None
        return found

    def put(self, device: int, inode: int, value: bytes) -> None:
        """Remember ``value`` for that file, unless something is remembered already."""
        key = _key(device, inode)
        if key in self._near:
            return
        if len(self._near) < IN_MEMORY:
            self._near[key] = value
            return
        with _reported():
            if self._far is None:
                self._far = _temporary_table()
            self._far.execute("INSERT OR IGNORE INTO link VALUES (?, ?)", (key, value))

    def close(self) -> None:
        """Give memory and disk space back."""
        self._near.clear()
        if self._far is not None:
            self._far.close()
            self._far = None


def _key(device: int, inode: int) -> bytes:
    # There are file systems with negative device numbers.
    return _KEY.pack(device & _MASK, inode & _MASK)


def _temporary_table() -> sqlite3.Connection:
    import sqlite3  # most backups need no table

    # A database without a name is a temporary file that nobody else can see; nothing of it must survive a crash.
    table = sqlite3.connect("", isolation_level=None)
    table.execute("PRAGMA journal_mode = OFF")
    table.execute("PRAGMA cache_size = -4096")
    table.execute("CREATE TABLE link (file BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
    table.execute("BEGIN")
    return table


@contextmanager
def _reported() -> Iterator[None]:
    import sqlite3

    try:
        yield
    except sqlite3.Error as error:
        raise no_temporary_file(str(error)) from error
