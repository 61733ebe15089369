"""What steps work with, and how they go through all records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from freezer.api.config import ApiSettings
from freezer.api.housekeeper.rest import Rest
from freezer.api.scope import EVERYTHING
from freezer.api.service.answers import body
from freezer.api.store.contract import Kind, Page, Query, Record, Store, Unit
from freezer.api.trusts.keeper import Keeper
from freezer.clock import Clock
from freezer.notify import Channel, open_channels

_AT_ONCE = 200
_RESTING = frozenset({"stop", "completed", "removed"})


class Housekeeping(msgspec.Struct, frozen=True, kw_only=True):
    """How house is kept: ``every`` so many seconds; a client is silent after ``silent_after`` seconds; runs that are
    over are kept for ``keep_runs_days``, answers to repeated requests for ``keep_answers_days``, the audit for
    ``audit_days``."""

    every: int = 60
    silent_after: int = 1800
    keep_runs_days: int = 90
    keep_answers_days: int = 1
    audit_days: int = 365


class Work(msgspec.Struct, frozen=True):
    """The store, the time, how house is kept, the ways to people, and who looks after trusts, if there are any.

    ``unmissed`` and ``punctual``: the jobs of which no run is missed, and no backup overdue, for a while.
    """

    store: Store
    clock: Clock
    settings: Housekeeping
    channels: Sequence[Channel]
    trusts: Keeper | None = None
    unmissed: Rest = msgspec.field(default_factory=Rest)
    punctual: Rest = msgspec.field(default_factory=Rest)

    @classmethod
    def of(cls, settings: ApiSettings, store: Store, clock: Clock, trusts: Keeper | None) -> Work:
        """How the configuration wants it; UsageError for a way to people that cannot be one."""
        kept = Housekeeping(
            every=settings.housekeeping_seconds,
            silent_after=settings.silent_minutes * 60,
            keep_runs_days=settings.keep_runs_days,
            audit_days=settings.audit_days,
        )
        return cls(store, clock, kept, open_channels(settings.notify), trusts)

    @property
    def now(self) -> int:
        return int(self.clock.now())


def every(work: Work, kind: Kind) -> Iterator[Sequence[Record]]:
    """All records of a kind other than clients, in parts; what is removed meanwhile does not come."""
    marker: str | None = None
    while True:
        query = Query(limit=_AT_ONCE, marker=marker)
        page = work.store.read(partial(_page, kind, query))
        if page.records:
            yield page.records
        if not page.more:
            return
        marker = page.records[-1].id


def _page(kind: Kind, query: Query, unit: Unit) -> Page:
    return unit.find(kind, EVERYTHING, query)


def active(job: Record) -> bool:
    """Whether a job is to run by its schedule at all: nobody has stopped it, and it is not done."""
    return body(job)["job_schedule"].get("status") not in _RESTING
