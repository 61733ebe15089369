"""The records of backups, compared with what their storages hold.

A record whose backup is not in its storage any more becomes ``gone``; a backup without a record is *adopted*: it gets
one from what the storage tells. So the records can be made anew from the storages alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from freezer.api.refusals import bad_document
from freezer.api.service import backups
from freezer.api.service.answers import body
from freezer.api.service.caller import Caller
from freezer.api.store.contract import Kind, Record, Unit
from freezer.errors import DocumentError
from freezer.model.backups import GONE, BackupDraft, composed_hash, time_stamp
from freezer.model.inventory import Comparison, Removal, Segment, StoredBackup, digest, hashed, metadata_of


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of backups that were ``adopted``, are ``gone`` from their storage, or have ``returned`` to it; ``known``:
    how many were right."""

    adopted: Sequence[str] = ()
    gone: Sequence[str] = ()
    returned: Sequence[str] = ()
    known: int = 0


class Differing(msgspec.Struct, frozen=True):
    """The prefixes of segments that the records have otherwise."""

    differing: Sequence[str]


def compare(unit: Unit, caller: Caller, told: Comparison) -> Differing:
    """Which segments are not as the records have them."""
    ours: dict[str, list[str]] = {}
    lengths = {len(prefix) for prefix in told.digests}
    found = unit.in_location(caller.project_id, told.place.location, _common(told.digests))
    for hash, _, there in found:
        for length in lengths if there else ():
            ours.setdefault(hash[:length], []).append(hash)
    return Differing([prefix for prefix, theirs in told.digests.items() if digest(ours.get(prefix, ())) != theirs])


def _common(prefixes: Iterable[str]) -> str:
    """What all of ``prefixes`` begin with."""
    first, last = min(prefixes), max(prefixes)
    same = 0
    while same < len(first) and first[same] == last[same]:
        same += 1
    return first[:same]


def reconcile(unit: Unit, caller: Caller, told: Segment) -> Reconciled:
    """Make the records of a segment agree with what its storage holds."""
    theirs = _by_hash(told)
    ours: dict[str, list[str]] = {}
    for hash, id, _ in unit.in_location(caller.project_id, told.place.location, told.prefix):
        ours.setdefault(hash, []).append(id)
    here = [id for hash, ids in ours.items() if hash in theirs for id in ids]
    lost = [id for hash, ids in ours.items() if hash not in theirs for id in ids] if told.complete else []
    new = [row for hash, row in theirs.items() if hash not in ours]
    returned = _change(unit, caller, here, {GONE: "available"})
    return Reconciled(
        adopted=[backups.create(unit, caller, BackupDraft(metadata_of(row, told.place))) for row in new],
        gone=_change(unit, caller, lost, {"available": GONE}, before=told.before),
        returned=returned,
        known=len(here) - len(returned),
    )


def _by_hash(told: Segment) -> Mapping[str, StoredBackup]:
    rows: dict[str, StoredBackup] = {}
    for number, row in enumerate(told.backups):
        hash = hashed(row, told.place)
        if not hash.startswith(told.prefix):
            raise bad_document(DocumentError(f"{row.name} is not in this segment", ("backups", number)))
        if not all(row.names(told.place.hostname)):
            message = f"{row.name!r} is no name of a set: hostname_backupname"
            raise bad_document(DocumentError(message, ("backups", number, "name")))
        rows[hash] = row
    return rows


def remove(unit: Unit, caller: Caller, told: Removal) -> Reconciled:
    """Note that backups were removed from their storage."""
    ids = [each.id for composed in told.backups for each in unit.composed(caller.scope, composed_hash(composed))]
    gone = _change(unit, caller, ids, {"available": GONE, "deleting": GONE})
    return Reconciled(gone=gone, known=len(ids) - len(gone))


def _change(
    unit: Unit, caller: Caller, ids: Sequence[str], states: Mapping[str, str], *, before: float | None = None
) -> list[str]:
    """Change the state of those backups that are in one of ``states`` and were begun ``before``; their ids."""
    changed = []
    for id, seen in unit.many(Kind.BACKUP, caller.scope, ids).items():
        shown = body(seen)
        if shown["status"] in states and (before is None or (time_stamp(shown["backup_metadata"]) or 0) < before):
            known = unit.get(Kind.BACKUP, caller.scope, id, lock=True)
            if known is not None and _step(unit, caller, known, states):
                changed.append(id)
    return changed


def _step(unit: Unit, caller: Caller, known: Record, states: Mapping[str, str]) -> bool:
    shown = body(known)
    status = states.get(shown["status"])
    if status is None:
        return False
    shown["status"] = status
    if status == GONE:
        shown["gone_at"] = caller.now
    else:
        shown.pop("gone_at", None)
    backups.store(unit, caller, known, shown)
    return True
