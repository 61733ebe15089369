"""Waiting for the end of a job that was just made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freezer.cli.command import Context
from freezer.cli.runs import PAUSE

if TYPE_CHECKING:
    from freezer.client import Api

_COMPLETED = "completed"
_OVER = ("success", "partial", "failed", "aborted", "missed")
_FEATURE = "runs"


@dataclass(frozen=True, slots=True)
class Ended:
    """``result`` is the state of its ``run``, or the job's own word if the API keeps no runs: ``success``, ``fail``."""

    result: str
    run: Mapping[str, Any] | None = None


def watch(context: Context, api: Api, job_id: str) -> Ended:
    """How the job has ended; what changes meanwhile is said."""
    has_runs, before = _FEATURE in api.features(), ""
    while True:
        run = api.runs.latest(job_id) if has_runs else None
        schedule = {} if run else api.jobs.get(job_id)["job_schedule"]
        state = _run_state(run) if run else _job_state(schedule)
        if state != before:
            context.say(f"job {job_id}: {state}")
            before = state
        if run and run["state"] in _OVER:
            return Ended(run["state"], run)
        if not run and schedule.get("status") == _COMPLETED:
            return Ended(schedule.get("result") or "")
        context.clock.sleep(PAUSE)


def _run_state(run: Mapping[str, Any]) -> str:
    state = str(run["state"])
    progress = run.get("progress") or {}
    if state in _OVER or not progress.get("phase"):
        return state
    done, total = progress.get("done_bytes"), progress.get("total_bytes")
    share = f", {10 * (10 * done // total)} %" if done is not None and total else ""
    return f"{state}: {progress['phase']}{share}"


def _job_state(schedule: Mapping[str, Any]) -> str:
    status = schedule.get("status") or "waiting for its client"
    return f"{status}, {schedule['result']}" if status == _COMPLETED and schedule.get("result") else str(status)
