"""The changes of projects: numbered when their transaction ends, read by those who follow, forgotten in time.

The number of a project's newest change is one row, locked from the moment when a transaction counts its changes until
its commit. So a reader who sees number n will never see a smaller one appear. Counting is the last that a transaction
does, project by project in one order, so that nobody waits for that row with anything left to lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import asdict
from sqlalchemy import Connection, bindparam, delete, func, select

from freezer.api.store.contract import Change, Feed
from freezer.api.store.sql.counting import add_numbered
from freezer.api.store.sql.tables import change_counter
from freezer.api.store.sql.tables import changes as change_table

# Every scheduler asks this again and again, so it is one question, and made once.
_OLDEST = select(func.min(change_table.c.number)).where(change_table.c.project_id == change_counter.c.project_id)
_FEED = select(change_counter.c.number, _OLDEST.scalar_subquery().label("oldest")).where(
    change_counter.c.project_id == bindparam("in_project")
)


def store_changes(connection: Connection, told: Collection[Change], now: int) -> None:
    """Number and keep what a transaction has changed; of several changes of one object the last."""
    last = {(each.project_id, each.kind, each.id, each.client): each for each in told}
    projects: dict[str, list[Change]] = {}
    for change in last.values():
        projects.setdefault(change.project_id, []).append(change)
    for project_id in sorted(projects):
        rows = [_row(each, now) for each in projects[project_id]]
        add_numbered(connection, change_counter, {"project_id": project_id}, change_table, rows, "number")


def _row(change: Change, now: int) -> dict[str, object]:
    row = asdict(change)
    del row["number"]
    return {**row, "object": row.pop("id"), "at": now}


def read_feed(connection: Connection, project_id: str) -> Feed:
    """How far the changes of a project have come."""
    found = connection.execute(_FEED, {"in_project": project_id}).first()
    if found is None:
        return Feed(0, 0)
    last = int(found.number)
    return Feed(last, last if found.oldest is None else int(found.oldest) - 1)


def read_numbers(connection: Connection, project_ids: Collection[str]) -> Mapping[str, int]:
    """The newest numbers of projects."""
    table = change_counter
    found = connection.execute(select(table.c.project_id, table.c.number).where(table.c.project_id.in_(project_ids)))
    return {row.project_id: int(row.number) for row in found}


def read_changes(
    connection: Connection, project_id: str, after: int, client: str | None, limit: int
) -> Sequence[Change]:
    """The changes of a project behind ``after``."""
    table = change_table
    wanted = select(table).where(table.c.project_id == project_id, table.c.number > after)
    if client is not None:
        wanted = wanted.where(table.c.client == client)
    rows = connection.execute(wanted.order_by(table.c.number).limit(limit))
    return [
        Change(
            project_id=row.project_id,
            kind=row.kind,
            id=row.object,
            deed=row.deed,
            client=row.client,
            number=int(row.number),
        )
        for row in rows
    ]


def forget_changes(connection: Connection, before: int) -> int:
    """Forget changes older than ``before``, seconds since 1970; how many. Who has not read them begins anew.

    What is left of a project has no gaps, whatever the clocks of several servers say.
    """
    table = change_table
    old = select(table.c.project_id, func.max(table.c.number).label("number")).where(table.c.at < before)
    gone = 0
    for row in connection.execute(old.group_by(table.c.project_id)).all():
        mine = delete(table).where(table.c.project_id == row.project_id, table.c.number <= row.number)
        gone += int(connection.execute(mine).rowcount)
    return gone
