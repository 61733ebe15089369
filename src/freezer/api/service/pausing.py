"""What operators do to running things: pause, resume, leave a run out.

Schedulers that claim runs are refused while something is paused. The original's schedulers ask for a list of jobs
instead and run what stands in it: of a paused project or client they are shown only what is running, a paused job they
are told to stop.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from freezer.api.refusals import forbidden, missing, unprocessable
from freezer.api.service import jobs
from freezer.api.service.answers import body, links, text
from freezer.api.service.caller import Caller
from freezer.api.service.job_state import told_schedule
from freezer.api.service.pauses import JOB, PROJECT, skipped
from freezer.api.service.schedulers import LEASING, client_of
from freezer.api.store.contract import Kind, Record, Unit
from freezer.api.store.operations import Pause
from freezer.model.due import instants
from freezer.model.pauses import PauseForm

_MOST_SKIPPED = 100


def listed(unit: Unit, caller: Caller) -> list[Pause]:
    """Those that last."""
    return list(unit.operations.pauses(caller.project_id))


def begin(unit: Unit, caller: Caller, kind: str, id: str, form: PauseForm) -> Pause:
    """Let ``kind`` of that id begin no more runs; one that is paused already is told of anew."""
    object, name, record = _meant(unit, caller, kind, id)
    known = _of(unit.operations.pauses(caller.project_id), kind, object)
    made = Pause(
        project_id=caller.project_id,
        kind=kind,
        object=object,
        name=name,
        draining=form.draining,
        reason=form.reason,
        user_id=caller.identity.user_id,
        since=caller.now if known is None else known.since,
    )
    unit.operations.keep_pause(made)
    if known is None and record is not None and kind == JOB and not _claims(unit, record):
        jobs.event(unit, caller, id, "stop")
    return made


def end(unit: Unit, caller: Caller, kind: str, id: str) -> None:
    """Let it begin runs again; nothing happens if it is not paused. What was due meanwhile is not made up for."""
    object, _, record = _meant(unit, caller, kind, id)
    known = _of(unit.operations.pauses(caller.project_id), kind, object)
    if known is None:
        return
    unit.operations.keep_pause(replace(known, ended=caller.now))
    if record is not None and kind == JOB and not _claims(unit, record):
        jobs.event(unit, caller, id, "start")


def skip(unit: Unit, caller: Caller, id: str) -> int:
    """Leave out the next run of a job that is due by its schedule; when that would have been."""
    known = unit.get(Kind.JOB, caller.scope, id, lock=True)
    if known is None:
        raise missing("Job", id)
    out = {each for each in skipped(known) if each > caller.now}
    if len(out) >= _MOST_SKIPPED:
        raise unprocessable(f"{len(out)} runs of job {id} are to be left out already; pause it instead")
    left = [each for each in instants(told_schedule(known), caller.now, len(out) + 1) if each not in out]
    if not left:
        raise unprocessable(f"Job {id} is not due again by its schedule")
    own = {**links(known), "skipped": sorted({*out, left[0]})}
    unit.update(replace(known, links=text(own)), None)
    return left[0]


def _meant(unit: Unit, caller: Caller, kind: str, id: str) -> tuple[str, str, Record | None]:
    """Id and name of what shall be paused, and its record; 404 if it is not there."""
    if kind == PROJECT:
        return caller.project_id, caller.project_id, None
    record = unit.get(Kind.JOB if kind == JOB else Kind.CLIENT, caller.scope, id, lock=True)
    if record is None:
        raise missing(kind.capitalize(), id)
    if record.project_id != caller.scope.project_id:
        raise forbidden()
    name = body(record)["description"] or id if kind == JOB else str(record.own["name"])
    return record.id, str(name)[:255], record


def _of(pauses: Iterable[Pause], kind: str, object: str) -> Pause | None:
    return next((each for each in pauses if (each.kind, each.object) == (kind, object)), None)


def _claims(unit: Unit, job: Record) -> bool:
    client = client_of(unit, job)
    return client is not None and links(client).get("scheduler") == LEASING
