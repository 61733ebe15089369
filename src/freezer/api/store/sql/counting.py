"""Rows that are counted up: made if missing, in one statement, so that no two transactions both do that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Insert, Table, bindparam, case, func, insert
from sqlalchemy.dialects import mysql, postgresql, sqlite

from freezer.api.store.sql.later import write_later

Settled = Callable[[Any, Any], ColumnElement[Any]]
"""From the column as it is and as it was to be inserted to what it becomes."""

_MYSQL = frozenset({"mysql", "mariadb"})


def count(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], settle: Mapping[str, Settled]
) -> None:
    """Insert ``rows``; where there is one of that primary key, settle these columns between the two."""
    write_later(connection, _statement(connection.dialect.name, table, tuple(settle.items())), list(rows))


def add_numbered(
    connection: Connection,
    counter: Table,
    key: Mapping[str, object],
    table: Table,
    rows: Sequence[Mapping[str, object]],
    column: str,
) -> None:
    """Insert ``rows`` into ``table``, each with the next number of the counter of that ``key`` as its ``column``, which
    is the counter's own, too."""
    if connection.dialect.name in _MYSQL:
        # LAST_INSERT_ID remembers what it was given last on this connection, so nobody need wait for the number.
        write_later(connection, _counting(counter, column), {**key, "more": len(rows)})
        behind = range(len(rows) - 1, -1, -1)
        write_later(connection, _insert_behind(table, column), _with(rows, "behind", behind))
        return
    counting = _statement(connection.dialect.name, counter, ((column, added),)).returning(counter.c[column])
    last = int(connection.execute(counting, {**key, column: len(rows)}).scalar_one())
    write_later(connection, _insert(table), _with(rows, column, range(last - len(rows) + 1, last + 1)))


def _with(rows: Sequence[Mapping[str, object]], name: str, values: Sequence[int]) -> list[dict[str, object]]:
    return [{**row, name: value} for row, value in zip(rows, values, strict=True)]


@cache
def _counting(counter: Table, column: str) -> Insert:
    """Begins a counter, or adds to it; either way LAST_INSERT_ID is its new number."""
    more: ColumnElement[Any] = func.last_insert_id(bindparam("more", type_=BigInteger()))
    mine = mysql.insert(counter).values({column: more})
    return mine.on_duplicate_key_update({column: func.last_insert_id(counter.c[column] + mine.inserted[column])})


@cache
def _insert_behind(table: Table, column: str) -> Insert:
    return insert(table).values({column: func.last_insert_id() - bindparam("behind", type_=BigInteger())}).inline()


@cache
def _insert(table: Table) -> Insert:
    return insert(table)


@cache
def _statement(dialect: str, table: Table, settle: tuple[tuple[str, Settled], ...]) -> Insert:
    """Made once, since that takes longer than to have it done."""
    if dialect in _MYSQL:
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
