"""Executing the jobs of other projects: no more than the scheduler's owner allows, and in the name of their users."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Protocol

from freezer.clock import Clock
from freezer.errors import FreezerError, PermissionDenied
from freezer.model.central import CentralPolicy
from freezer.scheduler.contract import Document, Executor, Hold, Office, Orders, Outcome

_LOG = logging.getLogger(__name__)
_PATIENCE_SECONDS = 900.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class Acting(Protocol):
    """:meth:`freezer.scheduler.pool.delegates.Delegates.acting`."""

    def __call__(self, job: Document, /) -> AbstractContextManager[None]: ...


def nobody(_job: Document, /) -> AbstractContextManager[None]:
    """For an API without Keystone: there is nobody in whose name agents could act."""
    return nullcontext()


class CentralExecutor:
    """Lets ``inner`` execute what ``policy`` admits, while it is ``acting`` for the job's user. ``policy`` is asked for
    when there is a job: which project we are of may have to be asked of the API."""

    def __init__(self, inner: Executor, policy: Callable[[], CentralPolicy], acting: Acting, clock: Clock) -> None:
        self._inner = inner
        self._policy = policy
        self._acting = acting
        self._clock = clock

    def execute(self, hold: Hold, office: Office, orders: Orders) -> Outcome | None:
        """Fails the run, with the reason, if it may not be or cannot be done for its user. While Keystone is away, the
        run waits for a quarter of an hour."""
        job = hold.wanted.job
        reason = self._policy().refusal_of(job)
        if reason is not None:
            return Outcome("failed", None, reason)
        with ExitStack() as until_the_end:
            problem = self._enter(until_the_end, job, orders)
            if problem is None:
                return self._inner.execute(hold, office, orders)
        order = orders.present()
        if order in ("lost", "leave"):
            return None
        return Outcome("aborted") if order == "abort" else Outcome("failed", None, problem.message)

    def forget(self, run_id: str) -> None:
        """As ``inner``."""
        self._inner.forget(run_id)

    def runs(self) -> frozenset[str]:
        """As ``inner``."""
        return self._inner.runs()

    def _enter(self, stack: ExitStack, job: Document, orders: Orders) -> FreezerError | None:
        """Begin to act for the user of a job; why not, if that cannot be done."""
        deadline = self._clock.monotonic() + _PATIENCE_SECONDS
        for pause in _pauses():
            try:
                stack.enter_context(self._acting(job))
            except FreezerError as error:
                if isinstance(error, PermissionDenied) or self._clock.monotonic() > deadline:
                    return error
                _LOG.warning("job %s waits: %s", job["job_id"], error.message)
                if orders.wait(pause) in ("abort", "lost", "leave"):
                    return error
            else:
                return None
        raise AssertionError("there are pauses without end")


def _pauses() -> Iterator[float]:
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST_PAUSE)
