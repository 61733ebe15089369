"""Actions: made by themselves or with a job, changed wherever they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from freezer.api.refusals import bad_document, conflict, missing, unprocessable
from freezer.api.scope import EVERYTHING
from freezer.api.service import clients
from freezer.api.service.answers import Document, body, decode, links, text
from freezer.api.service.answers import action as answer
from freezer.api.service.caller import Caller, new_id
from freezer.api.service.uses import retell
from freezer.api.store.contract import Kind, Record, Terms, Unit
from freezer.api.store.terms import terms_of
from freezer.errors import DocumentError
from freezer.model.actions import MAX_RETRIES, MAX_RETRIES_INTERVAL, ActionDraft, FreezerAction, read_freezer_action
from freezer.options.names import find_key

ALWAYS_SHOWN = ("backup_name", "action", "mode", "container", "timeout", "priority", "path_to_backup", "log_file")
"""Options that every answer has, null if nothing was said."""


def create(unit: Unit, caller: Caller, draft: ActionDraft) -> Record:
    """Make an action; 409 if its id is taken, whoever has it."""
    id = draft.action_id or new_id()
    if draft.action_id is not None and unit.get(Kind.ACTION, caller.scope, id) is not None:
        raise conflict(f"Action already registered with ID {id}")
    record = _record(caller, id, caller.identity.user_id, draft)
    unit.insert(record, terms(record, caller))
    return record


def put(unit: Unit, caller: Caller, id: str, draft: ActionDraft) -> Record:
    """Make an action with that id, or replace the one that has it."""
    known = unit.get(Kind.ACTION, caller.scope, id, lock=True)
    if known is None:
        return create(unit, caller, replace(draft, action_id=id))
    caller.check(known)
    new = _record(caller, id, known.user_id, draft)
    return _store(unit, caller, replace(known, body=new.body, links=new.links))


def change(unit: Unit, caller: Caller, id: str, draft: ActionDraft, merged: Document) -> Record:
    """Merge a change into an action; null removes an option."""
    known = unit.get(Kind.ACTION, caller.scope, id, lock=True)
    if known is None:
        raise missing("Action", id)
    caller.check(known)
    before = body(known)
    wanted = {key: value for key, value in before["freezer_action"].items() if value is not None}
    wanted.update(merged)
    _drop_older_names(wanted, merged)
    try:
        action = read_freezer_action(
            {key: value for key, value in wanted.items() if value is not None}, ("freezer_action",)
        )
        action.agree(("freezer_action",))
    except DocumentError as error:
        raise bad_document(error) from None
    was = links(known)
    whole = replace(
        draft,
        freezer_action=action,
        max_retries=before["max_retries"] if draft.max_retries is UNSET else draft.max_retries,
        max_retries_interval=(
            before["max_retries_interval"] if draft.max_retries_interval is UNSET else draft.max_retries_interval
        ),
        mandatory=was.get("mandatory", False) if draft.mandatory is UNSET else draft.mandatory,
    )
    new = _record(caller, id, known.user_id, whole)
    return _store(unit, caller, replace(known, body=new.body, links=new.links))


def _drop_older_names(wanted: Document, merged: Document) -> None:
    """An option that is told anew by one name must not keep its value under another."""
    told = {found[0].name for key in merged if (found := find_key(key))}
    for key in list(wanted):
        found = find_key(key)
        if key not in merged and found is not None and found[0].name in told:
            del wanted[key]


def _store(unit: Unit, caller: Caller, record: Record) -> Record:
    stored = unit.update(record, terms(record, caller))
    used_by = unit.many(Kind.CLIENT, EVERYTHING, sorted(retell(unit, caller, record.id)))
    for client in used_by.values():
        clients.check(caller, client, record.project_id, [wanted(record)])
    return stored


def remove(unit: Unit, caller: Caller, id: str) -> None:
    """Remove an action; the jobs that used it go on without it."""
    known = unit.get(Kind.ACTION, caller.scope, id, lock=True)
    if known is None:
        raise missing("Action", id)
    caller.check(known)
    unit.delete(known)
    retell(unit, caller, id)


def check_known(unit: Unit, caller: Caller, drafts: Sequence[ActionDraft]) -> None:
    """Refuse ids that no action of the project has.

    v1 makes an action of such an id if the entry says which, and misses that otherwise; v2 says that there is none.
    """
    ids = [each.action_id for each in drafts if each.action_id is not None]
    known = unit.many(Kind.ACTION, caller.scope, ids) if ids else {}
    for each in drafts:
        if each.action_id is None or each.action_id in known or (caller.old and each.freezer_action is not None):
            continue
        if caller.old:
            raise bad_document(DocumentError("'freezer_action' is a required property"))
        raise unprocessable(f"Action id: {each.action_id} not found.")


def used(unit: Unit, caller: Caller, draft: ActionDraft) -> Record:
    """The action that an entry of a job means: a new one, or one that is there and is the same."""
    known = None if draft.action_id is None else unit.get(Kind.ACTION, caller.scope, draft.action_id)
    if known is None:
        return create(unit, caller, draft)
    if draft.freezer_action is not None and _told(draft.freezer_action.stored) != _told(body(known)["freezer_action"]):
        raise unprocessable(
            f"Action id: {draft.action_id} already exists with a different definition. "
            "Update the action directly, or omit action_id to create a new one."
        )
    return known


def _told(action: Document) -> Document:
    return {key: value for key, value in action.items() if value is not None}


def wanted(record: Record) -> FreezerAction:
    """What a stored action is to do."""
    return read_freezer_action(_told(body(record)["freezer_action"]), ("freezer_action",))


def _record(caller: Caller, id: str, owner: str, draft: ActionDraft) -> Record:
    stored = dict(draft.freezer_action.stored) if draft.freezer_action is not None else {}
    for key in ALWAYS_SHOWN:
        stored.setdefault(key, None)
    shown: Document = {
        "max_retries": MAX_RETRIES if draft.max_retries is UNSET else draft.max_retries,
        "max_retries_interval": (
            MAX_RETRIES_INTERVAL if draft.max_retries_interval is UNSET else draft.max_retries_interval
        ),
        "timeout": stored["timeout"],
        "freezer_action": stored,
    }
    mandatory = draft.mandatory is not UNSET and draft.mandatory
    return Record(
        kind=Kind.ACTION,
        id=id,
        project_id=caller.project_id,
        user_id=owner,
        body=text(shown),
        links=text({"mandatory": mandatory}),
    )


def terms(record: Record, caller: Caller) -> Terms:
    """What an action is found by."""
    document: dict[str, Any] = decode(answer(record, caller))
    return terms_of(Kind.ACTION, document)
