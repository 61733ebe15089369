"""Which backups a container holds, from complete listings.

A backup exists if its record and its data object exist (legacy layout: data and state). Records are listed before
data, and removal deletes records first, so a backup that comes or goes meanwhile is seen whole or not at all.
A listing that fails is an error: "nothing found" is only ever said of a container that was really looked through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from freezer.container.chain import Chain, StoredBackup, group_chains
from freezer.container.document import Record, check_place, decode
from freezer.container.layout import (
    LEGACY_ENGINE,
    BackupKey,
    Part,
    SetId,
    parse_data_name,
    parse_legacy_name,
    parse_record_name,
)
from freezer.errors import DataError, ObjectNotFound
from freezer.storage.contract import ObjectInfo, Storage

_Parts = defaultdict[BackupKey, defaultdict[Part, list[ObjectInfo]]]


class Catalogue(msgspec.Struct, frozen=True):
    """The backups of a container, or of the part of it that ``engine`` and ``name`` (``{hostname}_{backup_name}``)
    were narrowed to. ``broken``: records without data, with their size. ``notes``: names that look like a record
    and are none, one line each. ``begun``: what has objects but no record, as another agent is still at it, or died."""

    storage: Storage
    engine: str | None
    name: str | None
    backups: tuple[StoredBackup, ...]
    broken: dict[BackupKey, ObjectInfo]
    notes: tuple[str, ...]
    begun: frozenset[BackupKey] = frozenset()
    _records: dict[BackupKey, Record | None] = msgspec.field(default_factory=dict)

    def record(self, backup: StoredBackup) -> Record | None:
        """The record of ``backup``, read once and kept; None in the legacy layout.

        :class:`freezer.errors.DataError` if it cannot be understood, stands in the wrong place, or is gone.
        """
        if backup.record is None:
            return None
        if backup.key not in self._records:
            name = backup.record.name
            try:
                data = self.storage.get(name)
            except ObjectNotFound:
                raise DataError(f"{name} has been removed since the container was looked through") from None
            record = decode(data, name)
            check_place(record, backup.key, name)
            self._records[backup.key] = record
        return self._records[backup.key]

    def sets(self) -> tuple[SetId, ...]:
        """The sets that have backups, sorted."""
        return tuple(sorted({backup.key.set for backup in self.backups}))

    def chains(self, set: SetId | None = None) -> tuple[Chain, ...]:
        """The chains of ``set`` (or of all), sorted by set and zero: the newest of a set comes last."""
        return group_chains(backup for backup in self.backups if set is None or backup.key.set == set)

    def keys(self, set: SetId) -> frozenset[BackupKey]:
        """Everything of ``set`` that has a record, with or without data."""
        found = {backup.key for backup in self.backups} | self.broken.keys()
        return frozenset(key for key in found if key.set == set)


class Leftover(msgspec.Struct, frozen=True):
    """Objects of one attempt at a backup that has no record."""

    key: BackupKey
    objects: tuple[ObjectInfo, ...]

    @property
    def modified(self) -> float:
        """When it was last touched, seconds since 1970."""
        return max(part.modified for part in self.objects)

    @property
    def size(self) -> int:
        return sum(part.size for part in self.objects)


def read_catalogue(storage: Storage, *, engine: str | None = None, name: str | None = None) -> Catalogue:
    """Look through ``storage``, or only for the set(s) called ``name`` and made by ``engine`` (as filed)."""
    records: dict[BackupKey, ObjectInfo] = {}
    notes = []
    for found in storage.list(_below("metadata", engine, name)):
        key = parse_record_name(found.name)
        if key is None:
            notes.append(f"{found.name} is not the record of a backup: ignored")
        elif _wanted(key, engine, name):
            records[key] = found
    parts = _data_parts(storage, engine, name)
    backups = {key: _current(key, record, parts[key]) for key, record in records.items() if parts[key]["data"]}
    broken = {key: record for key, record in records.items() if key not in backups}
    if engine in (None, LEGACY_ENGINE):
        for backup in _legacy(storage, name):
            backups.setdefault(backup.key, backup)
    ordered = tuple(backups[key] for key in sorted(backups))
    begun = frozenset(key for key in parts if key not in records)
    return Catalogue(storage, engine, name, ordered, broken, tuple(notes), begun)


def find_leftovers(storage: Storage, *, engine: str | None = None, name: str | None = None) -> tuple[Leftover, ...]:
    """What lies below ``data/`` without a record, sorted; some of it may belong to a backup being made right now.

    Data is listed first here: what has no record in the later listing was not committed when data was listed.
    """
    parts = _data_parts(storage, engine, name)
    committed = {parse_record_name(found.name) for found in storage.list(_below("metadata", engine, name))}
    return tuple(
        Leftover(key, tuple(part for kind in parts[key].values() for part in kind))
        for key in sorted(parts)
        if key not in committed
    )


def _below(root: str, engine: str | None, name: str | None) -> str:
    if engine is None:
        return f"{root}/"
    return f"{root}/{engine}/" if name is None else f"{root}/{engine}/{name}/"


def _wanted(key: BackupKey, engine: str | None, name: str | None) -> bool:
    return engine in (None, key.set.engine) and name in (None, key.set.name)


def _data_parts(storage: Storage, engine: str | None, name: str | None) -> _Parts:
    parts: _Parts = defaultdict(lambda: defaultdict(list))
    for found in storage.list(_below("data", engine, name)):
        meaning = parse_data_name(found.name)
        if meaning is not None and _wanted(meaning[0], engine, name):
            parts[meaning[0]][meaning[1]].append(found)
    return parts


def _current(key: BackupKey, record: ObjectInfo, parts: defaultdict[Part, list[ObjectInfo]]) -> StoredBackup:
    state = parts["state"][0] if parts["state"] else None
    segments, claims = tuple(parts["segment"]), tuple(parts["claim"])
    return StoredBackup(key, "current", record, parts["data"][0], state, segments, claims)


def _legacy(storage: Storage, name: str | None) -> Iterator[StoredBackup]:
    data: dict[BackupKey, ObjectInfo] = {}
    state: dict[BackupKey, ObjectInfo] = {}
    for found in storage.list("" if name is None else f"{name}/"):
        meaning = parse_legacy_name(found.name)
        if meaning is not None:
            (data if meaning[1] == "data" else state)[meaning[0]] = found
    for key in data.keys() & state.keys():
        yield StoredBackup(key, "legacy", None, data[key], state[key])
