"""What a run tells of its job in the words of the original, for whoever looks at the job alone."""

from __future__ import annotations

from msgspec.structs import replace

from freezer.api.service.answers import Document, body, links, text
from freezer.api.service.caller import Caller, new_number
from freezer.api.service.uses import job_terms
from freezer.api.store.contract import Record, Unit
from freezer.errors import DocumentError
from freezer.model.due import due

NEVER = -1
STARTING = frozenset({"start", "run"})
"""Events that ask for a run."""

ENDING = frozenset({"stop", "abort"})
"""Events that are answered by the end of a run."""

_RESULTS = {"success": "success", "partial": "success", "failed": "fail", "aborted": "aborted"}


def ask(own: Document, event: object) -> None:
    """Note in the links of a job that ``event`` is asked for, nothing if it is empty. Numbers begin anywhere: a job
    that is made again under the id of an earlier one asks for other runs."""
    own["undelivered"] = bool(event)
    if event:
        own["events"] = own["events"] + 1 if "events" in own else new_number()


def asked_events(job: Record) -> tuple[int, bool]:
    """The number of the event that was asked for last, and whether it still waits for its run."""
    return int(links(job).get("events", 0)), body(job)["job_schedule"].get("event") in STARTING


def told_schedule(job: Record) -> Document:
    """As much of a job's document as :mod:`freezer.model.due` wants."""
    return {"job_id": job.id, "job_schedule": body(job)["job_schedule"]}


def goes_on(job: Record, now: int) -> bool:
    """Whether the schedule of a job has another instant; one that means nothing has none."""
    try:
        return due(told_schedule(job), now) is not None
    except DocumentError:
        return False


def begun(unit: Unit, caller: Caller, job: Record, event: int | None, round: int | None = None) -> None:
    """A run of a locked job begins; ``event``: the number of the one that asked for it, which is answered by that.
    ``round``: the one of its session that it is for, which is what anybody who asked has asked for."""
    shown, own = body(job), links(job)
    schedule = shown["job_schedule"]
    schedule.update(status="running", result="", time_started=caller.now, time_ended=NEVER)
    if round is not None:
        shown["session_tag"] = max(shown["session_tag"], round)
        event = own.get("events", 0)
    if event is not None and event == own.get("events", 0) and schedule.get("event") in STARTING:
        schedule["event"] = ""
        own["undelivered"] = False
    _store(unit, caller, job, shown, own)


def ended(unit: Unit, caller: Caller, job: Record, state: str, *, again: bool) -> None:
    """A run of a locked job is over, or waits (``state``); ``again``: there will be another one."""
    shown, own = body(job), links(job)
    schedule = shown["job_schedule"]
    schedule["status"] = "scheduled" if again else "completed"
    if state in _RESULTS:
        schedule.update(result=_RESULTS[state], time_ended=caller.now)
        if schedule.get("event") == "stop":
            schedule["status"] = "stop"
        if schedule.get("event") in ENDING:
            schedule["event"] = ""
            own["undelivered"] = False
    _store(unit, caller, job, shown, own)


def stands(unit: Unit, caller: Caller, job: Record, status: str, event: int) -> None:
    """A locked job is not running, and its scheduler has seen the event of that number; nothing changes if users have
    asked for something else meanwhile, or the end of a run has answered what they asked to ``stop``."""
    shown, own = body(job), links(job)
    schedule = shown["job_schedule"]
    if event != own.get("events", 0) or schedule.get("event") in STARTING:
        return
    if not schedule.get("event") and status in {schedule.get("status"), "stop"}:
        return
    schedule.update(status=status, event="")
    own["undelivered"] = False
    _store(unit, caller, job, shown, own)


def _store(unit: Unit, caller: Caller, job: Record, shown: Document, own: Document) -> None:
    record = replace(job, body=text(shown), links=text(own))
    unit.update(record, job_terms(unit, caller, record))
