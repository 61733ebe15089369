"""The sums of backups, as rows that are counted up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, update

from freezer.api.store.contract import Kind
from freezer.api.store.sql.counting import added, count, kept, latest
from freezer.api.store.sql.tables import TABLES
from freezer.api.store.sql.tables import tallies as table
from freezer.api.store.tallies import ALL_TIME, COMPLETE, PARTIAL, Tally

_SUMS = ("backups", "partial", "bytes_read", "bytes_stored")
_LATEST = ("last_success", "last_complete")
_SETTLED = {**dict.fromkeys(_SUMS, added), **dict.fromkeys(_LATEST, latest), "objective": kept}


class SqlTallies:
    """The sums, on an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, tallies: Sequence[Tally]) -> None:
        rows = [_row(each) for each in sorted(tallies, key=lambda each: (each.project_id, each.set_id, each.day))]
        if rows:
            count(self._connection, table, rows, _SETTLED)

    def settle(self, project_id: str, set_id: str) -> None:
        complete = self._newest(project_id, set_id, COMPLETE)
        newest = max(complete, self._newest(project_id, set_id, PARTIAL))
        changed = update(table).where(*_whole(project_id), table.c.belongs == set_id)
        self._connection.execute(changed.values(last_success=newest, last_complete=complete))

    def _newest(self, project_id: str, set_id: str, counted: int) -> int:
        backup = TABLES[Kind.BACKUP]
        mine = and_(backup.c.project_id == project_id, backup.c.belongs == set_id, backup.c.counted == counted)
        return int(self._connection.execute(select(func.max(backup.c.stamp)).where(mine)).scalar_one_or_none() or 0)

    def sets(self, project_id: str, after: str, limit: int, hostname: str | None = None) -> Sequence[Tally]:
        wanted = select(table).where(*_whole(project_id), table.c.belongs > after)
        if hostname is not None:
            wanted = wanted.where(table.c.hostname == hostname)
        return self._read(wanted.order_by(table.c.belongs).limit(limit))

    def days(self, project_id: str, since: int, set_ids: Sequence[str] | None = None) -> Sequence[Tally]:
        mine = and_(table.c.project_id == project_id, table.c.day >= max(since, ALL_TIME + 1))
        if set_ids is not None:
            named = select(table).where(mine, table.c.belongs.in_(set_ids))
            return self._read(named.order_by(table.c.belongs, table.c.day))
        sums = _sums().add_columns(table.c.day).where(mine).group_by(table.c.day).order_by(table.c.day)
        rows = self._connection.execute(sums)
        return [Tally(project_id=project_id, set_id="", **_whole_numbers(row)) for row in rows]

    def total(self, project_id: str) -> Tally:
        row = self._connection.execute(_sums().where(*_whole(project_id))).one()
        return Tally(project_id=project_id, set_id="", **_whole_numbers(row))

    def set_objective(self, project_id: str, set_id: str, seconds: int | None) -> bool:
        changed = update(table).where(*_whole(project_id), table.c.belongs == set_id).values(objective=seconds)
        return bool(self._connection.execute(changed).rowcount)

    def _read(self, statement: Select[Any]) -> Sequence[Tally]:
        return [
            Tally(**{("set_id" if key == "belongs" else key): value for key, value in row._mapping.items()})
            for row in self._connection.execute(statement)
        ]


def _row(tally: Tally) -> dict[str, object]:
    row = asdict(tally)
    return {**row, "belongs": row.pop("set_id")}


def _whole(project_id: str) -> tuple[ColumnElement[bool], ...]:
    return (table.c.project_id == project_id, table.c.day == ALL_TIME)


def _sums() -> Select[Any]:
    sums = [func.coalesce(func.sum(table.c[name]), 0).label(name) for name in _SUMS]
    newest = [func.coalesce(func.max(table.c[name]), 0).label(name) for name in _LATEST]
    return select(*sums, *newest)


def _whole_numbers(row: Any) -> dict[str, Any]:
    """Sums, which some databases give as decimal fractions."""
    return {key: int(value) for key, value in row._mapping.items()}
