"""Sessions: rounds that several jobs go through together, each step in one transaction."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from freezer.api.refusals import bad_document, bad_request, conflict, missing
from freezer.api.scope import Scope
from freezer.api.service import barriers, pauses, rounds
from freezer.api.service.answers import Document, body, decode, links, render, text
from freezer.api.service.caller import Caller, new_id
from freezer.api.service.members import store
from freezer.api.service.rounds import NEVER, Outcome
from freezer.api.service.uses import job_terms
from freezer.api.store.contract import Kind, Page, Query, Record, Unit
from freezer.api.store.terms import term, terms_of
from freezer.errors import DocumentError
from freezer.model import due
from freezer.model.sessions import HOLD_OFF, SessionBarrier, SessionDeed, SessionDraft, SessionEnd, SessionStart

_AT_ONCE = 200


def create(unit: Unit, caller: Caller, draft: SessionDraft) -> str:
    """Make a session; its id. v1 chooses the id itself."""
    id = new_id() if draft.session_id is UNSET or caller.old else draft.session_id
    if unit.get(Kind.SESSION, caller.scope, id) is not None:
        raise conflict(f"Session already registered with ID {id}")
    _add(unit, caller, id, draft, {"status": "active"})
    return id


def _add(unit: Unit, caller: Caller, id: str, draft: SessionDraft, more: Document) -> None:
    shown: Document = {
        "description": None if draft.description is UNSET else draft.description,
        "session_tag": 0 if draft.session_tag is UNSET else draft.session_tag,
        "result": None,
        "hold_off": HOLD_OFF if draft.hold_off is UNSET else draft.hold_off,
        "status": None,
        "time_ended": NEVER,
        "time_started": NEVER,
        "time_end": NEVER,
        "time_start": NEVER,
        "schedule": _checked(caller, draft.schedule),
        **_options(draft),
        **more,
    }
    record = Record(
        kind=Kind.SESSION,
        id=id,
        project_id=caller.project_id,
        user_id=caller.identity.user_id,
        body=text(shown),
        links=text({"created": caller.now}),
    )
    document: dict[str, Any] = decode(render(unit, caller, [record])[0])
    unit.insert(record, terms_of(Kind.SESSION, document))


def _options(draft: SessionDraft) -> Document:
    """What sessions of the original do not have; not there unless it was asked for."""
    told = {"barrier": draft.barrier, "time_limit": draft.time_limit}
    return {key: value for key, value in told.items() if value not in (UNSET, None)}


def _set_options(shown: Document, draft: SessionDraft) -> None:
    if draft.barrier is None:
        shown.pop("barrier", None)
    shown.update(_options(draft))


def _checked(caller: Caller, wanted: Document | UnsetType) -> Document:
    schedule = {} if wanted is UNSET else {key: value for key, value in wanted.items() if value is not None}
    due.check(schedule, caller.now, ("schedule",))
    return schedule


def put(unit: Unit, caller: Caller, id: str, draft: SessionDraft) -> None:
    """Make a session with that id, or replace what users may set of the one that has it; its members stay."""
    known = unit.get(Kind.SESSION, caller.scope, id, lock=True)
    if known is None:
        _add(unit, caller, id, draft, {"jobs": None})
        return
    caller.check(known)
    shown = body(known)
    shown["description"] = None if draft.description is UNSET else draft.description
    shown["session_tag"] = 0 if draft.session_tag is UNSET else draft.session_tag
    shown["hold_off"] = HOLD_OFF if draft.hold_off is UNSET else draft.hold_off
    shown["schedule"] = _checked(caller, draft.schedule)
    shown["jobs"] = shown.get("jobs") or None
    _set_options(shown, replace(draft, barrier=None if draft.barrier is UNSET else draft.barrier))
    store(unit, caller, known, shown)


def change(unit: Unit, caller: Caller, id: str, draft: SessionDraft) -> Record:
    """Merge a change into a session; a schedule is replaced as a whole."""
    known = _locked(unit, caller, id)
    caller.check(known)
    if draft.project_id is not UNSET and draft.project_id != known.project_id:
        raise bad_document(DocumentError("project_id cannot be changed", ("project_id",)))
    shown = body(known)
    told = {"description": draft.description, "hold_off": draft.hold_off, "session_tag": draft.session_tag}
    shown.update({key: value for key, value in told.items() if value is not UNSET})
    if draft.schedule is not UNSET:
        shown["schedule"] = _checked(caller, draft.schedule)
    _set_options(shown, draft)
    return store(unit, caller, known, shown)


def _locked(unit: Unit, caller: Caller, id: str) -> Record:
    known = unit.get(Kind.SESSION, caller.scope, id, lock=True)
    if known is None:
        raise missing("Session", id)
    return known


def remove(unit: Unit, caller: Caller, id: str) -> None:
    """Remove a session; its jobs stay, without it."""
    known = _locked(unit, caller, id)
    caller.check(known)
    while True:
        page = _jobs_in(unit, caller, id)
        for each in page.records:
            job = unit.get(Kind.JOB, caller.scope, each.id, lock=True)
            if job is not None:
                _leave(unit, caller, job, stopping=False)
        if not page.more:
            break
    unit.delete(known)


def _jobs_in(unit: Unit, caller: Caller, id: str) -> Page:
    return unit.find(Kind.JOB, caller.scope, Query(terms=(term("session_id", id),), limit=_AT_ONCE))


def add_job(unit: Unit, caller: Caller, id: str, job_id: str) -> None:
    """Make a job a member: it gets the session's schedule and number, and has not begun."""
    session = _locked(unit, caller, id)
    job = unit.get(Kind.JOB, caller.scope, job_id, lock=True)
    if job is None:
        raise missing("Job", job_id)
    shown, told = body(session), body(job)
    schedule = told["job_schedule"]
    members = shown.get("jobs") or {}
    members[job_id] = {
        "client_id": told["client_id"],
        "status": schedule.get("status", ""),
        "result": schedule.get("result", ""),
        "time_started": schedule.get("time_started", ""),
        "time_ended": schedule.get("time_ended", ""),
    }
    shown["jobs"] = members
    store(unit, caller, session, shown)
    told["session_id"], told["session_tag"] = id, shown["session_tag"]
    # Intervals without a start date count from when the session was made: its jobs shall be due together.
    created = links(session).get("created", schedule.get("time_created"))
    told["job_schedule"] = {**({} if created is None else {"time_created": created}), **shown["schedule"]}
    _store_job(unit, caller, job, told, armed=True)


def remove_job(unit: Unit, caller: Caller, id: str, job_id: str) -> None:
    """Take a job out of a session and tell it to stop; nothing happens if it is in no session."""
    session = _locked(unit, caller, id)
    shown = body(session)
    members = shown.get("jobs") or {}
    job = unit.get(Kind.JOB, caller.scope, job_id, lock=True)
    if job is None:
        raise missing("Job", job_id)
    if job_id not in members:
        if body(job)["session_id"]:
            raise missing("Job", job_id)
        return
    del members[job_id]
    rounds.settle(shown, caller.now)
    store(unit, caller, session, shown)
    _leave(unit, caller, job, stopping=True)


def _leave(unit: Unit, caller: Caller, job: Record, *, stopping: bool) -> None:
    told = body(job)
    told["session_id"], told["session_tag"] = "", 0
    if stopping:
        told["job_schedule"]["event"] = "stop"
    _store_job(unit, caller, job, told, undelivered=stopping)


def _store_job(
    unit: Unit, caller: Caller, job: Record, told: Document, *, undelivered: bool = False, armed: bool = False
) -> None:
    own = links(job)
    if armed:
        own["armed"] = caller.now
    own["undelivered"] = undelivered or own.get("undelivered", False)
    record = replace(job, body=text(told), links=text(own))
    unit.update(record, job_terms(unit, caller, record))


def act(unit: Unit, caller: Caller, id: str, wanted: SessionDeed, instant: float) -> Outcome:
    """Let a job report that it starts, has ended, or how far it is at the barrier at ``instant``; 409 with the
    ``reason`` if the run that it starts for may not begin."""
    known = unit.get(Kind.SESSION, caller.scope, id, lock=True)
    if known is None:
        # v1 never said that there is no such session.
        raise bad_request("job_id not found in session") if caller.old else missing("Session", id)
    if caller.is_node and unit.get(Kind.JOB, caller.scope, wanted.job_id) is None:
        raise bad_request("job_id not found in session")
    shown, own = body(known), links(known)
    if isinstance(wanted, SessionStart):
        _check_pauses(unit, caller, wanted)
        outcome = rounds.start(shown, own, caller.now, wanted, lambda: _absent(unit, known.project_id, shown))
    elif isinstance(wanted, SessionEnd):
        outcome = rounds.end(shown, caller.now, wanted)
    else:
        outcome = _at_barrier(shown, own, wanted, instant)
    if text(shown) != known.body or text(own) != known.links:
        store(unit, caller, known, shown, own)
    return outcome


def _check_pauses(unit: Unit, caller: Caller, wanted: SessionStart) -> None:
    if wanted.due is not None:
        job = unit.get(Kind.JOB, caller.scope, wanted.job_id)
        if job is not None:
            pauses.check(unit, job, wanted.due)


def _absent(unit: Unit, project_id: str, shown: Document) -> list[str]:
    """The members that nobody waits for in a round that begins now, as somebody has paused or stopped them."""
    jobs = unit.many(Kind.JOB, Scope(project_id), list(shown.get("jobs") or {}))
    present = unit.operations.pauses(project_id)
    stopped = [id for id, job in jobs.items() if body(job)["job_schedule"].get("status") == "stop"]
    return [*stopped, *(id for id, job in jobs.items() if pauses.lasting(present, job) is not None)]


def _at_barrier(shown: Document, own: Document, wanted: SessionBarrier, instant: float) -> Outcome:
    member = rounds.member_of(shown, wanted.job_id)
    rounds.check_tag(shown, wanted.session_tag)
    present = shown["session_tag"]
    if wanted.session_tag < present:
        return Outcome(barriers.BROKEN, present, reason=f"round {present} of the session has begun")
    here = barriers.told(shown, own, member, wanted, instant)
    return Outcome(here["state"], present, reason=here["reason"], again=barriers.ask_again(shown))
