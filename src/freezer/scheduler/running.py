"""Runs that are under way: what each is told, and whoever listens to what it tells."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence

from msgspec.structs import replace

from freezer.clock import Clock, Interrupted, interruptible
from freezer.model.runs import Fence
from freezer.model.upkeep import Upkeep
from freezer.scheduler.contract import Document, Hold, Left, Office, Order, Standing, Told, Wanted
from freezer.scheduler.journal import Journal

_STRENGTH: Sequence[Order] = ("", "stop", "close", "abort", "leave", "lost")


class Running:
    """A run that a thread of ours executes; to the execution, its :class:`freezer.scheduler.contract.Orders`.

    ``job_id``: of whom, ``closes``: when its window ends, in seconds since 1970, if it has one.
    """

    def __init__(self, hold: Hold, clock: Clock, closes: int | None = None) -> None:
        self.closes = closes
        self._clock = clock
        self._hold = hold
        self._order: Order = ""
        self._changed = threading.Event()
        self._lock = threading.Lock()

    @property
    def hold(self) -> Hold:
        """What we hold, as it is now."""
        return self._hold

    def renewed(self, hold: Hold) -> None:
        """We hold it for longer, or by another try."""
        with self._lock:
            self._hold = hold

    def give(self, order: Order) -> None:
        """Tell the execution; what is weaker than what it was told before is not heard."""
        with self._lock:
            if _STRENGTH.index(order) > _STRENGTH.index(self._order):
                self._order = order
                self._changed.set()

    def present(self) -> Order:
        """What it is told now."""
        return self._order

    def wait(self, seconds: float) -> Order:
        """The same, as soon as it has changed."""
        with contextlib.suppress(Interrupted), interruptible(self._changed):
            self._clock.sleep(seconds)
        self._changed.clear()
        return self._order

    def until(self) -> float:
        """Until when we hold the run."""
        return self._hold.until


class Desk:
    """The office as an execution sees it: what it tells of actions is kept in the journal as well, so that whoever
    goes on with the run knows what is done."""

    def __init__(self, office: Office, journal: Journal, running: Running) -> None:
        self._office = office
        self._journal = journal
        self._running = running

    def take(self, wanted: Wanted, *, after: Fence | None = None) -> Hold:
        """The run by another try."""
        hold = self._office.take(wanted, after=after)
        hold = replace(hold, done={**self._running.hold.done, **hold.done})
        self._journal.keep(hold)
        self._running.renewed(hold)
        return hold

    def renew(self, hold: Hold) -> tuple[Hold, Order]:
        """The daemon does that."""
        return self._office.renew(hold)

    def tell(self, hold: Hold, told: Told) -> None:
        """News of the run."""
        if told.actions:
            present = self._running.hold
            kept = replace(present, done={**present.done, **told.actions})
            self._running.renewed(kept)
            self._journal.keep(kept)
        self._office.tell(hold, told)

    def log(self, hold: Hold, text: str) -> None:
        """Whole lines for its log."""
        self._office.log(hold, text)

    def backup(self, hold: Hold, document: Document) -> None:
        """A report of the agent."""
        self._office.backup(hold, document)

    def upkeep(self, hold: Hold, done: Upkeep) -> None:
        self._office.upkeep(hold, done)

    def missed(self, job: Document, first: int, last: int, count: int) -> None:
        """Instants that nobody will make up for."""
        self._office.missed(job, first, last, count)

    def noted(self, job: Document, standing: Standing) -> None:
        """How a job is that does not run."""
        self._office.noted(job, standing)

    def left(self) -> Sequence[Left]:
        """Runs that somebody should take over."""
        return self._office.left()
