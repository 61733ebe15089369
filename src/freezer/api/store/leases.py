"""What every store with leases promises.

A *lease* says who holds something, under which number, and until when. Each change of one is a single statement whose
condition names the number that was seen, so that of several who want the same exactly one gets it; until when is told
by the clock of the database, the only one that all servers share. Times to live are milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from freezer.api.scope import Scope
from freezer.api.store.contract import Record
from freezer.model.runs import Fence


class Leases(Protocol):
    """The leases of one transaction. Runs are records of the kind RUN; a state is one of :mod:`freezer.model.runs`."""

    def take(self, run: Record, holder: str, ttl: int, after: Fence | None = None) -> Fence | None:
        """Hold ``run`` as it was read: the number of the new try. None if somebody else was faster, holds it, or it is
        over. ``after``: ``holder`` has this try and replaces it."""
        ...

    def renew(self, scope: Scope, id: str, fence: Fence, ttl: int) -> bool:
        """Hold it for ``ttl`` from now; False unless ``fence`` is its present try and it runs."""
        ...

    def confirm(self, run: Record, fence: Fence, sequence: int | None) -> bool:
        """Make sure that ``fence`` is the present try of an open run, and stays so in this transaction. With a
        ``sequence`` also that it is the next one; it counts from then on."""
        ...

    def release(self, run: Record, pause: int) -> None:
        """Nobody holds it any more; it can be taken after ``pause`` milliseconds."""
        ...

    def held_of_job(self, job: Record, but: str) -> str | None:
        """The id of a run of this job that somebody holds, other than the run ``but``."""
        ...

    def newest_of_jobs(self, ids: Sequence[str]) -> Mapping[str, str]:
        """By the id of a job, the id of its run that was due last, if it has any."""
        ...

    def free(self, scope: Scope, limit: int) -> Sequence[str]:
        """Ids of runs in ``scope`` that were begun, are not over, and could be taken now; those first that have been
        free for longest."""
        ...

    def expired(self, limit: int) -> Sequence[str]:
        """Ids of runs that are running by their state, but whose lease is over."""
        ...

    def lapse(self, run: Record) -> bool:
        """Let an expired run wait for another holder; False if it has gone on meanwhile."""
        ...

    def ended_before(self, instant: int, limit: int) -> Sequence[str]:
        """Ids of runs that were over before that many seconds since 1970, the newest of each job excepted."""
        ...

    def elect(self, name: str, holder: str, ttl: int) -> bool:
        """Whether ``holder`` has the office ``name`` for ``ttl`` from now: it had it already, or nobody has it."""
        ...
