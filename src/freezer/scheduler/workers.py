"""Runs that are under way, each in a thread of its own: taken, executed, and told of to their end.

What we hold is in the journal before anything is done about it, and until the office has been told the end. So of a
daemon that dies at any instant the next one finds all that it held.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from freezer.clock import Clock
from freezer.errors import FreezerError, StorageFull
from freezer.model.due import closing, within
from freezer.model.timing import timing_of
from freezer.scheduler.agenda import Agenda
from freezer.scheduler.contract import Executor, Hold, Office, Order, Outcome, Refused, Service, Source, Told, Wanted
from freezer.scheduler.journal import Journal
from freezer.scheduler.running import Desk, Running

_LOG = logging.getLogger(__name__)
_AGAIN = 30.0  # seconds until a run is wanted again about which nobody could say anything


@dataclass(frozen=True, slots=True)
class Parts:
    """What a daemon is made of; each of the ``services`` gets a thread."""

    source: Source
    office: Office
    executor: Executor
    services: tuple[Service, ...] = ()


class Workers:
    """One for each run. ``lock`` guards the ``agenda``; ``ended`` is called when a run has come to its end."""

    def __init__(
        self,
        parts: Parts,
        journal: Journal,
        clock: Clock,
        agenda: Agenda,
        lock: threading.RLock,
        ended: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._journal = journal
        self._clock = clock
        self._agenda = agenda
        self._lock = lock
        self._ended = ended
        self._leaving = False
        self._running: dict[str, Running] = {}  # by job
        self._threads: dict[str, threading.Thread] = {}  # by job: from before a run is held until after its end

    def __len__(self) -> int:
        return len(self._threads)

    def threads(self) -> list[threading.Thread]:
        """One for each run."""
        with self._lock:
            return list(self._threads.values())

    def give(self, job_id: str, order: Order) -> None:
        """Tell the run of a job, if there is one."""
        with self._lock:
            if job_id in self._running:
                self._running[job_id].give(order)

    def leave(self) -> None:
        """Let go of everything, for the daemon after us."""
        with self._lock:
            self._leaving = True
            for each in self._running.values():
                each.give("leave")

    def close(self, now: float) -> float | None:
        """End what goes on past the end of its window; when the next window ends."""
        with self._lock:
            for each in self._running.values():
                if each.closes is not None and each.closes <= now:
                    each.give("close")
            later = (each.closes for each in self._running.values() if each.closes is not None and each.closes > now)
            return min(later, default=None)

    def adopt(self) -> None:
        """Go on with the runs that a daemon before us held; of others nothing is left behind."""
        holds = self._journal.holds()
        for run in self._parts.executor.runs() - {hold.wanted.run_id for hold in holds}:
            self._parts.executor.forget(run)
        for hold in holds:
            self.start(hold.wanted, hold)

    def start(self, wanted: Wanted, held: Hold | None = None) -> None:
        """Execute a run, which is taken before, unless it is ``held``."""
        id = wanted.job_id
        name = f"run {wanted.run_id}"
        thread = threading.Thread(target=self._work, args=(wanted, held), name=name, daemon=True)
        with self._lock:
            self._threads[id] = thread
            if held is not None:
                self._agenda.adopted(id)
        thread.start()

    def _work(self, wanted: Wanted, held: Hold | None) -> None:
        """All that a worker does."""
        try:
            self._see_through(wanted, held)
            self._answer(wanted.job_id)
        finally:
            with self._lock:
                if self._threads.get(wanted.job_id) is threading.current_thread():  # and not that of the next run
                    del self._threads[wanted.job_id]
            self._ended()

    def _see_through(self, wanted: Wanted, held: Hold | None) -> None:
        try:
            running = self._taken(wanted) if held is None else self._kept(held)
            if running is not None:
                self._carry_out(running, adopted=held is not None)
                with self._lock:
                    self._running.pop(wanted.job_id, None)
                    self._agenda.ended(wanted.job_id, self._clock.now())
        except Exception as error:  # noqa: BLE001  one run must not end the others
            if isinstance(error, FreezerError):
                _LOG.error("run %s of job %s: %s", wanted.run_id, wanted.job_id, error)
            else:
                _LOG.exception("run %s of job %s", wanted.run_id, wanted.job_id)
            with self._lock:
                self._running.pop(wanted.job_id, None)
                self._agenda.put_off(wanted.job_id, _AGAIN, self._clock.now())

    def _answer(self, job_id: str) -> None:
        """Answer who asked a job to stop while it was busy, unless that is left to the daemon after us. Under the lock,
        so that what is heard later is noted later."""
        with self._lock:
            job, standing = self._agenda.job(job_id), self._agenda.unanswered(job_id)
            if job is None or standing is None or self._leaving:
                return
            try:
                self._parts.office.noted(job, standing)
            except FreezerError as error:
                _LOG.error("job %s does not run, and that cannot be told: %s", job_id, error)

    def _taken(self, wanted: Wanted) -> Running | None:
        """Hold a run, and write that down before anything is done about it; None if we may not."""
        now = self._clock.now()
        try:
            hold = self._parts.office.take(wanted)
        except Refused as refused:
            _LOG.info("run %s of job %s is not ours: %s", wanted.run_id, wanted.job_id, refused)
            with self._lock:
                known = self._agenda.refused(wanted, refused.reason, now)
            if known is not None:
                self._journal.deal(wanted.job_id, known)
            return None
        with self._lock:
            known = self._agenda.begun(wanted, now)
        self._journal.begin(hold, wanted.job_id, known)
        return Running(hold, self._clock, _closes(wanted, now))

    def _kept(self, hold: Hold) -> Running:
        running = Running(hold, self._clock, _closes(hold.wanted, self._clock.now()))
        self._renewed(running)
        return running

    def _carry_out(self, running: Running, *, adopted: bool) -> None:
        """Execute what is held, and tell its end."""
        hold = running.hold
        id = hold.wanted.job_id
        with self._lock:
            self._running[id] = running
            if self._leaving:
                running.give("leave")
        desk = Desk(self._parts.office, self._journal, running)
        _LOG.info("run %s of job %s %s", hold.wanted.run_id, id, "goes on" if adopted else "begins")
        outcome = self._executed(running, desk)
        hold = running.hold
        if outcome is None:
            if running.present() != "leave":
                _LOG.warning("run %s of job %s is not ours any more", hold.wanted.run_id, id)
                self._journal.over(hold.wanted.run_id)
                self._parts.executor.forget(hold.wanted.run_id)
            return
        _LOG.info("run %s of job %s: %s%s", hold.wanted.run_id, id, outcome.state, _why(outcome))
        if self._told(running, desk, outcome):
            self._journal.over(hold.wanted.run_id)
            self._parts.executor.forget(hold.wanted.run_id)

    def _told(self, running: Running, desk: Desk, outcome: Outcome) -> bool:
        """Tell the end of a run, as soon as there is room for that; False if the daemon after us has to."""
        told = Told(state=outcome.state, exit_code=outcome.exit_code, error=outcome.error)
        while True:
            try:
                desk.tell(running.hold, told)
            except StorageFull as error:
                _LOG.error("the end of run %s is told later: %s", running.hold.wanted.run_id, error)
                if running.wait(_AGAIN) in {"leave", "lost"}:
                    return False
            else:
                return True

    def _executed(self, running: Running, desk: Desk) -> Outcome | None:
        try:
            return self._parts.executor.execute(running.hold, desk, running)
        except FreezerError as error:
            return Outcome("failed", error.exit_code, error.message)
        except Exception as error:  # noqa: BLE001  a defect fails the run
            _LOG.exception("run %s", running.hold.wanted.run_id)
            return Outcome("failed", None, f"internal error: {type(error).__name__}: {error}")

    def renew(self) -> None:
        """Hold for longer what we hold, and pass on what is asked of it."""
        with self._lock:
            present = list(self._running.values())
        for each in present:
            self._renewed(each)

    def _renewed(self, running: Running) -> None:
        hold, order = self._parts.office.renew(running.hold)
        running.renewed(replace(running.hold, until=hold.until, offline=hold.offline))
        running.give(order)
        if hold.until < self._clock.boottime():
            running.give("lost")


def _closes(wanted: Wanted, now: float) -> int | None:
    """When the window ends in which a run goes on, in seconds since 1970; whoever asks for a run asks for all of it."""
    if wanted.cause == "event":
        return None
    timing = timing_of(wanted.job)
    return closing(timing, int(now)) if within(timing, int(now)) else int(now)


def _why(outcome: Outcome) -> str:
    return f": {outcome.error}" if outcome.error else ""
