"""PyMySQL with statements that wait for the next one, and go to the server with it in one packet.

Several statements in one packet are what PyMySQL forbids unless it is told otherwise, because whoever can smuggle text
into one statement could then add another. Here no statement has a value in its text that PyMySQL has not escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pymysql.constants import CLIENT
from pymysql.cursors import Cursor
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExecutionContext

from freezer.api.store.sql.later import LATER
from freezer.api.store.sql.rows import ReadingConnection

_MOST_BYTES = 256 * 1024
"""More does not wait: a server takes only so much in one packet, at least 1 MiB."""


def send_together(engine: Engine) -> None:
    """Make the connections of ``engine``, whose driver is PyMySQL, do so."""
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "do_execute", _execute)
    event.listen(engine, "do_executemany", _execute_many)


class _Connection(ReadingConnection):
    """A connection with statements that wait."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        self._waiting: list[bytes] = []
        self._bytes = 0
        super().__init__(*arguments, **more)

    def later(self, statement: str) -> None:
        text = statement.encode(self.encoding)
        self._waiting.append(text)
        self._bytes += len(text)
        if self._bytes > _MOST_BYTES:
            self.query(self._waiting.pop())

    def query(self, sql: str | bytes, unbuffered: bool = False) -> int:
        last = sql.encode(self.encoding) if isinstance(sql, str) else sql
        if self._waiting and len(last) > _MOST_BYTES:
            self.query(self._waiting.pop())  # what is large goes alone
        if not self._waiting:
            return super().query(last, unbuffered)
        before, self._waiting, self._bytes = self._waiting, [], 0
        affected = super().query(b";".join((*before, last)), unbuffered)
        for _ in before:
            affected = self.next_result(unbuffered)  # there is none behind a statement that has failed
        return affected

    def commit(self) -> None:
        if not self._waiting:
            super().commit()
            return
        try:
            self.query("COMMIT")
        except BaseException:
            # SQLAlchemy takes a transaction that was committed, well or not, for ended, so nobody else would end it.
            with suppress(Exception):
                super().rollback()
            raise

    def rollback(self) -> None:
        self._waiting.clear()
        self._bytes = 0
        super().rollback()


def _connect(_dialect: object, _record: object, arguments: tuple[Any, ...], more: dict[str, Any]) -> _Connection:
    flags = more.pop("client_flag", 0) | CLIENT.MULTI_STATEMENTS
    return _Connection(*arguments, **more, client_flag=flags)


def _execute(cursor: Cursor, statement: str, values: Any, context: ExecutionContext) -> bool:
    """Whether it was kept for later, so that SQLAlchemy need not do it."""
    return _execute_many(cursor, statement, (values,), context)


def _execute_many(cursor: Cursor, statement: str, rows: Sequence[Any], context: ExecutionContext) -> bool:
    if LATER not in context.execution_options:
        return False
    connection = cursor.connection
    assert isinstance(connection, _Connection)
    cursor.lastrowid = 0  # SQLAlchemy looks for it
    for values in rows:
        connection.later(cursor.mogrify(statement, values))
    return True
