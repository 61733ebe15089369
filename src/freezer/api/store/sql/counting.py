"""Rows that are counted up: made if missing, in one statement, so that no two transactions both do that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Table, case, func
from sqlalchemy.dialects import mysql, postgresql, sqlite

Settled = Callable[[Any, Any], ColumnElement[Any]]
"""From the column as it is and as it was to be inserted to what it becomes."""


def count(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], settle: Mapping[str, Settled]
) -> None:
    """Insert ``rows``; where there is one of that primary key, settle these columns between the two."""
    connection.execute(_statement(connection.dialect.name, table, tuple(settle.items())), list(rows))


def counted(connection: Connection, table: Table, row: Mapping[str, object], column: str) -> int:
    """Insert ``row``; where there is one of that primary key, add to its ``column``. What that is then: in one question
    to the database instead of two."""
    statement = _counting(connection.dialect.name, table, column)
    result = connection.execute(statement, row)
    if result.returns_rows:
        return int(result.scalar_one())
    return result.lastrowid or int(str(row[column]))  # the database has set none where it has inserted


@cache
def _counting(dialect: str, table: Table, column: str) -> Insert:
    """Such a statement. MySQL has no RETURNING, but says at any statement's end what LAST_INSERT_ID was given."""
    if dialect in {"mysql", "mariadb"}:
        mine = mysql.insert(table)
        return mine.on_duplicate_key_update({column: func.last_insert_id(table.c[column] + mine.inserted[column])})
    return _statement(dialect, table, ((column, added),)).returning(table.c[column])


@cache
def _statement(dialect: str, table: Table, settle: tuple[tuple[str, Settled], ...]) -> Insert:
    """Made once, since that takes longer than to have it done."""
    if dialect in {"mysql", "mariadb"}:
        mine = mysql.insert(table)
        told = {name: rule(table.c[name], mine.inserted[name]) for name, rule in settle}
        return mine.on_duplicate_key_update(told)
    theirs = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    told = {name: rule(table.c[name], theirs.excluded[name]) for name, rule in settle}
    keys = [column.name for column in table.primary_key]
    return theirs.on_conflict_do_update(index_elements=keys, set_=told)


def added(old: Any, new: Any) -> ColumnElement[Any]:
    """The sum of the two."""
    result: ColumnElement[Any] = old + new
    return result


def latest(old: Any, new: Any) -> ColumnElement[Any]:
    """The greater of the two."""
    return case((new > old, new), else_=old)


def kept(old: Any, _new: Any) -> ColumnElement[Any]:
    """The old one."""
    result: ColumnElement[Any] = old
    return result
