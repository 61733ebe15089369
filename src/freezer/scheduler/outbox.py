"""What is yet to be told, and to whom: durable, in order, once.

An *entry* is one thing to tell, of the kind that its sender knows. Entries of one *line* (a run, a job) are told one
after the other; lines do not wait for each other. Within a line, entries of one *count* are numbered from 1, and the
numbers go on when entries have gone. A *note* is a value under a name, for whatever else the sender has to remember.

So that there is room for the end of what has begun, a part of the file's space is held in *reserve*: given up when the
disk is full, and made again before anything new begins.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from freezer.errors import FreezerError

_RESERVE_BYTES = 4 << 20
_BLOCK = bytes(1 << 16)
_WAIT_SECONDS = 30.0
_TABLES = """
CREATE TABLE IF NOT EXISTS entry (
    place INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL, kind TEXT NOT NULL, label TEXT NOT NULL,
    sequence INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS entry_of_line ON entry (line, place);
CREATE TABLE IF NOT EXISTS count (
    line TEXT NOT NULL, name TEXT NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (line, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
_REPLACE_LAST = (
    "UPDATE entry SET body = ? WHERE place = (SELECT max(place) FROM entry WHERE line = ?) AND kind = ? AND label = ?"
)


class Entry(msgspec.Struct, frozen=True):
    """``place`` is its number among all entries; ``label`` and ``body`` are the sender's."""

    place: int
    line: str
    kind: str
    label: str
    sequence: int
    body: bytes


class Outbox:
    """The outbox in the file ``path``, private to its owner. May be used from any thread.

    :class:`freezer.errors.FreezerError` if the file is not one, or the disk has no room even for what is in reserve.
    """

    def __init__(self, path: Path, reserve: int = _RESERVE_BYTES) -> None:
        self._path = path
        self._ballast = path.with_suffix(".reserve")
        self._reserve = reserve
        self._lock = threading.Lock()
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            self._database = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_TABLES)
        except sqlite3.Error as error:
            raise FreezerError(
                f"{path} cannot be read: {error}", hint="it has reports that were not delivered; move it away to go on"
            ) from error

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._database.close()

    def add(self, line: str, kind: str, body: bytes, *, label: str = "", count: str | None = None) -> None:
        """Put an entry at the end of a line; ``count``: by which it is numbered."""
        self._write(lambda database: _add(database, line, kind, label, count, body))

    def add_newest(self, line: str, kind: str, body: bytes, *, label: str = "", count: str | None = None) -> None:
        """The same, but in the place of the line's last entry if that is of this kind and label, and not told yet."""

        def work(database: sqlite3.Connection) -> None:
            changed = database.execute(_REPLACE_LAST, (body, line, kind, label))
            if changed.rowcount == 0:
                _add(database, line, kind, label, count, body)

        self._write(work)

    def lines(self) -> Sequence[str]:
        """Lines with something to tell, the one that waits longest first."""
        rows = self._read("SELECT line FROM entry GROUP BY line ORDER BY min(place)")
        return [str(row[0]) for row in rows]

    def first(self, line: str, most: int = 1) -> Sequence[Entry]:
        """The first entries of a line."""
        columns = "SELECT place, line, kind, label, sequence, body FROM entry"
        rows = self._read(f"{columns} WHERE line = ? ORDER BY place LIMIT ?", line, most)
        return [Entry(*row) for row in rows]

    def told(self, entries: Sequence[Entry]) -> None:
        """Remove entries. One that was replaced after it was read stays."""
        gone = [(each.place, each.body) for each in entries]
        self._write(lambda database: database.executemany("DELETE FROM entry WHERE place = ? AND body = ?", gone))

    def drop(self, line: str, label: str, kinds: Sequence[str]) -> None:
        """Remove the entries of these kinds that a line has under a label."""
        gone = [(line, label, kind) for kind in kinds]
        statement = "DELETE FROM entry WHERE line = ? AND label = ? AND kind = ?"
        self._write(lambda database: database.executemany(statement, gone))

    def finish(self, line: str) -> None:
        """Forget the numbers of a line, to which nothing will be added."""
        self._write(lambda database: database.execute("DELETE FROM count WHERE line = ?", (line,)))

    def waiting(self) -> int:
        """How many entries there are."""
        return int(self._read("SELECT count(*) FROM entry")[0][0])

    def note(self, name: str) -> bytes | None:
        """The value of a note; None if there is none."""
        rows = self._read("SELECT value FROM note WHERE name = ?", name)
        return bytes(rows[0][0]) if rows else None

    def keep_note(self, name: str, value: bytes | None) -> None:
        """Write a note, or remove it."""
        self.keep_notes({name: value})

    def keep_notes(self, values: Mapping[str, bytes | None]) -> None:
        """Write notes, and remove those whose value is None; all or none."""
        gone = [(name,) for name, value in values.items() if value is None]
        kept = [(name, value) for name, value in values.items() if value is not None]

        def work(database: sqlite3.Connection) -> None:
            database.executemany("DELETE FROM note WHERE name = ?", gone)
            database.executemany("INSERT OR REPLACE INTO note VALUES (?, ?)", kept)

        self._write(work)

    def notes(self, beginning: str) -> Mapping[str, bytes]:
        """The notes whose names begin like this."""
        rows = self._read("SELECT name, value FROM note WHERE substr(name, 1, ?) = ?", len(beginning), beginning)
        return {str(name): bytes(value) for name, value in rows}

    def has_room(self) -> bool:
        """Whether the reserve is there, after an attempt to make it."""
        try:
            if self._ballast.stat().st_size >= self._reserve:
                return True
        except FileNotFoundError:
            pass
        try:
            self._fill()
        except OSError:
            self._ballast.unlink(missing_ok=True)
            return False
        return True

    def _fill(self) -> None:
        file = os.open(self._ballast, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            left = self._reserve
            while left > 0:
                left -= os.write(file, _BLOCK[: min(left, len(_BLOCK))])
            os.fsync(file)
        finally:
            os.close(file)

    def _write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do ``work`` in a transaction; where there is no room for it, in that of the reserve."""
        with self._lock:
            try:
                _in_transaction(self._database, work)
            except sqlite3.OperationalError as error:
                if not self._ballast.exists():
                    raise FreezerError(f"{self._path} cannot be written: {error}", hint="is the disk full?") from error
                self._ballast.unlink()
                _in_transaction(self._database, work)

    def _read(self, statement: str, *values: object) -> list[Any]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()


def _add(database: sqlite3.Connection, line: str, kind: str, label: str, count: str | None, body: bytes) -> None:
    sequence = 0 if count is None else _counted(database, line, count)
    statement = "INSERT INTO entry (line, kind, label, sequence, body) VALUES (?, ?, ?, ?, ?)"
    database.execute(statement, (line, kind, label, sequence, body))


def _counted(database: sqlite3.Connection, line: str, count: str) -> int:
    row = database.execute(
        "INSERT INTO count VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last", (line, count)
    ).fetchone()
    return int(row[0])


def _in_transaction(database: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        work(database)
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
