"""The backups of a repository as rows: from summaries alone, without reading a pack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from freezer.agent.context import Context
from freezer.agent.dedup.choosing import all_backups, wanted
from freezer.agent.dedup.doubts import doubt
from freezer.agent.dedup.opening import Opened
from freezer.agent.result import Result, Table
from freezer.clock import utc_text
from freezer.model.items import printable
from freezer.options.engines import DEDUP
from freezer.repository.documents import Hold
from freezer.repository.protocol.backups import Backup
from freezer.repository.protocol.forgetting import holds
from freezer.units import counted, format_size
from freezer.upkeep import verification
from freezer.upkeep.verification import Verification

_NANO = 1_000_000_000

Row = Mapping[str, object]


def list_repository(context: Context, found: Opened, *, both: bool) -> Result:
    """A row for each backup that was asked for. ``both``: they follow backups of other engines, in their columns."""
    backups = wanted(context, all_backups(context, found))
    checks = verification.load(found.repository, found.cache, context.notice)
    held = holds(found.repository, found.cache, context.notice)
    rows = [row_of(found, backup, checks, held.get(backup.attempt)) for backup in backups]
    lines = [f"In the repository: {counted(len(rows), 'backup')} of engine {DEDUP}."] if both else []
    return Result(document=rows, table=_as_levels(rows) if both else _table(backups, rows), lines=lines)


def row_of(found: Opened, backup: Backup, checks: Verification, hold: Hold | None = None) -> Row:
    """What is told of a backup, under the keys of the backups of other engines."""
    summary, time = backup.summary, backup.started // _NANO
    proved, failed = checks.proved.get(backup.attempt), checks.failed.get(backup.attempt)
    return {
        "id": backup.attempt,
        "engine": DEDUP,
        "name": f"{summary.host}_{summary.backup_name}",
        "hostname": summary.host,
        "backup_name": summary.backup_name,
        "level": 0,
        "chain": time,
        "time": time,
        "size": summary.stored_bytes,
        "layout": "repository",
        "compression": "zstd",
        "encryption": found.repository.config.cipher if found.repository.keys.encrypted else None,
        "partial": not summary.complete,
        "failed": summary.failures,
        "path": ", ".join(printable(path) for path in summary.paths),
        "problem": doubt(found, backup, checks),
        "tags": list(summary.tags),
        "files": summary.files,
        "bytes": summary.bytes,
        "held": None if hold is None else (hold.until // _NANO or "for ever"),
        "proved": None if proved is None else proved // _NANO,
        "drill_failed": None if failed is None else failed // _NANO,
    }


def _table(backups: Sequence[Backup], rows: Sequence[Row]) -> Table:
    shown = [
        (
            backup.attempt,
            utc_text(backup.started / _NANO),
            backup.summary.host,
            backup.summary.backup_name,
            backup.summary.files,
            format_size(backup.summary.bytes),
            " ".join(backup.summary.tags),
            _state(row),
        )
        for backup, row in zip(backups, rows, strict=True)
    ]
    return Table(("id", "time", "host", "name", "files", "size", "tags", "state"), shown, empty="no backups")


def _as_levels(rows: Sequence[Row]) -> Table:
    shown = [
        (
            str(row["id"]),
            utc_text(float(str(row["time"]))),
            0,
            format_size(float(str(row["size"]))),
            str(row["encryption"] or "none"),
            _state(row),
        )
        for row in rows
    ]
    return Table(("id", "time", "level", "size", "encryption", "state"), shown, empty="no backups")


def _state(row: Row) -> str:
    if row["problem"]:
        return str(row["problem"])
    words = [f"partial: {row['failed']} items failed" if row["partial"] else "complete"]
    if row["held"] is not None:
        held = row["held"]
        words.append(f"held until {utc_text(held)}" if isinstance(held, int) else "held")
    if isinstance(row["proved"], int):
        words.append(f"proved {utc_text(row['proved'])[:10]}")
    if isinstance(row["drill_failed"], int):
        words.append(f"a drill failed {utc_text(row['drill_failed'])[:10]}")
    return ", ".join(words)
