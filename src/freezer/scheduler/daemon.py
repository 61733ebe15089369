"""The daemon: lets sources, agenda, office and executions work together.

:meth:`Daemon.begin` until :meth:`Daemon.end`. Threads: one follows the source, one times, one renews, one
asks for runs that somebody left, one executes each run, one serves each service. Only the timing thread begins runs;
each of its rounds is :meth:`Daemon.look`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from freezer.clock import Clock, Interrupted, interruptible, utc_text
from freezer.errors import FreezerError
from freezer.model.runs import DEFAULT_TTL
from freezer.scheduler.agenda import Agenda, Found, is_stopped
from freezer.scheduler.contract import (
    Document,
    Order,
    Update,
    Wanted,
)
from freezer.scheduler.journal import Journal
from freezer.scheduler.pool.turns import Turns
from freezer.scheduler.workers import Parts, Workers

__all__ = ["Daemon", "Parts"]

_LOG = logging.getLogger(__name__)
_LONGEST_LOOK = 30.0  # seconds: clocks may be set, and space may be made
_AGAIN = 30.0  # seconds until something that failed is tried again
_GOODBYE = 30.0  # seconds that executions have to let go of their agents
_PARTING = 1.0  # seconds that each other thread has: one that waits for an answer is left behind, as by a crash


class Daemon:
    """Executes the jobs of a source, ``concurrent`` runs at once, of one project at most ``of_project`` (0: any
    number). It is the :class:`freezer.scheduler.contract.Host` of its services. ``lease``: for how many seconds the
    office lets us hold a run."""

    def __init__(
        self,
        parts: Parts,
        journal: Journal,
        clock: Clock,
        *,
        concurrent: int = 1,
        of_project: int = 0,
        lease: float = DEFAULT_TTL,
    ) -> None:
        self._parts = parts
        self._journal = journal
        self._clock = clock
        self._concurrent = concurrent
        self._lease = lease
        self._agenda = Agenda(journal.known(), Turns(of_project))
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._looking = threading.Event()
        self._reloading = threading.Event()
        self._threads: list[threading.Thread] = []
        self._workers = Workers(parts, journal, clock, self._agenda, self._lock, self._looking.set)
        self._latest = clock.now()
        self._no_room = False

    # -- life ----------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Go on as long as nobody calls :meth:`end`."""
        self.begin()
        self._ending.wait()
        self.finish()

    def begin(self) -> None:
        """Go on with what a daemon before us held, and with everything else."""
        self.adopt()
        self._begin("follow", self._follow)
        self._begin("time", self._time)
        self._begin("renew", self._hold_on)
        self._begin("left", self._take_over)
        for number, service in enumerate(self._parts.services):
            self._begin(f"service {number}", partial(service, self))

    def finish(self) -> None:
        """Wait until nothing goes on any more, once :meth:`end` was called; runs are left to the daemon after us."""
        self.leave()
        for thread in self._threads:
            thread.join(_PARTING)

    def leave(self) -> None:
        """Let go of what runs, for the daemon after us."""
        self._workers.leave()
        for thread in self.workers():
            thread.join(_GOODBYE)

    def workers(self) -> list[threading.Thread]:
        """The threads that execute runs now."""
        return self._workers.threads()

    def adopt(self) -> None:
        """Go on with the runs that a daemon before us held."""
        self._workers.adopt()

    def renew(self) -> None:
        """Hold for longer what we hold, and pass on what is asked of it."""
        self._workers.renew()

    def end(self) -> None:
        """Let :meth:`run` return."""
        self._ending.set()
        self._looking.set()
        self._reloading.set()

    def reload(self, concurrent: int | None) -> None:
        """Read all jobs again; from now on execute so many runs at once, if that is said."""
        self._concurrent = concurrent or self._concurrent
        self._reloading.set()

    def going(self) -> bool:
        """Whether nobody has called :meth:`end`."""
        return not self._ending.is_set()

    def wait(self, seconds: float) -> bool:
        """Let time pass, less if the daemon ends; whether to go on."""
        try:
            with interruptible(self._ending):
                self._clock.sleep(seconds)
        except Interrupted:
            return False
        return self.going()

    def _begin(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._persistently, args=(name, work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _persistently(self, name: str, work: Callable[[], None]) -> None:
        """Do ``work``, again and again if it fails."""
        while self.going():
            try:
                with interruptible(self._ending):
                    work()
            except Interrupted:
                return
            except FreezerError as error:
                _LOG.error("%s: %s; again in %d seconds", name, error, _AGAIN)
            except Exception:  # noqa: BLE001  a defect in one part must not end the others
                _LOG.exception("%s failed; again in %d seconds", name, _AGAIN)
            else:
                return
            self.wait(_AGAIN)

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        while self.going():
            self._reloading.clear()
            try:
                with interruptible(self._reloading):
                    for update in self._parts.source.follow(self.going):
                        self.heard(update)
            except Interrupted:
                if self.going():
                    _LOG.info("reading all jobs again")

    def heard(self, update: Update) -> None:
        """Jobs are there, have changed, or are gone."""
        now = self._clock.now()
        notes = []
        with self._lock:
            gone = set(update.gone)
            if update.complete:
                gone |= {str(each["job_id"]) for each in self._agenda.jobs()} - update.jobs.keys()
            for id in gone - update.jobs.keys():
                self._agenda.remove(id)
                self._workers.give(id, "abort")
            for job in update.jobs.values():
                standing = self._agenda.put(job, now)
                if standing is not None:
                    notes.append((job, standing))
                self._workers.give(str(job["job_id"]), _asked_of(job))
        self._looking.set()
        for job, standing in notes:
            self._parts.office.noted(job, standing)

    def want(self, wanted: Wanted) -> None:
        """A run should be executed that no schedule or event of a job asks for."""
        with self._lock:
            self._agenda.want(wanted, self._clock.now())
        self._looking.set()

    def _hold_on(self) -> None:
        while self.wait(self._lease / 4):
            self.renew()

    def _take_over(self) -> None:
        while self.wait(self._lease / 2):
            for left in self._parts.office.left():
                job = self._agenda.job(left.job_id)
                if job is not None:
                    self.want(Wanted(job, left.cause, left.number))

    # -- time ----------------------------------------------------------------------------------------------------------

    def _time(self) -> None:
        while self.going():
            self._looking.clear()
            following = self.look()
            pause = _LONGEST_LOOK if following is None else min(following - self._clock.now(), _LONGEST_LOOK)
            try:
                with interruptible(self._looking):
                    self._clock.sleep(pause)
            except Interrupted:
                continue

    def look(self) -> float | None:
        """Begin what is due now, as far as there is room for it; when to look again at the latest."""
        now = self._clock.now()
        with self._lock:
            if now < self._latest - _LONGEST_LOOK:
                _LOG.warning("the clock was put back by %d seconds", self._latest - now)
                self._agenda.put_back(now)
            self._latest = now
        closes = self._workers.close(now)
        while self._has_room():
            with self._lock:
                found = self._agenda.take(now)
            if found is None:
                break
            self._deal(found)
        with self._lock:
            following = self._agenda.next() if len(self._workers) < self._concurrent else None
        if self._no_room:
            following = now + _LONGEST_LOOK
        return min((each for each in (following, closes) if each is not None), default=None)

    def _has_room(self) -> bool:
        with self._lock:
            if not self.going() or len(self._workers) >= self._concurrent:
                return False
        room = self._journal.has_room()
        if not room and not self._no_room:
            _LOG.error("no run begins: there is no space left beside the journal")
        self._no_room = not room
        return room

    def _deal(self, found: Found) -> None:
        if found.missed is not None:
            missed = found.missed
            _LOG.warning(
                "job %s missed %d runs between %s and %s",
                found.job["job_id"], missed.count, utc_text(missed.first), utc_text(missed.last),
            )  # fmt: skip
            self._parts.office.missed(found.job, missed.first, missed.last, missed.count)
            self._journal.deal(str(found.job["job_id"]), found.known)
        if found.wanted is not None:
            self._workers.start(found.wanted)


def _asked_of(job: Document) -> Order:
    """What the document of a job asks of its run."""
    if (job.get("job_schedule") or {}).get("event") in {"abort", "remove"}:
        return "abort"
    return "stop" if is_stopped(job) else ""
