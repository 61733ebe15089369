"""Tables that need not stay in memory: what does not fit moves to a temporary file that has no name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from freezer.errors import FreezerError

if TYPE_CHECKING:
    import sqlite3  # most runs need none

IN_MEMORY = 2 * 1024 * 1024
"""Bytes that one table keeps in memory, about."""

_ENTRY = 150  # bytes of memory that an entry takes beside its key and value


class Table:
    """bytes → bytes. :class:`FreezerError` if the temporary file fails."""

    def __init__(self) -> None:
        self._near: dict[bytes, bytes] = {}
        self._size = 0
        self._far: sqlite3.Connection | None = None

    def __bool__(self) -> bool:
        if self._near or self._far is None:
            return bool(self._near)
        with _reported():
            return self._far.execute("SELECT 1 FROM entry LIMIT 1").fetchone() is not None

    def get(self, key: bytes) -> bytes | None:
        """The value of ``key``, None if there is none."""
        value = self._near.get(key)
        if value is None and self._far is not None:
            with _reported():
                row = self._far.execute("SELECT value FROM entry WHERE key = ?", (key,)).fetchone()
            value = row[0] if row else None
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of ``key``."""
        self._near[key] = value
        self._size += len(key) + len(value) + _ENTRY
        if self._size > IN_MEMORY:
            self._spill()

    def pop(self, key: bytes) -> bytes | None:
        """The value of ``key``, which has none after that."""
        value = self.get(key)
        if value is not None:
            self._near.pop(key, None)
            if self._far is not None:
                with _reported():
                    self._far.execute("DELETE FROM entry WHERE key = ?", (key,))
        return value

    def items(self, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """All entries, by key; the table must not change meanwhile."""
        if self._far is None:
            yield from sorted(self._near.items(), reverse=reverse)
            return
        self._spill()
        order = "DESC" if reverse else "ASC"
        with _reported():
            yield from self._far.execute(f"SELECT key, value FROM entry ORDER BY key {order}")  # noqa: S608

    def drop(self, prefix: bytes) -> None:
        """Forget all entries whose keys begin with ``prefix``, which ends with a NUL."""
        for key in [key for key in self._near if key.startswith(prefix)]:
            del self._near[key]
        if self._far is not None:
            with _reported():
                self._far.execute("DELETE FROM entry WHERE key >= ? AND key < ?", (prefix, prefix[:-1] + b"\1"))

    def close(self) -> None:
        """Give memory and disk space back; the table is empty then."""
        self._near.clear()
        self._size = 0
        if self._far is not None:
            self._far.close()
            self._far = None

    def _spill(self) -> None:
        with _reported():
            if self._far is None:
                self._far = _temporary()
            self._far.executemany("INSERT OR REPLACE INTO entry VALUES (?, ?)", sorted(self._near.items()))
        self._near.clear()
        self._size = 0


def _temporary() -> sqlite3.Connection:
    import sqlite3

    # A database without a name is a temporary file that nobody else can see; nothing of it must survive a crash.
    table = sqlite3.connect("", isolation_level=None)
    table.execute("PRAGMA journal_mode = OFF")
    table.execute("PRAGMA cache_size = -1024")
    table.execute("CREATE TABLE entry (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
    table.execute("BEGIN")
    return table


@contextmanager
def _reported() -> Iterator[None]:
    import sqlite3

    try:
        yield
    except sqlite3.Error as error:
        raise FreezerError(
            f"a temporary file in {tempfile.gettempdir()} failed: {error}",
            hint="the environment variable TMPDIR names another directory",
        ) from error
