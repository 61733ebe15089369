"""Removing old backups and leftovers.

Safe against interruption: of a chain the newest backup of the highest level goes first, and of a backup the record goes
first, so at any moment what is left are whole, restorable chains, plus leftovers that the next removal collects.
Safe against others: every set is held while something of it is removed, and a set that has gained a backup since the
plan was made is not touched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from freezer.container.catalogue import Catalogue, find_leftovers, read_catalogue
from freezer.container.layout import BackupKey, SetId, hold_name
from freezer.errors import BusyError
from freezer.progress import Progress
from freezer.retention.plan import plan
from freezer.retention.rules import Rules
from freezer.storage.contract import ObjectInfo, Storage
from freezer.upkeep.candidates import candidates

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Removal:
    """Objects to delete, in this order, and why: a backup, or a leftover (``committed`` false)."""

    key: BackupKey
    objects: tuple[ObjectInfo, ...]
    reason: str
    committed: bool

    @property
    def size(self) -> int:
        """Bytes that this frees."""
        return sum(part.size for part in self.objects)


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """What stays, what goes (in the order it goes), and which temporary objects of dead writers are swept.

    ``seen``: the committed backups of each set when the plan was made. ``sweep_before``: seconds since 1970."""

    keep: tuple[tuple[BackupKey, str], ...]
    remove: tuple[Removal, ...]
    temporary: tuple[str, ...]
    sweep_before: float
    seen: Mapping[SetId, frozenset[BackupKey]] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes that the plan frees, temporary objects not counted."""
        return sum(removal.size for removal in self.remove)


@dataclass(frozen=True, slots=True)
class RemovalResult:
    """What was removed: backups, leftovers, objects of both, their bytes, and temporary objects."""

    backups: int
    leftovers: int
    objects: int
    bytes: int
    temporary: int


def plan_removal(
    catalogue: Catalogue, rules: Rules, *, now: float, allow_empty: bool = False, grace: float = DAY
) -> RemovalPlan:
    """Apply ``rules`` to every set of ``catalogue``; changes nothing.

    ``now``: seconds since 1970. Leftovers and broken backups touched within ``grace`` seconds may belong to a running
    backup and stay; 0 is for callers that hold the set.
    """
    storage = catalogue.storage
    items = candidates(catalogue)
    objects = {backup.key: backup.objects for backup in catalogue.backups}
    objects |= {key: (record,) for key, record in catalogue.broken.items() if key not in objects}
    keep: list[tuple[BackupKey, str]] = []
    remove: list[Removal] = []
    keys = {item.id: key for key, item in items.items()}
    for verdict in plan(items.values(), rules, allow_empty=allow_empty):
        key = keys[verdict.item.id]
        fresh = key in catalogue.broken and catalogue.broken[key].modified >= now - grace
        if verdict.keep or fresh:
            keep.append((key, "it may still be being made" if fresh and not verdict.keep else verdict.reason))
        else:
            remove.append(Removal(key, objects[key], verdict.reason, committed=True))
    for leftover in find_leftovers(storage, engine=catalogue.engine, name=catalogue.name):
        if leftover.modified < now - grace:
            remove.append(Removal(leftover.key, leftover.objects, "it was never completed", committed=False))
    return RemovalPlan(
        keep=tuple(keep),
        remove=tuple(sorted(remove, key=_order)),
        temporary=tuple(storage.sweep(now - grace, dry_run=True)),
        sweep_before=now - grace,
        seen={set_id: catalogue.keys(set_id) for set_id in {removal.key.set for removal in remove}},
    )


def execute(storage: Storage, plan: RemovalPlan, progress: Progress) -> RemovalResult:
    """Carry ``plan`` out. :class:`BusyError` if a set is held, or changed since; other sets may be done by then."""
    progress.phase("remove", total_bytes=plan.size, total_items=len(plan.remove))
    by_set: defaultdict[SetId, list[Removal]] = defaultdict(list)
    for removal in plan.remove:
        by_set[removal.key.set].append(removal)
    for set_id, removals in by_set.items():
        with storage.hold(hold_name(set_id)):
            _refuse_changed(storage, set_id, plan.seen[set_id])
            for removal in removals:
                _delete(storage, removal, progress)
    temporary = storage.sweep(plan.sweep_before) if plan.temporary or plan.remove else ()
    committed = sum(removal.committed for removal in plan.remove)
    return RemovalResult(
        backups=committed,
        leftovers=len(plan.remove) - committed,
        objects=sum(len(removal.objects) for removal in plan.remove),
        bytes=plan.size,
        temporary=len(temporary),
    )


def _order(removal: Removal) -> tuple[SetId, int, int, int]:
    key = removal.key
    return key.set, key.zero, -key.level, -key.time


def _refuse_changed(storage: Storage, set_id: SetId, seen: frozenset[BackupKey]) -> None:
    now = read_catalogue(storage, engine=set_id.engine, name=set_id.name)
    if not now.keys(set_id) <= seen:
        raise BusyError(
            f"{set_id} has gained a backup since the removal was planned: nothing of it was removed",
            hint="run the same command again",
        )


def _delete(storage: Storage, removal: Removal, progress: Progress) -> None:
    progress.current(str(removal.key))
    for part in removal.objects:
        storage.delete(part.name)
    progress.advance(done_bytes=removal.size, done_items=1)
