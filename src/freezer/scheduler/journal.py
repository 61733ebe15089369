"""What must outlive the daemon: which runs it holds, and up to which instant each job is dealt with.

An SQLite database in the state directory: what a method has written is on the disk when it returns. Beside it lies a
*reserve*, space that is given up when the disk is full, so that what has begun can still be told of; without a reserve
nothing new should begin. One daemon has the journal open at a time; other programs may ask for runs in it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from freezer.clock import boot_id
from freezer.decoding import msgpack_decoder
from freezer.errors import FreezerError, StorageFull
from freezer.scheduler.contract import Hold

T = TypeVar("T")

_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC)
_LOST = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_VERSION = 1
_RESERVE = 1024 * 1024
_TABLES = """
CREATE TABLE job (id TEXT PRIMARY KEY, dealt INTEGER, event INTEGER, plan TEXT) WITHOUT ROWID;
CREATE TABLE hold (run TEXT PRIMARY KEY, boot TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE asked (number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL);
CREATE TABLE fact (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
"""


class Known(msgspec.Struct, frozen=True):
    """How far a job is: its instants until ``dealt`` (seconds since 1970) are dealt with, as are its events until the
    one of that number. ``plan``: a text that differs where the schedule is another one."""

    dealt: int
    event: int = 0
    plan: str = ""


class Journal:
    """The journal in ``directory``, which is made if it is not there. May be used from any thread.

    Every method raises :class:`FreezerError` if the journal cannot be read or written, :class:`StorageFull` if there is
    no space left even for what has begun.
    """

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, "journal.db")
        self._reserve = os.path.join(directory, "reserve")
        self._lock = threading.RLock()
        os.makedirs(directory, mode=0o700, exist_ok=True)
        with self._reported():
            self._database = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            with self._reported():
                self._prepare()
        except BaseException:
            self._database.close()
            raise

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._change(self._make_tables)

    def _make_tables(self, database: sqlite3.Connection) -> None:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            hint = "start that version again"
            raise FreezerError(f"the journal {self._path} was written by a later version", hint=hint)
        if version == 0:
            for statement in _TABLES.strip().splitlines():
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            self._database.close()

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def known(self) -> dict[str, Known]:
        """How far jobs are, by their ids."""
        rows = self._read("SELECT id, dealt, event, plan FROM job")
        return {id: Known(dealt, event, plan) for id, dealt, event, plan in rows}

    def deal(self, job_id: str, known: Known) -> None:
        """Write down how far a job is."""
        self._change(lambda database: _deal(database, job_id, known))

    def forget(self, job_id: str) -> None:
        """A job is gone for ever."""

        def work(database: sqlite3.Connection) -> None:
            database.execute("DELETE FROM job WHERE id = ?", (job_id,))
            database.execute("DELETE FROM asked WHERE job = ?", (job_id,))

        self._change(work)

    def ask(self, job_id: str) -> int:
        """Somebody on this machine wants a job to run: the number of that event."""

        def work(database: sqlite3.Connection) -> int:
            return int(database.execute("INSERT INTO asked (job) VALUES (?)", (job_id,)).lastrowid or 0)

        return self._change(work)

    def asked(self) -> dict[str, int]:
        """The last event of each job that somebody on this machine wants to run."""
        return dict(self._read("SELECT job, max(number) FROM asked GROUP BY job"))

    # -- runs ----------------------------------------------------------------------------------------------------------

    def begin(self, hold: Hold, job_id: str, known: Known) -> None:
        """A run is held: from now on it is found again, and what it was for is dealt with."""

        def work(database: sqlite3.Connection) -> None:
            _keep(database, hold)
            _deal(database, job_id, known)

        self._change(work)

    def keep(self, hold: Hold) -> None:
        """A run that we hold, as it is now."""
        self._change(lambda database: _keep(database, hold))

    def over(self, run_id: str) -> None:
        """We do not hold that run any more."""
        self._change(lambda database: database.execute("DELETE FROM hold WHERE run = ?", (run_id,)))

    def holds(self) -> list[Hold]:
        """The runs that we hold; ``until`` of those from before this start of the machine is past."""
        boot = boot_id()
        rows = self._read("SELECT boot, body FROM hold ORDER BY run")
        found = ((known, msgpack_decoder(Hold).decode(body)) for known, body in rows)
        return [hold if boot and known == boot else msgspec.structs.replace(hold, until=0.0) for known, hold in found]

    # -- facts of other parts ------------------------------------------------------------------------------------------

    def fact(self, name: str, type: type[T]) -> T | None:
        """What a part has written down under ``name``."""
        rows = self._read("SELECT body FROM fact WHERE name = ?", (name,))
        return msgpack_decoder(type).decode(rows[0][0]) if rows else None

    def keep_fact(self, name: str, value: object) -> None:
        """Write that down."""
        body = msgspec.msgpack.encode(value)
        self._change(lambda database: database.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, body)))

    # -- space ---------------------------------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether there is a reserve, or room for one: if not, nothing new should begin."""
        try:
            if os.path.exists(self._reserve) and os.path.getsize(self._reserve) >= _RESERVE:
                return True
            with open(self._reserve, "wb") as file:
                file.write(bytes(_RESERVE))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self._give_up_reserve()
            return False
        return True

    def _give_up_reserve(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._reserve)

    # -- transactions --------------------------------------------------------------------------------------------------

    def _read(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        with self._lock, self._reported():
            return self._database.execute(statement, values).fetchall()

    def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do ``work`` in one transaction; if the disk is full, once more with the space of the reserve."""
        with self._lock, self._reported():
            try:
                return self._once(work)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in _FULL or not os.path.exists(self._reserve):
                    raise
                self._give_up_reserve()
                return self._once(work)

    def _once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            done = work(database)
            database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise
        return done

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        """Errors of the database as ours."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code in _FULL:
                hint = "make room there: until then no run begins, and what was told last is not kept"
                raise StorageFull(f"the journal {self._path} cannot be written: {error}", hint=hint) from error
            hopeless = "move it away to begin anew; runs that it knows of are not recognised then"
            message = f"the journal {self._path} cannot be used: {error}"
            raise FreezerError(message, hint=hopeless if code in _LOST else None) from error


def _keep(database: sqlite3.Connection, hold: Hold) -> None:
    body = msgspec.msgpack.encode(hold)
    database.execute("INSERT OR REPLACE INTO hold VALUES (?, ?, ?)", (hold.wanted.run_id, boot_id(), body))


def _deal(database: sqlite3.Connection, job_id: str, known: Known) -> None:
    database.execute("INSERT OR REPLACE INTO job VALUES (?, ?, ?, ?)", (job_id, known.dealt, known.event, known.plan))
