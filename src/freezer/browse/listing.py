"""The backups of a container as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from freezer.container.catalogue import Catalogue
from freezer.container.chain import Chain, StoredBackup
from freezer.container.document import Record
from freezer.container.layout import Layout, SetId
from freezer.container.survey import survey
from freezer.errors import DataError


class BackupRow(msgspec.Struct, frozen=True, kw_only=True):
    """One backup. ``name`` is ``{hostname}_{backup_name}``; the two apart, the path and the failures are known only of
    backups made by Freezer itself, and the path not of sealed ones. ``chain`` and ``time``: seconds since 1970.
    ``size``: bytes stored for this level. ``problem``: why it cannot be restored, or None."""

    id: str
    engine: str
    name: str
    hostname: str | None = None
    backup_name: str | None = None
    level: int
    chain: int
    time: int
    size: int
    layout: Layout
    compression: str | None = None
    encryption: str | None = None
    partial: bool = False
    failed: int = 0
    path: str | None = None
    problem: str | None = None


def list_backups(
    catalogue: Catalogue, *, engine: str | None = None, names: Iterable[str] | None = None
) -> tuple[BackupRow, ...]:
    """The backups of ``catalogue``, or only those of ``engine`` and of the sets called one of ``names``, sorted by set
    and time; damaged and broken ones too, with their problem."""
    wanted = None if names is None else frozenset(names)

    def chosen(set: SetId) -> bool:
        return engine in (None, set.engine) and (wanted is None or set.name in wanted)

    rows = [row for chain in catalogue.chains() if chosen(chain.set) for row in _rows(catalogue, chain)]
    for key, record in catalogue.broken.items():
        if chosen(key.set):
            rows.append(
                BackupRow(
                    id=key.id,
                    engine=key.set.engine,
                    name=key.set.name,
                    level=key.level,
                    chain=key.zero,
                    time=key.time,
                    size=record.size,
                    layout="current",
                    problem="its data is missing from the container",
                )
            )
    return tuple(sorted(rows, key=lambda row: (row.name, row.engine, row.time, row.level)))


def _rows(catalogue: Catalogue, chain: Chain) -> Iterator[BackupRow]:
    links = survey(catalogue, chain)
    for backup in chain.members:
        error = links[backup.key].error
        yield _row(catalogue, backup, None if error is None else error.message)


def _row(catalogue: Catalogue, backup: StoredBackup, problem: str | None) -> BackupRow:
    key = backup.key
    row = BackupRow(
        id=key.id,
        engine=key.set.engine,
        name=key.set.name,
        level=key.level,
        chain=key.zero,
        time=key.time,
        size=backup.size,
        layout=backup.layout,
        problem=problem,
    )
    try:
        record = catalogue.record(backup)
    except DataError:  # the problem says so
        return row
    return row if record is None else _with_record(row, record)


def _with_record(row: BackupRow, record: Record) -> BackupRow:
    row = msgspec.structs.replace(row, compression=record.compression, encryption=record.cipher)
    details = record.freezer
    if details is None:
        return row
    return msgspec.structs.replace(
        row,
        hostname=details.hostname,
        backup_name=details.backup_name,
        partial=details.summary.failed > 0,
        failed=details.summary.failed,
        path=details.names.source if details.names is not None else None,
    )
