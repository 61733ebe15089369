"""Runs of the original's schedulers, which only report what they do: a history of them all the same."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from freezer.api.scope import Scope
from freezer.api.service import schedulers
from freezer.api.service.answers import Document, body, text
from freezer.api.service.caller import Caller
from freezer.api.service.runs import fresh, store, terms
from freezer.api.store.contract import Kind, Record, Unit
from freezer.model.runs import LEGACY, OVER, RUNNING, run_id

_STATES = {"success": "success", "fail": "failed", "aborted": "aborted"}


def reported(unit: Unit, caller: Caller, job: Record, schedule: Mapping[str, object]) -> None:
    """One of the original's schedulers has reported ``schedule`` of a locked job.

    A run is known by the second in which it began: the same report twice is one run.
    """
    schedulers.reported(unit, caller, job)
    started, ended = schedule.get("time_started"), schedule.get("time_ended")
    if not isinstance(started, int) or started <= 0:
        return
    if schedule.get("status") == RUNNING:
        _tell(unit, caller, job, started, RUNNING, None)
    elif schedule.get("result") in _STATES and isinstance(ended, int) and ended >= started:
        _tell(unit, caller, job, started, _STATES[str(schedule["result"])], ended)


def _tell(unit: Unit, caller: Caller, job: Record, started: int, state: str, ended: int | None) -> None:
    id = run_id(job.id, LEGACY, started)
    known = unit.get(Kind.RUN, Scope(job.project_id), id, lock=True)
    if known is not None and (state == RUNNING or known.own["state"] in OVER):
        return
    told: Document = {"started": started, "ended": ended}
    if known is not None:
        over = replace(known, own={**known.own, "state": state, "ended": ended})
        store(unit, over, {**body(known), **told})
        return
    run = fresh(job, id, LEGACY, LEGACY, started, caller.now, {})
    new = replace(run, body=text({**body(run), **told}), own={**run.own, "state": state, "ended": ended})
    unit.insert(new, terms(new))
