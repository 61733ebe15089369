"""What was verified of backups: by whom, when, how, and with which result."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freezer.api.refusals import bad_request, missing
from freezer.api.service import backups
from freezer.api.service.answers import Document, body
from freezer.api.service.caller import Caller
from freezer.api.store.contract import Kind, Record, Unit
from freezer.model.backups import composed_hash
from freezer.model.inventory import OneVerification, Verification

MOST_KEPT = 20
_AHEAD = 86_400


class Verified(msgspec.Struct, frozen=True):
    """The ids of the backups that were found, and the composed ids that no backup has."""

    verified: Sequence[str]
    unknown: Sequence[str]


def verify(unit: Unit, caller: Caller, told: Verification) -> Verified:
    """Note what was found about many backups."""
    found: list[str] = []
    unknown: list[str] = []
    for each in told.backups:
        one = OneVerification(kind=told.kind, result=each.result, detail=each.detail, at=told.at, by=told.by)
        records = unit.composed(caller.scope, composed_hash(each.backup))
        for record in records:
            _note(unit, caller, record.id, one)
        found.extend(record.id for record in records)
        if not records:
            unknown.append(each.backup)
    return Verified(found, unknown)


def verify_one(unit: Unit, caller: Caller, id: str, told: OneVerification) -> Record:
    """Note what was found about one backup."""
    known = backups.find(unit, caller, id)
    if known is None:
        raise missing("Backup", id)
    return _note(unit, caller, known.id, told)


def _note(unit: Unit, caller: Caller, id: str, told: OneVerification) -> Record:
    """Keep the newest few; ``verified`` is the result of the newest."""
    known = unit.get(Kind.BACKUP, caller.scope, id, lock=True)
    if known is None:
        raise missing("Backup", id)
    caller.check(known)
    shown = body(known)
    entry = _entry(caller, told)
    kept = [each for each in shown.get("verifications", []) if _told_by(each) != _told_by(entry)]
    kept = sorted([*kept, entry], key=lambda each: each["at"])[-MOST_KEPT:]
    shown["verifications"], shown["verified"] = kept, kept[-1]["result"]
    return backups.store(unit, caller, known, shown)


def _told_by(entry: Document) -> tuple[object, ...]:
    """What two entries have in common that tell of the same verification."""
    return entry["kind"], entry["at"], entry["by"]


def _entry(caller: Caller, told: OneVerification) -> Document:
    at = caller.now if told.at is None else told.at
    if at > caller.now + _AHEAD:
        raise bad_request("at: nothing can have been verified in the future")
    by = told.by or caller.identity.user_name or caller.identity.user_id
    return {
        "kind": told.kind,
        "result": told.result,
        "at": int(at),
        "by": by,
        "user_id": caller.identity.user_id,
        "detail": told.detail,
    }
