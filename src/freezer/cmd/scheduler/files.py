"""``validate``, ``list`` and ``run``: what concerns job files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from freezer.clock import SystemClock, utc_text
from freezer.cmd.output import Output
from freezer.cmd.scheduler.process import harden
from freezer.cmd.tables import Table
from freezer.decoding import json_decoder
from freezer.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL, FreezerError, UsageError
from freezer.model.due import due
from freezer.model.runs import OVER
from freezer.scheduler import pidfile
from freezer.scheduler.contract import Document, Update
from freezer.scheduler.journal import Journal
from freezer.scheduler.office.alone import ENDING, Run, State, read_state
from freezer.scheduler.settings import Settings
from freezer.scheduler.source.files import job_paths, read_file

_LOOKED_EVERY = 0.2
_SOON = 15.0  # seconds in which a daemon has to have begun what it was asked for, if it can
_COLUMNS = ("job", "file", "status", "result", "last run", "next run")
_EXIT_CODES = {"success": EXIT_OK, "partial": EXIT_PARTIAL}


def validate(settings: Settings, names: Sequence[str], output: Output) -> int:
    """Say of each file whether a daemon would take it; fails if it would not take one of them."""
    paths = [os.path.abspath(name) for name in names] or job_paths(settings.jobs_dir)
    now = SystemClock().now()
    code, seen = EXIT_OK, dict[str, str]()
    for path in paths:
        try:
            file = read_file(path, now)
            id = "" if file.job is None else str(file.job["job_id"])
            if id in seen:
                raise UsageError(f"{path} has the job_id of {seen[id]}")
        except FreezerError as error:
            code = EXIT_FAILED
            output.warning(error.message, hint=error.hint)
            continue
        if file.job is None:
            output.text(f"{path}: empty\n")
            continue
        seen[id] = path
        output.text(f"{path}: job {id}, {_first(file.job, int(now))}\n")
    if not paths:
        output.notice(f"there are no job files in {settings.jobs_dir}")
    return code


def show(settings: Settings, output: Output) -> int:
    """List the jobs, with what stands beside their files."""
    documents, rows = [], []
    now = SystemClock().now()
    for path in job_paths(settings.jobs_dir):
        try:
            file = read_file(path, now)
        except FreezerError as error:
            output.warning(error.message, hint=error.hint)
            continue
        if file.job is None:
            continue
        state = _beside(path) or State(job_id=str(file.job["job_id"]))
        documents.append(state)
        times = (_time(state.time_started), _time(state.next_run))
        rows.append((state.job_id, os.path.basename(path), state.status, state.result, *times))
    output.result(documents, Table(_COLUMNS, rows, "no jobs"))
    return EXIT_OK


def run_now(settings: Settings, wanted: str, output: Output) -> int:
    """Run a job; through the daemon if there is one."""
    harden()
    file = _job_of(settings, wanted)
    id = str(file["job_id"])
    held = pidfile.hold(settings.pid_file)
    journal = Journal(settings.state_dir)
    try:
        if held is None:
            run = _by_daemon(settings, journal, id, output)
        else:
            held.write()
            run = _here(settings, journal, id, output)
    finally:
        journal.close()
        if held is not None:
            held.remove()
    output.text(f"{run.state}{f': {run.error}' if run.error else ''}\n")
    output.notice(f"its log: {os.path.join(settings.state_dir, 'logs', run.run_id)}.log")
    return _EXIT_CODES.get(run.state, EXIT_FAILED)


def _by_daemon(settings: Settings, journal: Journal, id: str, output: Output) -> Run:
    """Ask the daemon for it, and wait for the end."""
    if not settings.no_api:
        hint = f"freezer job-start {id}, if the job is in the API; --no-api, if the daemon works without"
        raise UsageError("the daemon takes its jobs from the API", hint=hint)
    if sys.platform == "win32":
        raise UsageError("a daemon on Windows cannot be asked for a run", hint="stop it first")
    clock = SystemClock()
    before = read_state(journal, id)
    journal.ask(id)
    pidfile.signal_daemon(settings.pid_file, signal.SIGHUP)
    output.notice("the daemon runs it")
    known = {each.run_id for each in before.runs} if before else set()
    patient_until = clock.monotonic() + _SOON
    while True:
        state = read_state(journal, id)
        fresh = [each for each in state.runs if each.run_id not in known and each.cause == "event"] if state else []
        if fresh and fresh[0].state in OVER:
            return fresh[0]
        if not fresh and pidfile.running(settings.pid_file) is None:
            raise FreezerError("the daemon has ended meanwhile", hint=f"it runs job {id} when it is started again")
        if not fresh and clock.monotonic() > patient_until:
            output.notice("other runs are under way; the daemon begins this one as soon as it may")
            patient_until = float("inf")
        clock.sleep(_LOOKED_EVERY)


def _here(settings: Settings, journal: Journal, id: str, output: Output) -> Run:
    """Run it in this process."""
    from freezer.log import configured
    from freezer.scheduler.assembly import assemble
    from freezer.scheduler.daemon import Daemon

    if any(hold.wanted.job_id == id for hold in journal.holds()):
        hint = "freezer-scheduler start goes on with it"
        raise UsageError(f"a run of job {id} is under way that no daemon looks after", hint=hint)
    clock = SystemClock()
    with configured(settings.log, output.warning, program="freezer-scheduler"):
        parts = assemble(replace(settings, no_api=True), journal, clock, os.environ)
        journal.ask(id)
        update = next(parts.source.follow(lambda: True))
        daemon = Daemon(parts, journal, clock)
        daemon.heard(Update({id: update.jobs[id]}))
        daemon.look()
        try:
            for worker in daemon.workers():
                worker.join()
        except BaseException:  # Ctrl-C ends what it would have waited for
            daemon.heard(Update({}, frozenset({id})))
            for worker in daemon.workers():
                worker.join()
            raise
        finally:
            daemon.end()
    state = read_state(journal, id)
    if state is None or not state.runs or state.runs[0].state not in OVER:
        raise FreezerError(f"job {id} could not be run", hint="the log says why")
    return state.runs[0]


def _job_of(settings: Settings, wanted: str) -> Document:
    """The job that is named by its id, or by its file: with its path, or its name with or without the ending."""
    now = SystemClock().now()
    paths = job_paths(settings.jobs_dir)
    for path in paths:
        name = os.path.basename(path)
        if wanted in {name, os.path.splitext(name)[0]} or os.path.abspath(wanted) == path:
            job = read_file(path, now).job
            if job is None:
                raise UsageError(f"{path} is empty")
            return job
    for path in paths:
        with suppress(FreezerError):
            job = read_file(path, now).job
            if job is not None and job["job_id"] == wanted:
                return job
    raise UsageError(f"there is no job {wanted} in {settings.jobs_dir}", hint="freezer-scheduler list shows them")


def _first(job: Document, now: int) -> str:
    following = due(job if "time_created" in job["job_schedule"] else _made(job, now), now - 1)
    return "never due again" if following is None else f"due {_time(following)}"


def _made(job: Document, now: int) -> Document:
    return {**job, "job_schedule": {**job["job_schedule"], "time_created": now}}


def _beside(path: str) -> State | None:
    """What stands beside a job's file."""
    try:
        with open(path + ENDING, "rb") as file:
            return json_decoder(State).decode(file.read())
    except (OSError, ValueError):
        return None


def _time(seconds: int | None) -> str:
    return "" if seconds is None or seconds < 0 else utc_text(seconds)
