"""Pauses, presences and alarms in their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, and_, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from freezer.api.store.contract import Kind
from freezer.api.store.operations import Alarm, Pause, Presence
from freezer.api.store.sql.tables import TABLES, alarm, pause, presence

# Every scheduler's poll asks for pauses, and making a statement takes as long as asking it.
_PAUSES = select(pause).where(pause.c.project_id == bindparam("in_project")).order_by(pause.c.since, pause.c.object)
_LASTING = _PAUSES.where(pause.c.ended.is_(None))


class SqlOperations:
    """These tables on an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def pauses(self, project_id: str, *, lasting: bool = True) -> Sequence[Pause]:
        rows = self._connection.execute(_LASTING if lasting else _PAUSES, {"in_project": project_id}).all()
        return [Pause(**row._mapping) for row in rows]

    def keep_pause(self, pause_: Pause) -> None:
        self._keep(pause, ("project_id", "kind", "object"), msgspec.structs.asdict(pause_))

    def forget_pauses(self, before: int) -> int:
        return self._connection.execute(delete(pause).where(pause.c.ended < before)).rowcount

    def presences(self, project_id: str | None = None) -> Sequence[Presence]:
        statement = select(presence)
        if project_id is not None:
            statement = statement.where(presence.c.project_id == project_id)
        return [Presence(**row._mapping) for row in self._rows(statement.order_by(presence.c.client))]

    def keep_presence(self, presence_: Presence) -> None:
        told = {key: value for key, value in msgspec.structs.asdict(presence_).items() if value is not None}
        self._keep(presence, ("client",), told)

    def forget_presences(self) -> int:
        client = TABLES[Kind.CLIENT]
        gone = presence.c.client.not_in(select(client.c.id))
        return self._connection.execute(delete(presence).where(gone)).rowcount

    def alarms(self, project_id: str | None = None) -> Sequence[Alarm]:
        statement = select(alarm)
        if project_id is not None:
            statement = statement.where(alarm.c.project_id == project_id)
        return [Alarm(**row._mapping) for row in self._rows(statement.order_by(alarm.c.since, alarm.c.object))]

    def add_alarm(self, alarm_: Alarm) -> bool:
        return self._added(alarm, msgspec.structs.asdict(alarm_))

    def mark_alarm(self, alarm_: Alarm) -> None:
        self._connection.execute(update(alarm).where(_is(alarm_)).values(told=True))

    def drop_alarm(self, alarm_: Alarm) -> None:
        self._connection.execute(delete(alarm).where(_is(alarm_)))

    def _rows(self, statement: Any) -> Sequence[Any]:
        return self._connection.execute(statement).all()

    def _keep(self, table: Table, key: tuple[str, ...], values: Mapping[str, Any]) -> None:
        same = and_(*(table.c[name] == values[name] for name in key))
        if self._connection.execute(select(table.c[key[0]]).where(same)).first() is None and self._added(table, values):
            return
        self._connection.execute(update(table).where(same), values)

    def _added(self, table: Table, values: Mapping[str, Any]) -> bool:
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(table), values)
        except IntegrityError:
            return False  # somebody else was faster
        return True


def _is(wanted: Alarm) -> Any:
    return and_(alarm.c.event == wanted.event, alarm.c.object == wanted.object)
