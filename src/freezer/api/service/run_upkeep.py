"""What happens to runs without anybody asking: leases end, old runs are forgotten, missed ones noted down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from freezer.api.scope import EVERYTHING
from freezer.api.service.answers import body, text
from freezer.api.service.runs import drop, fresh, store, terms
from freezer.api.store.contract import Kind, Record, Unit
from freezer.model.runs import LEASED, OVER, run_id


def expire(unit: Unit, limit: int) -> list[Record]:
    """Let runs whose holder has not renewed its lease wait for another one; those runs."""
    found = []
    for id in unit.leases.expired(limit):
        run = unit.get(Kind.RUN, EVERYTHING, id, lock=True)
        if run is not None and unit.leases.lapse(run):
            now = unit.get(Kind.RUN, EVERYTHING, id, lock=True)
            assert now is not None
            found.append(store(unit, now, body(now)))
    return found


def forget(unit: Unit, before: int, limit: int) -> int:
    """Remove runs that were over before that many seconds since 1970, and their logs; how many. The newest of each job
    stays."""
    ids = unit.leases.ended_before(before, limit)
    for id in ids:
        run = unit.get(Kind.RUN, EVERYTHING, id, lock=True)
        if run is not None:
            drop(unit, run)
    return len(ids)


def latest(unit: Unit, jobs: Sequence[Record]) -> Mapping[str, Record]:
    """By the ids of jobs, their runs that were due last."""
    newest = unit.leases.newest_of_jobs([job.id for job in jobs])
    found = unit.many(Kind.RUN, EVERYTHING, list(newest.values()))
    return {job_id: found[id] for job_id, id in newest.items() if id in found}


def record_missed(unit: Unit, job: Record, first: int, last: int, count: int, now: int) -> Record:
    """Note down that ``count`` runs of a locked job, due from ``first`` to ``last``, were never begun.

    The record is that of the last one, which cannot be claimed then. One that is there already stays as it is, unless
    nobody has ever held it.
    """
    id = run_id(job.id, "schedule", last)
    known = unit.get(Kind.RUN, EVERYTHING, id, lock=True)
    told = {"first": first, "last": last, "count": count}
    if known is not None:
        if known.own["state"] in OVER or known.own["fence"]:
            return known
        drop(unit, known)
    run = fresh(job, id, LEASED, "schedule", last, now, {"due": last, "missed": told})
    shown = {**body(run), "ended": now}
    over = replace(run, body=text(shown), own={**run.own, "state": "missed", "ended": now})
    unit.insert(over, terms(over))
    return over
