"""Backups: reported, changed while they are made, found by their own id or the composed one."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from freezer.api.refusals import Refusal, bad_document, missing
from freezer.api.service import run_reports
from freezer.api.service.answers import Document, body, decode, render, text
from freezer.api.service.caller import Caller, new_id
from freezer.api.store.contract import Kind, Record, Terms, Unit
from freezer.api.store.terms import terms_of
from freezer.api.store.weighing import columns, recount
from freezer.errors import DocumentError
from freezer.model.backups import BackupDraft, check_complete, composed_hash

_SHOWN_HITS = 5


def create(unit: Unit, caller: Caller, draft: BackupDraft) -> str:
    """Keep a report; the new id."""
    shown: Document = {
        "status": "available" if draft.status is UNSET else draft.status,
        "backup_metadata": draft.metadata,
    }
    record = Record(
        kind=Kind.BACKUP,
        id=new_id(),
        project_id=caller.project_id,
        user_id=caller.identity.user_id,
        body=text(shown),
        links=text({"user_name": caller.identity.user_name}),
        own={**columns(shown), "client": caller.identity.client},
    )
    unit.insert(record, _terms(unit, caller, record))
    recount(unit, record.project_id, None, shown)
    run = draft.metadata.get("run_id")
    if isinstance(run, str):
        run_reports.made(unit, caller, run, record.id)
    return record.id


def find(unit: Unit, caller: Caller, id: str, *, lock: bool = False) -> Record | None:
    """The backup of that id; a composed id may mean several, which is a 409 with theirs."""
    known = unit.get(Kind.BACKUP, caller.scope, id, lock=lock)
    if known is not None:
        return known
    hits = unit.composed(caller.scope, composed_hash(id))
    if len(hits) > 1:
        ids = ", ".join(each.id for each in hits[:_SHOWN_HITS])
        raise Refusal(409, "Conflict", f"{len(hits)} backups have this composed id", hint=f"their own ids: {ids}")
    return unit.get(Kind.BACKUP, caller.scope, hits[0].id, lock=lock) if hits else None


def change(unit: Unit, caller: Caller, id: str, draft: BackupDraft) -> Record:
    """Merge metadata and status into a backup; what is finished must be complete."""
    known = find(unit, caller, id, lock=True)
    if known is None:
        raise missing("Backup", id)
    caller.check(known)
    shown = body(known)
    before = shown["status"]
    shown["backup_metadata"].update(draft.metadata)
    if draft.status is not UNSET:
        shown["status"] = draft.status
    if shown["status"] == "available" != before:
        try:
            check_complete(shown["backup_metadata"], shown["status"])
        except DocumentError as error:
            raise bad_document(error) from None
    return store(unit, caller, known, shown)


def store(unit: Unit, caller: Caller, known: Record, shown: Document) -> Record:
    """Keep what has changed about a backup."""
    record = replace(known, body=text(shown), own={**known.own, **columns(shown)})
    changed = unit.update(record, _terms(unit, caller, record))
    recount(unit, known.project_id, body(known), shown)
    return changed


def remove(unit: Unit, caller: Caller, id: str) -> None:
    """Forget a backup; what is stored stays where it is."""
    known = find(unit, caller, id, lock=True)
    if known is None:
        raise missing("Backup", id)
    caller.check(known)
    unit.delete(known)
    recount(unit, known.project_id, body(known), None)


def _terms(unit: Unit, caller: Caller, record: Record) -> Terms:
    document: dict[str, Any] = decode(render(unit, caller, [record])[0])
    return terms_of(Kind.BACKUP, document)
