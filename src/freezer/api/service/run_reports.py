"""What holders tell of their runs.

A report of a try that is not the present one changes nothing about the run: it is kept as *superseded* and answered by
409. Therefore functions here return a refusal instead of raising it, so that the transaction is kept.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from freezer.api.refusals import Refusal, refused
from freezer.api.scope import Scope
from freezer.api.service import parts
from freezer.api.service.answers import Document, body, decode, links, text
from freezer.api.service.caller import Caller
from freezer.api.service.job_state import ended, goes_on
from freezer.api.service.runs import read, store
from freezer.api.store.contract import Kind, Record, Unit
from freezer.model.run_reports import MOST_FAILURES, Report
from freezer.model.runs import OVER, WAITING, Fence, Renewal

_MOST_SUPERSEDED = 20
_MOST_BACKUPS = 1000


def renew(unit: Unit, caller: Caller, id: str, wanted: Renewal) -> Document | Refusal:
    """Let the holder go on; the time to live, and what users ask of the job meanwhile."""
    milliseconds = wanted.ttl * 1000
    if not unit.leases.renew(caller.scope, id, wanted.of, milliseconds):
        known = read(unit, caller.scope, id)
        if not unit.leases.confirm(known, wanted.of, None):
            return _why_not(unit, read(unit, caller.scope, id), wanted.of)
        known = read(unit, caller.scope, id, lock=True)
        store(unit, known, body(known))  # it was taken for dead
        unit.leases.renew(caller.scope, id, wanted.of, milliseconds)
    run = read(unit, caller.scope, id)
    job = unit.get(Kind.JOB, Scope(run.project_id), str(run.own["job_id"]))
    event = "" if job is None else body(job)["job_schedule"].get("event", "")
    return {"run_id": id, "ttl": wanted.ttl, "event": event}


def report(unit: Unit, caller: Caller, id: str, told: Report) -> Record | Refusal:
    """Apply a report, once."""
    known = read(unit, caller.scope, id)
    job = session = None
    if told.state is not UNSET:
        session = parts.locked(unit, known)
        job = unit.get(Kind.JOB, Scope(known.project_id), str(known.own["job_id"]), lock=True)
    if not unit.leases.confirm(known, told.of, None if told.sequence is UNSET else told.sequence):
        return _late(unit, caller, id, told)
    known = read(unit, caller.scope, id, lock=True)
    changed = _applied(caller, known, told)
    stored = store(unit, changed, body(changed))
    if told.state == WAITING:
        unit.leases.release(stored, told.retry_after * 1000)
    if job is not None:
        again = told.state == WAITING or goes_on(job, caller.now)
        ended(unit, caller, job, str(told.state), again=again)
    if session is not None and told.state != WAITING:
        parts.ended(unit, caller, session, stored, str(told.state))
    return stored


def _applied(caller: Caller, run: Record, told: Report) -> Record:
    shown, own, kept = body(run), dict(run.own), links(run)
    if told.progress is not UNSET:
        shown["progress"] = plain(told.progress)
    for key in ("exit_code", "error"):
        if getattr(told, key) is not UNSET:
            shown[key] = getattr(told, key)
    shown["actions"].update({str(int(number)): plain(each) for number, each in told.actions.items()})
    room = MOST_FAILURES - len(kept["failures"])
    kept["failures"] += [plain(each) for each in told.failures[: max(room, 0)]]
    shown["failures_total"] += len(told.failures) + told.more_failures
    _link(shown, told.backups)
    if told.state is not UNSET:
        shown["tries"][-1].update(
            ended=caller.now, state=told.state, exit_code=shown["exit_code"], error=shown["error"]
        )
        own["state"] = told.state
        if told.state == WAITING:
            own["holder"] = ""
        else:
            shown["ended"] = own["ended"] = caller.now
    return replace(run, body=text(shown), links=text(kept), own=own)


def plain(value: object) -> Any:
    """A typed document as it is stored."""
    return decode(text(value))


def _link(shown: Document, backups: list[str]) -> None:
    shown["backups"] = list(dict.fromkeys([*shown["backups"], *backups]))[:_MOST_BACKUPS]


def _late(unit: Unit, caller: Caller, id: str, told: Report) -> Record | Refusal:
    """What is answered to a report that is not the next one of the present try of an open run."""
    run = read(unit, caller.scope, id, lock=True)
    present, last = _is_present(unit, run, told.of), int(run.own["sequence"] or 0)
    if not present:
        _keep_superseded(unit, caller, run, told)
    elif told.sequence is not UNSET and told.sequence <= last:
        return run
    elif told.sequence is not UNSET and told.sequence > last + 1 and run.own["state"] not in OVER:
        return refused("gap", f"report {told.sequence} of this try comes before report {last + 1}")
    return _why_not(unit, run, told.of)


def _is_present(unit: Unit, run: Record, fence: Fence) -> bool:
    present = Fence(int(run.own["incarnation"] or 0), int(run.own["fence"] or 0))
    return fence == present and fence.incarnation == unit.incarnation()


def _why_not(unit: Unit, run: Record, fence: Fence) -> Refusal:
    """Why this try does not hold ``run``."""
    if not _is_present(unit, run, fence):
        hint = "what is stored stays; the backups made by it can still be reported"
        return refused("superseded", f"run {run.id} has gone on without this try", hint=hint)
    if run.own["state"] in OVER:
        return refused("over", f"run {run.id} is over: {run.own['state']}")
    return refused("released", f"run {run.id} was given back by this try")


def _keep_superseded(unit: Unit, caller: Caller, run: Record, told: Report) -> None:
    shown = body(run)
    entry = {key: each for key, each in plain(told).items() if key in {"incarnation", "fence", "state", "exit_code"}}
    found = [each for each in shown.get("superseded", []) if {**entry, "at": each["at"]} != each]
    shown["superseded"] = [*found, {**entry, "at": caller.now}][-_MOST_SUPERSEDED:]
    _link(shown, told.backups)
    store(unit, run, shown)


def made(unit: Unit, caller: Caller, run_id: str, backup_id: str) -> None:
    """A backup of that run was reported, which is a fact whoever holds the run by now."""
    run = unit.get(Kind.RUN, caller.scope, run_id, lock=True)
    if run is not None:
        shown = body(run)
        _link(shown, [backup_id])
        store(unit, run, shown)
