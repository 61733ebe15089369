"""Runs and rounds that nobody goes on with: leases, dead members of sessions, missed runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from freezer.api.housekeeper.context import Context
from freezer.api.housekeeper.work import Work, active, every
from freezer.api.scope import EVERYTHING, Identity, Scope
from freezer.api.service import members, rounds, run_upkeep
from freezer.api.service.answers import Document, body, links
from freezer.api.service.caller import Caller
from freezer.api.service.job_state import told_schedule
from freezer.api.service.pauses import lasting, skipped
from freezer.api.service.schedulers import LEASING
from freezer.api.store.contract import Kind, Record, Unit
from freezer.api.store.operations import Alarm
from freezer.clock import utc_text
from freezer.errors import DocumentError
from freezer.model.due import due
from freezer.model.missed import Missed, overdue
from freezer.model.runs import OVER
from freezer.model.sessions import TIME_LIMIT
from freezer.units import counted

_LOG = logging.getLogger(__name__)
_AT_ONCE = 100
_RESULTS = {"success": "success", "partial": "success", "aborted": "aborted"}
RUN_MISSED = "run missed"


def expire_leases(work: Work) -> int:
    """Let runs whose holder is dead wait for another one."""
    done = 0
    while found := len(work.store.write(lambda unit: run_upkeep.expire(unit, _AT_ONCE))):
        done += found
    return done


def end_dead_members(work: Work) -> int:
    """End the part in a round of those whose run is over without their having said so, whose client is silent, who have
    not begun for as long as that would take to notice, or are not done when the session's time is up."""
    # Not looked up: what a search finds under "status" is that of the last member.
    found = [each for page in every(work, Kind.SESSION) for each in page if body(each)["status"] == "running"]
    return sum(work.store.write(partial(_settled, work, each)) for each in found)


def _settled(work: Work, session: Record, unit: Unit) -> int:
    known = unit.get(Kind.SESSION, EVERYTHING, session.id, lock=True)
    if known is None or body(known)["status"] != "running":
        return 0
    shown = body(known)
    silent = _silent(unit, work, known.project_id)
    done = 0
    for id, member in (shown.get("jobs") or {}).items():
        result = _result_of_dead(unit, known, id, member, shown, work, silent)
        if result is not None:
            rounds.has_ended(shown, member, result, work.now)
            done += 1
    if done:
        rounds.settle(shown, work.now)
        members.store(unit, _nobody(known, work.now), known, shown)
    return done


def _result_of_dead(
    unit: Unit, session: Record, id: str, member: Document, shown: Document, work: Work, silent: frozenset[str]
) -> str | None:
    """How a member's part in the round has ended that nobody reports any more; None if it may go on."""
    if member["status"] == "completed":
        return None
    job = unit.get(Kind.JOB, Scope(session.project_id), id)
    if job is None:
        return "fail"
    lasted = work.now - int(shown["time_start"])
    if lasted > int(shown.get("time_limit", TIME_LIMIT)):
        return "fail"
    absent = job.own.get("client") in silent or member["status"] == ""
    if absent and lasted > max(work.settings.silent_after, int(shown["hold_off"])):
        return "fail"
    run = run_upkeep.latest(unit, [job]).get(id) if member["status"] == "running" else None
    if run is None or run.own["state"] not in OVER:
        return None
    ended = int(run.own["ended"] or 0)
    if ended < int(member["time_started"]) or work.now - ended < work.settings.every:
        return None
    return _RESULTS.get(str(run.own["state"]), "fail")


def _silent(unit: Unit, work: Work, project_id: str) -> frozenset[str]:
    before = work.now - work.settings.silent_after
    return frozenset(each.client for each in unit.operations.presences(project_id) if each.seen < before)


def record_missed(work: Work) -> int:
    """Note down the runs that were due and that nobody will begin any more."""
    done = 0
    work.unmissed.begin()
    for jobs in every(work, Kind.JOB):
        for job in work.store.read(partial(_missing, work, jobs)):
            done += work.store.write(partial(_missed, work, job))
    return done


def _missing(work: Work, jobs: Sequence[Record], unit: Unit) -> list[Record]:
    awake = [each for each in jobs if active(each) and not work.unmissed.has(each, work.now)]
    context = Context.of(unit, awake)
    return [each for each in awake if _misses(work, each, context)]


def _misses(work: Work, job: Record, context: Context) -> bool:
    try:
        return _lost(work, job, context) is not None
    except DocumentError as error:
        _LOG.info("job %s: %s", job.id, error.message)
        return False


def _missed(work: Work, job: Record, unit: Unit) -> int:
    known = unit.get(Kind.JOB, EVERYTHING, job.id, lock=True)
    lost = None if known is None else _lost(work, known, Context.of(unit, [known]))
    if known is None or lost is None:
        return 0
    run = run_upkeep.record_missed(unit, known, lost.first, lost.last, lost.count, work.now)
    shown = body(known)
    times = utc_text(lost.last) if lost.count == 1 else f"{utc_text(lost.first)} to {utc_text(lost.last)}"
    unit.operations.add_alarm(
        Alarm(
            project_id=known.project_id,
            event=RUN_MISSED,
            kind="job",
            object=run.id,
            name=str(shown["description"] or known.id)[:255],
            text=f"{counted(lost.count, 'run')} of job {known.id} on {shown['client_id']} did not begin: {times}.",
            since=lost.last,
            passing=True,
        )
    )
    return lost.count


def _lost(work: Work, job: Record, context: Context) -> Missed | None:
    """The runs of a job that are lost: only those of schedulers that claim what they run can be told."""
    client = context.client(job)
    if client is None or links(client).get("scheduler") != LEASING:
        return None
    pauses, run = context.pauses_of(job), context.runs.get(job.id)
    if lasting(pauses, job) is not None or (run is not None and run.own["state"] not in OVER):
        return None
    settled = [int(links(job).get("armed", 0)), int(links(client).get("scheduler_since", 0))]
    settled += [each.ended for each in pauses if each.ended is not None]
    if run is not None:
        settled += [int(run.own["due"] or 0), int(run.own["ended"] or 0)]
    schedule, since = told_schedule(job), max(settled)
    following = due(schedule, since)
    if following is None or following > work.now:
        work.unmissed.until(job, following)
        return None
    return overdue(schedule, since, work.now, skipped(job)).missed


def _nobody(record: Record, now: int) -> Caller:
    """The housekeeper, who acts for nobody in particular."""
    return Caller(Identity(record.user_id, record.project_id, frozenset()), Scope(record.project_id), now)
