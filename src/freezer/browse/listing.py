"""The backups of a container as rows."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freezer.container.catalogue import Catalogue
from freezer.container.chain import Chain, StoredBackup
from freezer.container.document import Record
from freezer.container.layout import Layout, SetId
from freezer.container.selection import path_to
from freezer.errors import ChainBroken, DataError


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

    rows = [
        _row(catalogue, chain, backup) for chain in catalogue.chains() if chosen(chain.set) for backup in chain.members
    ]
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


def _row(catalogue: Catalogue, chain: Chain, backup: StoredBackup) -> BackupRow:
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
    )
    try:
        record = catalogue.record(backup)
        if record is not None:
            row = _with_record(row, record)
        path_to(catalogue, chain, backup)
    except (ChainBroken, DataError) as error:
        return msgspec.structs.replace(row, problem=error.message)
    return row


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
