"""The parts of jobs in the rounds of their session, as runs tell of them: a claimed run has begun, one that is over has
ended. Both are in the transaction of the claim and of the report, so that a round never waits for a word that got lost.
"""

from __future__ import annotations

from freezer.api.refusals import refused, unprocessable
from freezer.api.scope import Scope
from freezer.api.service import barriers, rounds
from freezer.api.service.answers import Document, body
from freezer.api.service.caller import Caller
from freezer.api.service.members import store
from freezer.api.store.contract import Kind, Record, Unit

RESULTS = {"success": "success", "partial": "success", "failed": "fail", "aborted": "aborted"}


def session_of(unit: Unit, job: Record) -> Record:
    """The session of a job that is not locked yet, locked; 422 if it is in none."""
    id = str(body(job)["session_id"] or "")
    found = unit.get(Kind.SESSION, Scope(job.project_id), id, lock=True) if id else None
    if found is None:
        raise unprocessable(f"Job {job.id} is in no session")
    return found


def check_round(session: Record, job: Record, tag: int) -> None:
    """409 if a run of that round cannot be made any more, 400 if not yet, 422 if the job has no part in it."""
    shown = body(session)
    if job.id not in (shown.get("jobs") or {}):
        raise unprocessable(f"Job {job.id} is not in session {session.id}")
    rounds.check_tag(shown, tag)
    if tag < shown["session_tag"]:
        raise refused("over", f"round {tag} of session {session.id} is over: round {shown['session_tag']} has begun")


def begun(unit: Unit, caller: Caller, session: Record, job_id: str, tag: int) -> None:
    """A run of a job in a round is held by somebody."""
    shown = body(session)
    member = (shown.get("jobs") or {}).get(job_id)
    if member is None or tag != shown["session_tag"] or shown["status"] != "running" or not _open(member):
        return
    rounds.runs(member, caller.now)
    barriers.go_on(shown, caller.now)
    store(unit, caller, session, shown)


def _open(member: Document) -> bool:
    return bool(member["status"] == "" or member["result"] == "skipped")


def locked(unit: Unit, run: Record) -> Record | None:
    """The session whose round ``run`` is of, locked; None if it is of none, or that session is no more."""
    id = body(run).get("session_id")
    return unit.get(Kind.SESSION, Scope(run.project_id), id, lock=True) if id else None


def ended(unit: Unit, caller: Caller, session: Record, run: Record, state: str) -> None:
    """A run of a round is over."""
    shown, told = body(session), body(run)
    member = (shown.get("jobs") or {}).get(told["job_id"])
    if member is None or told.get("session_tag") != shown["session_tag"] or member["status"] == "completed":
        return
    rounds.has_ended(shown, member, RESULTS[state], caller.now)
    rounds.settle(shown, caller.now)
    store(unit, caller, session, shown)
