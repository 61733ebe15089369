"""Waiting for the end of a run, and showing how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freezer.client import Api
from freezer.clock import Clock
from freezer.errors import ApiUnavailable, FreezerError
from freezer.progress import Progress
from freezer.standalone.home import Home
from freezer.standalone.supervisor import read_state

_OVER = ("success", "partial", "failed", "aborted", "missed")
_LOOK_SECONDS = 0.5
_BEGIN_SECONDS = 120.0
Run = Mapping[str, Any]


def latest(api: Api, job_id: str) -> Run | None:
    """The newest run of a job that has begun; None if there is none."""
    run = api.runs.latest(job_id)
    return None if run is None or run["state"] == "missed" else run


def watch(home: Home, api: Api, job_id: str, clock: Clock, progress: Progress) -> Run:
    """The run of a job, once it is over; FreezerError if none begins, or if nobody is there any more who would."""
    try:
        return _watch(api, job_id, clock, progress)
    except ApiUnavailable:
        problem = read_state(home).problem
        if not problem:
            raise
        raise FreezerError(problem, hint=f"see what is in {home.at('log')}") from None


def _watch(api: Api, job_id: str, clock: Clock, progress: Progress) -> Run:
    limit = clock.monotonic() + _BEGIN_SECONDS
    shown = _Shown(progress)
    while True:
        run = latest(api, job_id)
        if run is not None:
            if run["state"] in _OVER:
                progress.complete()
                return run
            shown.show(run.get("progress") or {})
        elif clock.monotonic() > limit:
            message = f"the scheduler has not begun job {job_id} within {_BEGIN_SECONDS:.0f} s"
            raise FreezerError(message, hint="freezer status says whether it runs")
        clock.sleep(_LOOK_SECONDS)


class _Shown:
    """What of a run's progress was shown already."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._phase = ""
        self._bytes = self._items = 0

    def show(self, told: Mapping[str, Any]) -> None:
        phase = str(told.get("phase") or "")
        if not phase:
            return
        if phase != self._phase:
            self._progress.phase(phase, total_bytes=told.get("total_bytes"), total_items=told.get("total_items"))
            self._phase, self._bytes, self._items = phase, 0, 0
        done_bytes, done_items = int(told.get("done_bytes") or 0), int(told.get("done_items") or 0)
        self._progress.advance(done_bytes=max(0, done_bytes - self._bytes), done_items=max(0, done_items - self._items))
        self._bytes, self._items = max(self._bytes, done_bytes), max(self._items, done_items)
        if told.get("current"):
            self._progress.current(str(told["current"]))
