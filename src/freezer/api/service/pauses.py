"""Pauses: neither project, client nor job that is paused begins a run; what runs goes on to its end."""

from __future__ import annotations

from collections.abc import Iterable

from freezer.api.refusals import refused
from freezer.api.service.answers import links
from freezer.api.service.caller import Caller
from freezer.api.store.contract import Record, Unit
from freezer.api.store.operations import Pause

PROJECT, CLIENT, JOB = "project", "client", "job"


def check(unit: Unit, job: Record, instant: int | None = None) -> None:
    """409 with the ``reason`` (``paused``, ``draining``, ``skipped``) if no run of ``job`` may begin, or not that of
    ``instant``."""
    found = lasting(unit.operations.pauses(job.project_id), job)
    if found is not None:
        because = f": {found.reason}" if found.reason else ""
        word = "drained" if found.draining else "paused"
        raise refused("draining" if found.draining else "paused", f"{found.kind} {found.name} is {word}{because}")
    if instant is not None and instant in skipped(job):
        raise refused("skipped", f"the run of job {job.id} that is due at {instant} is to be left out")


def lasting(pauses: Iterable[Pause], job: Record) -> Pause | None:
    """The pause that keeps ``job`` from running."""
    return next((each for each in concerning(pauses, job) if each.ended is None), None)


def concerning(pauses: Iterable[Pause], job: Record) -> list[Pause]:
    """The pauses, ended ones too, of ``job``, its client and its project."""
    objects = {(PROJECT, job.project_id), (CLIENT, job.own.get("client")), (JOB, job.id)}
    return [each for each in pauses if (each.kind, each.object) in objects]


def skipped(job: Record) -> frozenset[int]:
    """The instants of a job that somebody wanted to be left out."""
    return frozenset(links(job).get("skipped", ()))


def hides(unit: Unit, caller: Caller, client: object) -> bool:
    """Whether the original's schedulers that ask for the jobs of ``client`` shall be shown only what is running."""
    if caller.scope.project_id is None:
        return False
    for each in unit.operations.pauses(caller.scope.project_id):
        if each.kind == PROJECT or (each.kind == CLIENT and each.name == client):
            return True
    return False
