"""Jobs: made, changed by users, reported about by schedulers, told to start and stop.

A job is *armed* when it is made, started, or given another schedule: what was due before that is not missed.

An *outsider* is a caller from another project, an administrator as a rule. A job that an outsider made becomes that of
the first member of its project who changes it; from then on, and for every other job, the owner stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from freezer.api.refusals import Refusal, bad_document, bad_request, conflict, forbidden, missing
from freezer.api.scope import Scope
from freezer.api.service import actions, clients, legacy, members
from freezer.api.service.answers import Document, body, links, text
from freezer.api.service.caller import Caller, new_id
from freezer.api.service.job_state import ask
from freezer.api.service.trusts import entrust, released, withdraw
from freezer.api.service.uses import job_terms
from freezer.api.store.changes import taken_from
from freezer.api.store.contract import Kind, Page, Record, Unit
from freezer.errors import DocumentError
from freezer.model import due
from freezer.model.actions import ActionDraft
from freezer.model.jobs import REPORT_KEYS, JobDraft
from freezer.model.schedule import PREFIX, STATE_KEYS

_EVERY_CLIENT = Scope(None, central=True)


def create(unit: Unit, caller: Caller, draft: JobDraft) -> str:
    """Make a job and its actions, or nothing; the job's id. v1 chooses the id itself."""
    id = new_id() if draft.job_id is UNSET or caller.old else draft.job_id
    if unit.get(Kind.JOB, caller.scope, id) is not None:
        raise conflict(f"Job already registered with ID {id}")
    if draft.credentials:
        raise _planted()
    _add(unit, caller, id, draft)
    return id


def _planted() -> Refusal:
    return bad_document(DocumentError("user_credentials are made by the API itself", ("user_credentials",)))


def _add(unit: Unit, caller: Caller, id: str, draft: JobDraft) -> None:
    schedule = {} if draft.schedule is UNSET else draft.schedule
    due.check(schedule, caller.now, ("job_schedule",))
    actions.check_known(unit, caller, draft.actions or ())
    client = clients.find(unit, caller, str(draft.client_id))
    used = _staffed(unit, caller, client, draft.actions or ())
    shown: Document = {
        "job_schedule": {**schedule, "time_created": caller.now, "time_started": -1, "time_ended": -1},
        "client_id": draft.client_id,
        "session_id": "",
        "session_tag": 0,
        "description": "" if draft.description is UNSET else draft.description,
    }
    own = {
        "actions": used,
        **_abroad(caller.project_id, client),
        "outsider": caller.outsider,
    }
    ask(own, schedule.get("event"))
    record = Record(
        kind=Kind.JOB,
        id=id,
        project_id=caller.project_id,
        user_id=caller.identity.user_id,
        body=text(shown),
        own={"client": client.id},
    )
    entrust(unit, caller, caller.project_id, own, client)
    record = replace(record, links=text(own))
    unit.insert(record, job_terms(unit, caller, record))


def _staffed(unit: Unit, caller: Caller, client: Record, drafts: Sequence[ActionDraft]) -> list[str]:
    """The ids of the actions of a job, whose ids are known to be right; 422 if the client cannot do one of them."""
    project = caller.project_id
    clients.check(caller, client, project, [each.freezer_action for each in drafts if each.freezer_action is not None])
    for place, each in enumerate(drafts):
        if each.freezer_action is not None:
            try:
                each.freezer_action.agree(("job_actions", place, "freezer_action"))
            except DocumentError as error:
                raise bad_document(error) from None
    records = [actions.used(unit, caller, each) for each in drafts]
    referred = [record for record, each in zip(records, drafts, strict=True) if each.freezer_action is None]
    clients.check(caller, client, project, [actions.wanted(each) for each in referred])
    return [each.id for each in records]


def _client_of(unit: Unit, caller: Caller, known: Record, name: str) -> Record:
    """The client that a job is for when it is edited: another one only if another is named, or its own is gone."""
    present = _present_client(unit, known)
    return present if present is not None and present.own["name"] == name else clients.find(unit, caller, name)


def _present_client(unit: Unit, job: Record) -> Record | None:
    id = str(job.own["client"] or "")
    return unit.many(Kind.CLIENT, _EVERY_CLIENT, [id]).get(id)


def put(unit: Unit, caller: Caller, id: str, draft: JobDraft) -> Record:
    """Make a job with that id, or replace the one that has it."""
    known = unit.get(Kind.JOB, caller.scope, id, lock=True)
    if known is None:
        if draft.credentials:
            raise _planted()
        _add(unit, caller, id, draft)
        return _got(unit, caller, id)
    caller.check(known)
    _check_credentials(unit, known, draft)
    schedule = {} if draft.schedule is UNSET else draft.schedule
    due.check(schedule, caller.now, ("job_schedule",))
    shown = body(known)
    kept = {key: shown["job_schedule"][key] for key in ("time_created",) if key in shown["job_schedule"]}
    shown["job_schedule"] = {**kept, **schedule}
    if draft.client_id != shown["client_id"]:
        unit.changed(taken_from(known))
    shown["client_id"] = draft.client_id
    shown["description"] = "" if draft.description is UNSET else draft.description
    actions.check_known(unit, caller, draft.actions or ())
    client = _client_of(unit, caller, known, str(draft.client_id))
    own = links(known)
    own["actions"] = _staffed(unit, caller, client, draft.actions or ())
    ask(own, schedule.get("event"))
    entrust(unit, caller, known.project_id, own, client)
    return _stored(unit, caller, _assigned(known, client, own), shown, own)


def _abroad(project_id: str, client: Record) -> Document:
    """``home``: the project of a central client, whose scheduler follows the changes there."""
    foreign = client.project_id != project_id
    return {"foreign": foreign, "home": client.project_id if foreign else ""}


def _assigned(known: Record, client: Record, own: Document) -> Record:
    own.update(_abroad(known.project_id, client))
    return replace(known, own={"client": client.id})


def _got(unit: Unit, caller: Caller, id: str) -> Record:
    record = unit.get(Kind.JOB, caller.scope, id)
    if record is None:
        raise missing("Job", id)
    return record


def is_report(caller: Caller, draft: JobDraft) -> bool:
    """Whether a change is what one of the original's schedulers reports."""
    return draft.keys == REPORT_KEYS and caller.expected is None


def change(unit: Unit, caller: Caller, id: str, draft: JobDraft) -> Record:
    """Merge a change into a job; what is not said stays.

    A change of exactly ``job_schedule``, ``session_id`` and ``session_tag`` is the report of one of the original's
    schedulers, which sends back all that it has read: only what it may know better is taken from it.
    """
    known = unit.get(Kind.JOB, caller.scope, id, lock=True)
    if known is None:
        raise missing("Job", id)
    caller.check(known)
    if is_report(caller, draft):
        return _report(unit, caller, known, draft)
    if caller.is_node:
        raise forbidden()
    _check_credentials(unit, known, draft)
    if draft.project_id is not UNSET and draft.project_id != known.project_id:
        raise bad_document(DocumentError("project_id cannot be changed", ("project_id",)))
    shown, own = body(known), links(known)
    if draft.description is not UNSET:
        shown["description"] = draft.description
    if draft.schedule is not UNSET:
        shown["job_schedule"] = _merged(shown["job_schedule"], draft.schedule)
        if any(key.startswith(PREFIX) for key in draft.schedule):
            due.check(shown["job_schedule"], caller.now, ("job_schedule",))
        if "event" in draft.schedule:
            ask(own, draft.schedule["event"])
    if draft.session_id is not UNSET:
        shown["session_id"] = draft.session_id
    if draft.session_tag is not UNSET:
        shown["session_tag"] = draft.session_tag
    known = _change_actions(unit, caller, known, draft, shown, own)
    if draft.credentials == {}:
        withdraw(own)
    return _stored(unit, caller, known, shown, own)


def _change_actions(
    unit: Unit, caller: Caller, known: Record, draft: JobDraft, shown: Document, own: Document
) -> Record:
    name = shown["client_id"] if draft.client_id is UNSET else str(draft.client_id)
    moved = name != shown["client_id"]
    if draft.actions is UNSET and not moved and (draft.client_id is UNSET or _present_client(unit, known) is None):
        return known
    actions.check_known(unit, caller, draft.actions or ())
    client = _client_of(unit, caller, known, name)
    if moved:
        unit.changed(taken_from(known))
    shown["client_id"] = name
    if draft.actions is not UNSET:
        own["actions"] = _staffed(unit, caller, client, draft.actions)
    elif moved:
        found = unit.many(Kind.ACTION, Scope(known.project_id), own["actions"])
        clients.check(
            caller, client, known.project_id, [actions.wanted(found[id]) for id in own["actions"] if id in found]
        )
    if draft.client_id is not UNSET and draft.credentials != {}:
        entrust(unit, caller, known.project_id, own, client)
    return _assigned(known, client, own)


def _check_credentials(unit: Unit, known: Record, draft: JobDraft) -> None:
    """What is read may come back, or be taken back; anything else would be somebody else's."""
    if not draft.credentials:
        return
    id = links(known).get("trust", "")
    trust = unit.trusts.many([id]).get(id)
    if trust is None or draft.credentials != {"trust_id": trust.trust_id, "trustor_user_id": trust.trustor}:
        raise _planted()


def _merged(before: Mapping[str, Any], told: Mapping[str, Any]) -> Document:
    return {key: value for key, value in {**before, **told}.items() if value is not None}


def _report(unit: Unit, caller: Caller, known: Record, draft: JobDraft) -> Record:
    shown, own = body(known), links(known)
    told = {} if draft.schedule is UNSET else draft.schedule
    schedule = shown["job_schedule"]
    schedule.update({key: told[key] for key in STATE_KEYS if told.get(key) is not None})
    if told.get("event") == "" and not own.get("undelivered"):
        schedule["event"] = ""
    in_session = draft.session_id is not UNSET and draft.session_id == shown["session_id"]
    if in_session and draft.session_tag is not UNSET:
        shown["session_tag"] = max(shown["session_tag"], draft.session_tag)
    legacy.reported(unit, caller, known, schedule)
    return _stored(unit, caller, known, shown, own)


def _stored(unit: Unit, caller: Caller, known: Record, shown: Document, own: Document) -> Record:
    owner = known.user_id
    if own.get("outsider") and not caller.outsider:
        owner = caller.identity.user_id
        own["outsider"] = False
    if _told_when(shown) != _told_when(body(known)):
        own["armed"] = caller.now
    record = replace(known, user_id=owner, body=text(shown), links=text(own))
    stored = unit.update(record, job_terms(unit, caller, record))
    released(unit, links(known), own)
    return stored


def _told_when(shown: Document) -> Document:
    return {key: value for key, value in shown["job_schedule"].items() if key.startswith(PREFIX)}


def event(unit: Unit, caller: Caller, id: str, wanted: str) -> str:
    """Ask a job's client to start, stop or abort it; what became of that. The client need not be known any more."""
    known = unit.get(Kind.JOB, caller.scope, id, lock=True)
    if known is None:
        # v1 never said that there is no such job.
        raise bad_request(f"Job not registered with ID {id}") if caller.old else missing("Job", id)
    shown, own = body(known), links(known)
    schedule = shown["job_schedule"]
    if schedule.get("event") == wanted:
        return f"{wanted} already requested"
    schedule["event"] = wanted
    if wanted == "start":
        schedule.update(status="", result="")
        own["armed"] = caller.now
    ask(own, wanted)
    record = replace(known, body=text(shown), links=text(own))
    unit.update(record, job_terms(unit, caller, record))
    return "success"


def delivered(page: Page) -> list[Record]:
    """The jobs of a page whose event their client sees in it for the first time."""
    return [each for each in page.records if '"undelivered":true' in each.links]


def mark_delivered(unit: Unit, records: Sequence[Record]) -> None:
    """Note that the client has seen these events; an event that came later is not meant."""
    for each in records:
        now = unit.get(Kind.JOB, Scope(each.project_id), each.id, lock=True)
        if now is None or body(now)["job_schedule"].get("event") != body(each)["job_schedule"].get("event"):
            continue
        own = links(now)
        own["undelivered"] = False
        unit.update(replace(now, links=text(own)), None)


def remove(unit: Unit, caller: Caller, id: str) -> None:
    """Remove a job, also from its session."""
    known = unit.get(Kind.JOB, caller.scope, id)
    if known is None:
        raise missing("Job", id)
    session = body(known)["session_id"]
    if session:
        members.forget(unit, caller, session, id)
    known = unit.get(Kind.JOB, caller.scope, id, lock=True)
    if known is None:
        raise missing("Job", id)
    caller.check(known)
    unit.delete(known)
    released(unit, links(known), {})
