"""This machine alone: nobody is asked, and what is told is kept here.

What became of a job stands beside its file, in ``<file>.status.json``: its state in the words of the API's
``job_schedule``, when it runs next, and its last runs. Logs of runs are in the state directory.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from freezer.clock import Clock
from freezer.errors import DocumentError
from freezer.model.due import due
from freezer.model.run_reports import ActionResult, Failure, Progress
from freezer.model.runs import OVER, RUNNING, Fence
from freezer.model.upkeep import Upkeep
from freezer.scheduler.contract import Document, Hold, Left, Order, Refused, Standing, Told, Wanted
from freezer.scheduler.journal import Journal

_LOG = logging.getLogger(__name__)
_MOST_RUNS = 20
_MOST_FAILURES = 100
_LONGEST_LOG = 8 * 1024 * 1024
_RESULTS = {"success": "success", "partial": "success", "failed": "fail", "aborted": "aborted"}
ENDING = ".status.json"
"""What is added to the name of a job's file for the one with its results."""


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run as it stands beside the file of its job. ``due``: its instant, if the schedule wanted it; times are seconds
    since 1970. ``failures`` are the first of them, ``more_failures`` says how many there are besides."""

    run_id: str
    cause: str
    due: int | None = None
    fence: int
    state: str
    started: int
    ended: int | None = None
    exit_code: int | None = None
    error: str | None = None
    progress: Progress | None = None
    actions: dict[int, ActionResult] = {}
    failures: tuple[Failure, ...] = ()
    more_failures: int = 0
    backups: tuple[dict[str, Any], ...] = ()


class Missed(msgspec.Struct, frozen=True):
    """Instants of which nothing came: ``count`` of them, from ``first`` to ``last``."""

    first: int
    last: int
    count: int


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a job: as its ``job_schedule`` would say it, and its last runs, newest first."""

    job_id: str
    description: str = ""
    status: str = ""
    result: str = ""
    time_started: int = -1
    time_ended: int = -1
    next_run: int | None = None
    runs: tuple[Run, ...] = ()
    missed: tuple[Missed, ...] = ()


class Alone:
    """An :class:`freezer.scheduler.contract.Office` without an API. ``path_of``: the file of a job; ``logs``: the
    directory for logs of runs."""

    def __init__(self, journal: Journal, path_of: Callable[[str], str | None], logs: str, clock: Clock) -> None:
        self._journal = journal
        self._path_of = path_of
        self._logs = logs
        self._clock = clock
        self._lock = threading.Lock()
        self._unwritable: set[str] = set()

    # -- the office ----------------------------------------------------------------------------------------------------

    def take(self, wanted: Wanted, *, after: Fence | None = None) -> Hold:
        """Nobody else asks for it; a run that is over stays so."""
        now = int(self._clock.now())
        with self._lock:
            state = self._state(wanted.job)
            known = next((each for each in state.runs if each.run_id == wanted.run_id), None)
            if known is not None and known.state in OVER:
                raise Refused("over", f"run {known.run_id} is over: {known.state}")
            fence = 1 if known is None else known.fence + 1
            if known is None:
                instant = wanted.number if wanted.cause == "schedule" else None
                known = Run(run_id=wanted.run_id, cause=wanted.cause, due=instant, fence=1, state=RUNNING, started=now)
            self._keep(_with(state, replace(known, fence=fence, state=RUNNING)), wanted.job)
        return Hold(wanted, Fence(0, fence), math.inf, done=known.actions)

    def renew(self, hold: Hold) -> tuple[Hold, Order]:
        """Nobody else wants it."""
        return replace(hold, until=math.inf), ""

    def tell(self, hold: Hold, told: Told) -> None:
        """Keep news of a run."""
        with self._lock:
            state = self._state(hold.wanted.job)
            run = next((each for each in state.runs if each.run_id == hold.wanted.run_id), None)
            if run is not None and run.fence == hold.fence.number:
                self._keep(_with(state, self._told(run, told)), hold.wanted.job)

    def _told(self, run: Run, told: Told) -> Run:
        failures = (*run.failures, *told.failures)
        more = run.more_failures + told.more_failures + max(0, len(failures) - _MOST_FAILURES)
        over = told.state is not UNSET and told.state in OVER
        return replace(
            run,
            state=run.state if told.state is UNSET else told.state,
            ended=int(self._clock.now()) if over else run.ended,
            exit_code=run.exit_code if told.exit_code is UNSET else told.exit_code,
            error=run.error if told.error is UNSET else told.error,
            progress=run.progress if told.progress is UNSET else told.progress,
            actions={**run.actions, **told.actions},
            failures=failures[:_MOST_FAILURES],
            more_failures=more,
        )

    def log(self, hold: Hold, text: str) -> None:
        """Add to the log of a run, up to 8 MiB."""
        path = self.log_of(hold.wanted.run_id)
        try:
            os.makedirs(self._logs, mode=0o700, exist_ok=True)
            with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
                if file.tell() < _LONGEST_LOG:
                    file.write(text)
        except OSError as error:
            self._complain(path, error)

    def backup(self, hold: Hold, document: Document) -> None:
        """Keep a report of the agent with its run."""
        with self._lock:
            state = self._state(hold.wanted.job)
            run = next((each for each in state.runs if each.run_id == hold.wanted.run_id), None)
            if run is not None:
                self._keep(_with(state, replace(run, backups=(*run.backups, dict(document)))), hold.wanted.job)

    def upkeep(self, hold: Hold, done: Upkeep) -> None:
        """The storages themselves know that, and nobody else here keeps records of backups."""

    def missed(self, job: Document, first: int, last: int, count: int) -> None:
        """Keep what was missed."""
        with self._lock:
            state = self._state(job)
            if not any(each.last >= last for each in state.missed):
                missed = (Missed(first, last, count), *state.missed)[:_MOST_RUNS]
                self._keep(replace(state, missed=missed), job)

    def noted(self, job: Document, standing: Standing) -> None:
        """Keep how a job is that does not run."""
        with self._lock:
            state = self._state(job)
            self._keep(replace(state, status=standing), job)

    def left(self) -> Sequence[Left]:
        """There is nobody who could have left anything."""
        return ()

    # -- what is kept --------------------------------------------------------------------------------------------------

    def log_of(self, run_id: str) -> str:
        """The path of the log of a run."""
        return os.path.join(self._logs, f"{run_id}.log")

    def _state(self, job: Document) -> State:
        id = str(job["job_id"])
        return read_state(self._journal, id) or State(job_id=id)

    def _keep(self, state: State, job: Document) -> None:
        newest = state.runs[0] if state.runs else None
        try:
            following = due(job, self._clock.now())
        except DocumentError:
            following = None
        if newest is not None and newest.state == RUNNING:
            state = replace(state, status=RUNNING, result="", time_started=newest.started, time_ended=-1)
        elif newest is not None and state.status == RUNNING:
            standing = "completed" if following is None else "scheduled"
            ended = -1 if newest.ended is None else newest.ended
            state = replace(state, status=standing, result=_RESULTS.get(newest.state, ""), time_ended=ended)
        for old in state.runs[_MOST_RUNS:]:
            with contextlib.suppress(OSError):
                os.unlink(self.log_of(old.run_id))
        state = replace(state, runs=state.runs[:_MOST_RUNS], next_run=following)
        state = replace(state, description=str(job.get("description") or ""))
        self._journal.keep_fact(_fact(state.job_id), state)
        self._show(state)

    def _show(self, state: State) -> None:
        """Write what is known beside the job's file: whole, or not at all."""
        path = self._path_of(state.job_id)
        if path is None:
            return
        target = path + ENDING
        try:
            with open(target + ".new", "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n")
            os.replace(target + ".new", target)
        except OSError as error:
            self._complain(target, error)

    def _complain(self, path: str, error: OSError) -> None:
        if path not in self._unwritable:
            self._unwritable.add(path)
            _LOG.warning(
                "%s cannot be written: %s; freezer-scheduler list shows what it would say", path, error.strerror
            )


def read_state(journal: Journal, job_id: str) -> State | None:
    """What became of a job, None if nothing has yet."""
    return journal.fact(_fact(job_id), State)


def _fact(job_id: str) -> str:
    return f"job {job_id}"


def _with(state: State, run: Run) -> State:
    """``state`` with a run as it is now, in its place or as the newest."""
    if any(each.run_id == run.run_id for each in state.runs):
        return replace(state, runs=tuple(run if each.run_id == run.run_id else each for each in state.runs))
    return replace(state, runs=(run, *state.runs))
