"""Reading the original's tables.

Their columns are those of freezer-api 19.0.0, whose migrations end with ``7a3b9c1d2e4f``; every table has
``created_at`` and ``deleted`` besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, column, func, inspect, or_, select, table

from freezer.errors import UsageError

LATEST = "7a3b9c1d2e4f"
_AT_ONCE = 500
_OWNED = ("id", "project_id", "user_id")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "clients": (
        *_OWNED,
        *("client_id", "hostname", "description", "is_central"),
        *("supported_actions", "supported_modes", "supported_storages", "supported_engines"),
    ),
    "actions": (
        *_OWNED,
        *("action", "actionmode", "path_to_backup", "backup_name", "container", "timeout", "priority"),
        *("max_retries_interval", "max_retries", "mandatory", "log_file", "backup_metadata"),
    ),
    "jobs": (*_OWNED, "schedule", "client_id", "session_id", "session_tag", "description"),
    "sessions": (
        *_OWNED,
        *("session_tag", "description", "hold_off", "schedule", "job"),
        *("time_start", "time_end", "time_started", "time_ended", "status", "result"),
    ),
    "backups": (*_OWNED, "status", "backup_metadata"),
    "job_actions": ("id", "job_id", "action_id", "position"),
    "user_credentials": ("id", "trust_id", "trustor_user_id", "job_id"),
    "action_reports": ("id", "result", "time_elapsed", "report_date", "log"),
}
TABLES = tuple(_COLUMNS)
OWNED = ("clients", "actions", "sessions", "jobs", "backups")
"""Tables whose rows belong to a project, in the order in which their records can be made."""

Row = Mapping[str, Any]


class Source:
    """The tables as they were in one moment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, name: str) -> Iterator[Row]:
        """The rows of a table that are not removed, the oldest first."""
        found = _table(name)
        statement = select(*(found.c[each] for each in _COLUMNS[name])).where(_kept(found))
        ordered = statement.order_by(found.c.created_at, found.c.id).execution_options(yield_per=_AT_ONCE)
        with self._connection.execute(ordered) as result:
            for row in result:
                yield dict(row._mapping)

    def removed(self, name: str) -> int:
        """How many rows of a table are removed."""
        found = _table(name)
        return self._count(select(func.count()).select_from(found).where(found.c.deleted.is_(True)))

    def without_project(self, name: str) -> Mapping[str, int]:
        """How many rows of each user belong to no project."""
        found = _table(name)
        nowhere = or_(found.c.project_id.is_(None), found.c.project_id == "")
        statement = select(found.c.user_id, func.count()).where(_kept(found), nowhere).group_by(found.c.user_id)
        return {row[0]: row[1] for row in self._connection.execute(statement)}

    def told_reports(self) -> int:
        """How many rows of ``action_reports`` say anything; the original's never do."""
        found = _table("action_reports")
        told = or_(*(found.c[each].is_not(None) for each in ("result", "time_elapsed", "report_date", "log")))
        return self._count(select(func.count()).select_from(found).where(_kept(found), told))

    def _count(self, statement: Any) -> int:
        return int(self._connection.execute(statement).scalar_one())


@contextmanager
def opened(engine: Engine) -> Iterator[Source]:
    """The original's database; UsageError if it is none, or of another release."""
    with engine.connect() as connection:
        there = set(inspect(connection).get_table_names())
        missing = [name for name in (*TABLES, "alembic_version") if name not in there]
        if missing:
            raise UsageError(f"this is no database of the original's API: it has no table {missing[0]}")
        version = connection.execute(select(column("version_num")).select_from(table("alembic_version"))).scalar()
        if version != LATEST:
            raise UsageError(
                f"the tables are those of another release ({version}, not {LATEST})",
                hint="bring them to 19.0.0 with the original's own: freezer-manage db sync",
            )
        yield Source(connection)


def _table(name: str) -> Any:
    return table(name, *(column(each) for each in (*_COLUMNS[name], "created_at", "deleted")))


def _kept(found: Any) -> Any:
    return or_(found.c.deleted.is_(None), found.c.deleted.is_(False))
