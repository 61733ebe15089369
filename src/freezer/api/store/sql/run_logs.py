"""Logs of runs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from freezer.api.store.contract import Kind, Record
from freezer.api.store.run_logs import Cursor, Piece
from freezer.api.store.sql.tables import TABLES, run_log
from freezer.model.runs import Fence

_RUNS = TABLES[Kind.RUN]


class SqlRunLogs:
    """The logs of an open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def last(self, run: Record, fence: Fence) -> int:
        wanted = and_(
            run_log.c.run == run.place,
            run_log.c.incarnation == fence.incarnation,
            run_log.c.fence == fence.number,
        )
        found = self._connection.execute(select(func.max(run_log.c.sequence)).where(wanted)).scalar()
        return int(found or 0)

    def append(self, run: Record, pieces: Sequence[Piece], most: int) -> bool:
        size = sum(len(piece.text.encode()) for piece in pieces)
        grown = update(_RUNS).where(_RUNS.c.place == run.place, _RUNS.c.log_bytes + size <= most)
        if self._connection.execute(grown.values(log_bytes=_RUNS.c.log_bytes + size)).rowcount != 1:
            return False
        rows = [
            {
                "run": run.place,
                "incarnation": piece.fence.incarnation,
                "fence": piece.fence.number,
                "sequence": piece.sequence,
                "at": piece.at,
                "text": piece.text,
            }
            for piece in pieces
        ]
        self._connection.execute(insert(run_log), rows)
        return True

    def after(self, run: Record, cursor: Cursor, limit: int) -> Sequence[Piece]:
        c, fence = run_log.c, cursor.fence
        behind = or_(
            c.incarnation > fence.incarnation,
            and_(c.incarnation == fence.incarnation, c.fence > fence.number),
            and_(c.incarnation == fence.incarnation, c.fence == fence.number, c.sequence > cursor.sequence),
        )
        statement = select(c.incarnation, c.fence, c.sequence, c.at, c.text).where(c.run == run.place, behind)
        rows = self._connection.execute(statement.order_by(c.incarnation, c.fence, c.sequence).limit(limit))
        return [Piece(Fence(row.incarnation, row.fence), row.sequence, row.at, row.text) for row in rows]
