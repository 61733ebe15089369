"""The rows of the audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select

from freezer.api.store.audit import Deed, DeedQuery
from freezer.api.store.sql.later import write_later
from freezer.api.store.sql.tables import audit

_COLUMNS = tuple(audit.c[name] for name in Deed.__struct_fields__)
_INSERT = insert(audit).inline()  # nobody needs to know its place


class SqlAudit:
    """The rows on an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note(self, deed: Deed) -> None:
        row = msgspec.structs.asdict(deed)
        del row["place"]
        write_later(self._connection, _INSERT, row)

    def find(self, query: DeedQuery) -> Sequence[Deed]:
        wanted = select(*_COLUMNS).where(*_conditions(query)).order_by(audit.c.place.desc()).limit(query.limit)
        return [Deed(**row._asdict()) for row in self._connection.execute(wanted)]

    def forget(self, before: int, limit: int) -> int:
        # MySQL cannot delete from a table that the same statement reads.
        old = select(audit.c.place).where(audit.c.at < before).order_by(audit.c.place).limit(limit)
        places = list(self._connection.execute(old).scalars())
        if places:
            self._connection.execute(delete(audit).where(audit.c.place.in_(places)))
        return len(places)


def _conditions(query: DeedQuery) -> Iterator[ColumnElement[bool]]:
    yield audit.c.project_id == query.project_id
    if query.user_id is not None:
        yield audit.c.user_id == query.user_id
    if query.operation is not None:
        yield audit.c.operation == query.operation
    if query.target is not None:
        yield audit.c.target == query.target
    if query.since is not None:
        yield audit.c.at >= query.since
    if query.until is not None:
        yield audit.c.at <= query.until
    if query.before is not None:
        yield audit.c.place < query.before
