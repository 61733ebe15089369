"""Runs: claimed by those who execute jobs, each run by one at a time.

A run is made by the first claim, under an id that all who might claim it compute alike; whether a claim is granted is
decided by one statement of the store. A session is always locked before its jobs, and a job before its runs.
"""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from freezer.api.refusals import Refusal, missing, refused, unprocessable
from freezer.api.scope import Scope
from freezer.api.service import job_state, parts, pauses, presence, schedulers
from freezer.api.service.answers import Document, body, text
from freezer.api.service.caller import Caller
from freezer.api.service.job_state import asked_events, begun, told_schedule
from freezer.api.service.trusts import check_not_withdrawn
from freezer.api.store.contract import Kind, Record, Terms, Unit
from freezer.api.store.terms import terms_of
from freezer.model.due import falls
from freezer.model.forms.jobs import StandingForm
from freezer.model.runs import LEASED, MISSED, OVER, WAITING, Claim, run_id

MOST_AHEAD = 60
"""Seconds by which a run may be claimed before it is due: clocks differ."""

_MOST_TRIES = 50
_NUMBER_KEYS = {"schedule": "due", "event": "event_number", "session": "session_tag"}


def claim(unit: Unit, caller: Caller, wanted: Claim) -> Record:
    """Let the caller's scheduler hold a run, which is made if nobody has claimed it before; 409 with a ``reason``:

    ``held`` by somebody else, ``over``, ``busy`` (another run of the job is not over), ``not_asked`` (no such event),
    ``mixed`` (see :mod:`freezer.api.service.schedulers`), ``withdrawn`` (see :mod:`freezer.api.service.trusts`),
    ``paused``, ``draining``, ``skipped``.
    """
    session = _session(unit, caller, wanted)
    job = _job(unit, caller, wanted, lock=True)
    client = schedulers.leasing_client(unit, job)
    check_not_withdrawn(job)
    number = wanted.number if wanted.number is not None else _asked(job)
    scope = Scope(job.project_id)
    id = run_id(job.id, wanted.cause, number, "" if session is None else session.id)
    if wanted.after is None and not wanted.offline:
        pauses.check(unit, job, number if wanted.cause == "schedule" else None)
    if wanted.offline:
        _forget_missed(unit, scope, id)
    if unit.get(Kind.RUN, scope, id) is None:
        _check_wanted(job, session, wanted, number, caller.now)
        unit.insert(*_fresh(caller, job, id, wanted, number, session))
    known = read(unit, scope, id)
    other = unit.leases.held_of_job(job, id)
    if other is not None:
        raise refused("busy", f"run {other} of job {job.id} is not over")
    fence = unit.leases.take(known, wanted.holder, wanted.ttl * 1000, wanted.after)
    if fence is None:
        raise _lost(known)
    schedulers.claimed(unit, caller, client)
    presence.heard(unit, client, caller.now)
    if session is not None:
        parts.begun(unit, caller, session, job.id, number)
    begun(unit, caller, job, event=number if wanted.cause == "event" else None, round=_round(wanted, number))
    return _tried(unit, caller, read(unit, scope, id))


def _forget_missed(unit: Unit, scope: Scope, id: str) -> None:
    """A run that was taken for missed has been executed, as we hear now."""
    known = unit.get(Kind.RUN, scope, id, lock=True)
    if known is not None and known.own["state"] == MISSED:
        drop(unit, known)


def _asked(job: Record) -> int:
    number, present = asked_events(job)
    if not present:
        raise refused("not_asked", f"nobody asks job {job.id} to run")
    return number


def _job(unit: Unit, caller: Caller, wanted: Claim, *, lock: bool) -> Record:
    job = unit.get(Kind.JOB, caller.scope, wanted.job_id, lock=lock)
    if job is None:
        raise unprocessable(f"Job not found with ID {wanted.job_id}")
    return job


def _session(unit: Unit, caller: Caller, wanted: Claim) -> Record | None:
    """The session whose round is claimed, locked; None if it is another cause."""
    return parts.session_of(unit, _job(unit, caller, wanted, lock=False)) if wanted.cause == "session" else None


def _round(wanted: Claim, number: int) -> int | None:
    return number if wanted.cause == "session" else None


def _check_wanted(job: Record, session: Record | None, wanted: Claim, number: int, now: int) -> None:
    """Whether there may be such a run, which is not there yet."""
    if wanted.cause == "schedule":
        if number > now + MOST_AHEAD:
            message = f"the run is due in {number - now} seconds, and can be claimed {MOST_AHEAD} seconds before"
            raise Refusal(400, "Not due", message, reason="early")
        if not wanted.offline and not falls(told_schedule(job), number):
            raise unprocessable(f"Job {job.id} is not due at {number} by its schedule")
    elif wanted.cause == "event":
        last, present = asked_events(job)
        if number != last or not present:
            raise refused("not_asked", f"nobody asks job {job.id} to run for event {number}")
    elif session is not None:
        parts.check_round(session, job, number)


def _fresh(
    caller: Caller, job: Record, id: str, wanted: Claim, number: int, session: Record | None
) -> tuple[Record, Terms]:
    key = _NUMBER_KEYS[wanted.cause]
    due = number if wanted.cause == "schedule" else caller.now
    more: Document = {key: number} | ({"offline": True} if wanted.offline else {})
    if session is not None:
        more["session_id"] = session.id
    record = fresh(job, id, LEASED, wanted.cause, due, caller.now, more)
    return record, terms(record)


def fresh(job: Record, id: str, kind: str, cause: str, due: int, now: int, more: Document) -> Record:
    """A run that nobody holds. ``due``: when it was to begin, or has; ``more``: further keys of its document."""
    shown: Document = {
        "job_id": job.id,
        "client_id": body(job)["client_id"],
        "kind": kind,
        "cause": cause,
        "due": None,
        **more,
        "created": now,
        "started": None,
        "ended": None,
        "progress": None,
        "actions": {},
        "failures_total": 0,
        "exit_code": None,
        "error": None,
        "backups": [],
        "tries": [],
    }
    return Record(
        kind=Kind.RUN,
        id=id,
        project_id=job.project_id,
        user_id=job.user_id,
        body=text(shown),
        links=text({"failures": []}),
        own={
            "job_id": job.id,
            "client": job.own["client"],
            "state": WAITING,
            "due": due,
            "ended": None,
            "incarnation": 0,
            "fence": 0,
            "holder": "",
            "expires": 0,
            "sequence": 0,
            "log_bytes": 0,
        },
    )


def stands(unit: Unit, caller: Caller, job_id: str, wanted: StandingForm) -> None:
    """Take down what a scheduler makes of a job; while somebody holds a run of it, the end of that will tell."""
    job = unit.get(Kind.JOB, caller.scope, job_id, lock=True)
    if job is None:
        raise missing("Job", job_id)
    client = schedulers.leasing_client(unit, job)
    if unit.leases.held_of_job(job, "") is not None:
        return
    schedulers.claimed(unit, caller, client)
    presence.heard(unit, client, caller.now)
    number = asked_events(job)[0] if wanted.event_number is UNSET else wanted.event_number
    job_state.stands(unit, caller, job, wanted.status, number)


def read(unit: Unit, scope: Scope, id: str, *, lock: bool = False) -> Record:
    """The run of that id; 404."""
    found = unit.get(Kind.RUN, scope, id, lock=lock)
    if found is None:
        raise missing("Run", id)
    return found


def free(unit: Unit, caller: Caller, limit: int) -> list[Document]:
    """Runs in view that were begun and that nobody holds any more."""
    ids = unit.leases.free(caller.scope, limit)
    found = unit.many(Kind.RUN, caller.scope, ids)
    return [_free(found[id]) for id in ids if id in found]


def _free(run: Record) -> Document:
    shown = body(run)
    return {
        "run_id": run.id,
        "project_id": run.project_id,
        "job_id": shown["job_id"],
        "cause": shown["cause"],
        "number": shown[_NUMBER_KEYS[shown["cause"]]],
    }


def _lost(known: Record) -> Refusal:
    state, holder = str(known.own["state"]), known.own["holder"]
    if state in OVER:
        return refused("over", f"run {known.id} is over: {state}")
    if holder:
        return refused("held", f"run {known.id} is held by {holder}")
    return refused("held", f"run {known.id} is not to be tried again yet")


def _tried(unit: Unit, caller: Caller, run: Record) -> Record:
    """``run`` with another try in its history."""
    shown, own = body(run), run.own
    this = {"incarnation": own["incarnation"], "fence": own["fence"], "holder": own["holder"], "started": caller.now}
    shown["tries"] = [*shown["tries"], this][-_MOST_TRIES:]
    shown["started"] = shown["started"] or caller.now
    return store(unit, run, shown)


def store(unit: Unit, run: Record, shown: Document) -> Record:
    """Keep what has changed about a locked run."""
    changed = replace(run, body=text(shown))
    return unit.update(changed, terms(changed))


def terms(run: Record) -> Terms:
    """What a run is found by."""
    shown = body(run)
    document = {key: shown[key] for key in ("job_id", "client_id", "kind", "cause", "due", "exit_code", "error")}
    return terms_of(Kind.RUN, {**document, "run_id": run.id, "state": run.own["state"], "holder": run.own["holder"]})


def remove(unit: Unit, caller: Caller, id: str) -> None:
    """Forget a run and its log; what it has made stays. The newest of a job is what says that the job has run."""
    known = read(unit, caller.scope, id, lock=True)
    caller.check(known)
    job = unit.get(Kind.JOB, Scope(known.project_id), str(known.own["job_id"]))
    if job is not None and unit.leases.newest_of_jobs([job.id]).get(job.id) == id:
        hint = "remove the job before, or wait for its next run"
        raise refused("newest", f"run {id} is the newest of job {job.id}, which might run again without it", hint=hint)
    if known.own["state"] not in OVER:
        raise refused("held", f"run {id} is not over: {known.own['state']}")
    drop(unit, known)


def drop(unit: Unit, run: Record) -> None:
    """Remove a locked run and its log."""
    unit.quotas.charge(run.project_id, "log_bytes", -int(run.own["log_bytes"] or 0))
    unit.delete(run)
