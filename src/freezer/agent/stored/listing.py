"""The backups of engine tar in a container, as rows."""

from __future__ import annotations

import msgspec

from freezer.agent.context import Context
from freezer.agent.result import Result, Table
from freezer.agent.stored.rows import chosen_rows
from freezer.browse.listing import BackupRow
from freezer.clock import utc_text
from freezer.container.catalogue import Catalogue
from freezer.units import format_size


def list_levels(context: Context, catalogue: Catalogue) -> Result:
    """A row for each backup that was asked for."""
    rows = chosen_rows(context, catalogue)
    for note in catalogue.notes:
        context.notice(note)
    table = Table(
        ("id", "time", "level", "size", "encryption", "state"),
        [
            (row.id, utc_text(row.time), row.level, format_size(row.size), row.encryption or "none", _state(row))
            for row in rows
        ],
        empty="no backups",
    )
    return Result(document=[msgspec.to_builtins(row) for row in rows], table=table)


def _state(row: BackupRow) -> str:
    if row.problem:
        return row.problem
    return f"partial: {row.failed} items failed" if row.partial else "complete"
