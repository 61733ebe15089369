"""Backups linked to chains: which backup an increment builds on, by times alone.

A chain may hold several backups of one level (``--always-level 2`` makes ``0 1 2 2 2``): the base of a backup is the
newest backup of one level less that is not newer than it. (Upstream takes whichever the listing shows last and restores
stale data.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from freezer.clock import utc_text
from freezer.container.layout import BackupKey, Layout, SetId
from freezer.errors import ChainBroken
from freezer.storage.contract import ObjectInfo


class StoredBackup(msgspec.Struct, frozen=True):
    """A committed backup as the listing shows it. ``record`` is None in the legacy layout, which has no records;
    ``state`` is None where the next increment cannot be made; ``segments`` are in order; ``claims`` are what its writer
    could not take back."""

    key: BackupKey
    layout: Layout
    record: ObjectInfo | None
    data: ObjectInfo
    state: ObjectInfo | None
    segments: tuple[ObjectInfo, ...] = ()
    claims: tuple[ObjectInfo, ...] = ()

    @property
    def objects(self) -> tuple[ObjectInfo, ...]:
        """All objects of the backup, the one whose removal undoes the commit first."""
        legacy = self.layout == "legacy"
        current = (self.record, self.data, self.state, *self.segments, *self.claims)
        parts = (self.state, self.data) if legacy else current
        return tuple(part for part in parts if part is not None)

    @property
    def size(self) -> int:
        """Bytes stored for this backup."""
        return sum(part.size for part in self.objects)


class Chain(msgspec.Struct, frozen=True):
    """The backups of one chain, oldest first (and lower level first within a second)."""

    set: SetId
    zero: int
    members: tuple[StoredBackup, ...]
    _levels: Mapping[int, tuple[StoredBackup, ...]]

    @classmethod
    def of(cls, set: SetId, zero: int, backups: Iterable[StoredBackup]) -> Chain:
        """The chain of these ``backups``, in any order."""
        members = sorted(backups, key=lambda backup: (backup.key.time, backup.key.level))
        levels: defaultdict[int, tuple[StoredBackup, ...]] = defaultdict(tuple)
        for member in members:
            levels[member.key.level] += (member,)
        return cls(set, zero, tuple(members), dict(levels))

    def of_level(self, level: int) -> tuple[StoredBackup, ...]:
        """The members of ``level``, oldest first."""
        return self._levels.get(level, ())

    def base_of(self, member: StoredBackup) -> StoredBackup | None:
        """What ``member`` was made from; None for a level 0, or where that is missing or cannot be told."""
        lower = self.of_level(member.key.level - 1)
        older = [other for other in lower if other.key.time <= member.key.time]
        if older:
            return older[-1]
        # Upstream's clock went back between the two levels; one candidate leaves no doubt.
        return lower[0] if len(lower) == 1 else None

    def path_to(self, member: StoredBackup) -> tuple[StoredBackup, ...]:
        """Levels 0 to that of ``member``; :class:`ChainBroken` names the first that is missing."""
        path = [member]
        while path[-1].key.level > 0:
            base = self.base_of(path[-1])
            if base is None:
                raise missing_base(path[-1])
            path.append(base)
        return tuple(reversed(path))


def missing_base(member: StoredBackup, *, time: int | None = None) -> ChainBroken:
    """The error for a ``member`` whose base (made at ``time``, if that is known) is not in the container."""
    key = member.key
    when = "" if time is None else f" of {utc_text(time)}"
    return ChainBroken(
        f"{key.set.name}: the backup of {utc_text(key.time)} has level {key.level}, "
        f"but the level {key.level - 1}{when} it builds on is missing from chain {key.zero}",
        hint="ask for an earlier backup with --restore-from-date, or make a new full backup with --no-incremental",
    )


def group_chains(backups: Iterable[StoredBackup]) -> tuple[Chain, ...]:
    """``backups`` as chains, sorted by set and zero."""
    members: defaultdict[tuple[SetId, int], list[StoredBackup]] = defaultdict(list)
    for backup in backups:
        members[backup.key.set, backup.key.zero].append(backup)
    return tuple(Chain.of(*place, found) for place, found in sorted(members.items(), key=lambda item: item[0]))
