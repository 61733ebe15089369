"""What ``copy`` has to do: for every backup of one storage, whether the other has it, and if not, whether it can.

A backup is the same where record, size of the data and size of the state are; another one under the same name is never
replaced. What cannot be restored from where it is would be no backup elsewhere, so it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from freezer.browse.listing import BackupRow
from freezer.container.catalogue import Catalogue
from freezer.container.chain import StoredBackup
from freezer.container.layout import BackupKey
from freezer.container.survey import survey
from freezer.storage.contract import ObjectInfo

Step = Literal["copy", "there", "refused"]
_OTHER = "the other storage has another backup of this name"


class Copying(msgspec.Struct, frozen=True):
    """One backup of the source: what is to be done with it, and why if it is refused. ``there``: the one that the
    target has under its name. ``base``: what it was made from."""

    backup: StoredBackup
    step: Step
    reason: str = ""
    there: StoredBackup | None = None
    base: BackupKey | None = None

    @property
    def size(self) -> int:
        """Bytes to be moved."""
        return self.backup.size

    def refused(self, reason: str) -> Copying:
        """The same, not to be done."""
        return msgspec.structs.replace(self, step="refused", reason=reason)


def plan_copy(source: Catalogue, target: Catalogue, rows: Sequence[BackupRow]) -> list[Copying]:
    """What to do with the backups that ``rows`` are about, those that others build on first."""
    wanted = {(row.engine, row.name, row.chain, row.level, row.time) for row in rows}
    present = {backup.key: backup for backup in target.backups}
    planned: list[Copying] = []
    refused: set[BackupKey] = set()
    for chain in source.chains():
        links = survey(source, chain)
        for backup in sorted(chain.members, key=lambda member: (member.key.level, member.key.time)):
            key = backup.key
            if _place(key) not in wanted:
                continue
            base, error = links[key].base, links[key].error
            one = Copying(backup, "copy", there=present.get(key), base=base.key if base is not None else None)
            if error is not None:
                one = one.refused(error.message)
            elif one.there is not None:
                difference = _difference(source, backup, target, one.there)
                one = one.refused(difference) if difference else msgspec.structs.replace(one, step="there")
            elif key in target.broken and _other_record(source, backup, target, target.broken[key]):
                one = one.refused(_OTHER)
            if one.step != "refused" and one.base in refused:
                one = one.refused(f"the level {key.level - 1} that it builds on cannot be copied")
            if one.step == "refused":
                refused.add(key)
            planned.append(one)
    lost = [key for key in source.broken if _place(key) in wanted]
    return planned + [_lost(key, source.broken[key]) for key in lost]


def _place(key: BackupKey) -> tuple[str, str, int, int, int]:
    return key.set.engine, key.set.name, key.zero, key.level, key.time


def _lost(key: BackupKey, record: ObjectInfo) -> Copying:
    """A record whose data is gone."""
    backup = StoredBackup(key, "current", record, ObjectInfo(record.name, 0, record.modified), None)
    return Copying(backup, "refused", "its data is missing from the container")


def _difference(source: Catalogue, ours: StoredBackup, target: Catalogue, theirs: StoredBackup) -> str | None:
    """Why two backups of one name are not the same, by records and sizes."""
    if ours.layout != theirs.layout:
        return f"{_OTHER}, in another layout"
    if theirs.record is not None and _other_record(source, ours, target, theirs.record):
        return _OTHER
    if stream_size(ours) != stream_size(theirs):
        return f"{_OTHER}, or a damaged one: its data has {stream_size(theirs)} bytes, not {stream_size(ours)}"
    sizes = [backup.state.size if backup.state is not None else None for backup in (ours, theirs)]
    if sizes[0] != sizes[1]:
        return f"{_OTHER}, or a damaged one: its state (engine_metadata) has another size"
    return None


def _other_record(source: Catalogue, ours: StoredBackup, target: Catalogue, theirs: ObjectInfo) -> bool:
    return ours.record is None or source.storage.get(ours.record.name) != target.storage.get(theirs.name)


def stream_parts(backup: StoredBackup) -> tuple[ObjectInfo, ...]:
    """The objects whose bytes together are the stream."""
    return backup.segments or (backup.data,)


def stream_size(backup: StoredBackup) -> int:
    """Bytes of the stream."""
    return sum(part.size for part in stream_parts(backup))
