"""Rows that a server of an earlier version wrote, brought to what this one would have written.

Done whenever tables are brought up to date, also after a rolling upgrade, when the last old server has ended.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, Engine, func, insert, select, update

from freezer.api.store.contract import Kind
from freezer.api.store.sql.engine import WRITING
from freezer.api.store.sql.rewording import correct_words
from freezer.api.store.sql.tables import TABLES, quotas
from freezer.api.store.sql.tallies import SqlTallies
from freezer.api.store.weighing import columns, weight

_AT_ONCE = 500


def catch_up(engine: Engine) -> None:
    """Fill in what is missing; may be repeated, also while servers work."""
    while _count_backups(engine):
        pass
    for kind in Kind:
        correct_words(engine, kind)
    after: int | None = 0
    while after is not None:
        after = _name_clients(engine, after)
    _count_again(engine)


def _count_again(engine: Engine) -> None:
    """Count what every project has, kind by kind, as servers without quotas did not."""
    for kind in Kind:
        table, resource = TABLES[kind], f"{kind.value}s"
        present = select(table.c.project_id, func.count().label("used")).group_by(table.c.project_id)
        with engine.execution_options(**{WRITING: True}).begin() as connection:
            of_kind = quotas.c.resource == resource
            known = set(connection.execute(select(quotas.c.project_id).where(of_kind).with_for_update()).scalars())
            counted = {row.project_id: row.used for row in connection.execute(present)}
            for project_id in known | counted.keys():
                _set(connection, project_id, resource, counted.get(project_id, 0), new=project_id not in known)


def _set(connection: Connection, project_id: str, resource: str, used: int, *, new: bool) -> None:
    if new:
        row = {"project_id": project_id, "resource": resource, "used": used}
        connection.execute(insert(quotas), row)
        return
    one = (quotas.c.project_id == project_id, quotas.c.resource == resource)
    connection.execute(update(quotas).where(*one).values(used=used))


def _name_clients(engine: Engine, after: int) -> int | None:
    """Let the next jobs name their clients; the place of the last, None if there are no more."""
    table = TABLES[Kind.JOB]
    missing = select(table.c.place, table.c.links).where(table.c.place > after, table.c.client.is_(None))
    statement = missing.order_by(table.c.place).limit(_AT_ONCE).with_for_update()
    with engine.execution_options(**{WRITING: True}).begin() as connection:
        found = connection.execute(statement).all()
        for row in found:
            client = msgspec.json.decode(row.links).get("client")
            connection.execute(update(table).where(table.c.place == row.place).values(client=client))
    return found[-1].place if len(found) == _AT_ONCE else None


def _count_backups(engine: Engine) -> bool:
    """Count the next backups that are in no set yet; whether there may be more."""
    table = TABLES[Kind.BACKUP]
    uncounted = (
        select(table.c.place, table.c.project_id, table.c.body)
        .where(table.c.belongs == "")
        .order_by(table.c.place)
        .limit(_AT_ONCE)
        .with_for_update()
    )
    with engine.execution_options(**{WRITING: True}).begin() as connection:
        found = connection.execute(uncounted).all()
        sums = SqlTallies(connection)
        for row in found:
            shown = msgspec.json.decode(row.body)
            connection.execute(update(table).where(table.c.place == row.place).values(columns(shown)))
            sums.add(weight(row.project_id, shown))
    return len(found) == _AT_ONCE
