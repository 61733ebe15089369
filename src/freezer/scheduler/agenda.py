"""When each job is due, what waits for a worker, and what was missed.

A job is *dealt with* until an instant: nothing until then is executed (any more). It is *stopped* while somebody wants
it not to run; what is due meanwhile is not made up for. The arithmetic is that of :mod:`freezer.model.due` and
:mod:`freezer.model.missed`; here is only who is looked at when. Times are seconds since 1970.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

import msgspec
from msgspec.structs import replace

from freezer.errors import DocumentError
from freezer.model.due import due, opening, within
from freezer.model.missed import Missed, overdue
from freezer.model.schedule import PREFIX
from freezer.model.timing import timing_of
from freezer.scheduler.contract import Document, Standing, Wanted
from freezer.scheduler.journal import Known
from freezer.scheduler.pool.turns import Turns

_LOG = logging.getLogger(__name__)
_LATER: Mapping[str, int] = {
    "busy": 15,
    "away": 15,
    "early": 30,
    "full": 60,
    "paused": 60,
    "draining": 60,
    "denied": 60,
    "mixed": 300,
    "withdrawn": 300,
    "unknown": 300,
}
"""After how many seconds we ask again whether we may. Other refusals are for good: somebody else deals with it.
One without a reason is not: it may come from a proxy, or be of a schedule that has changed meanwhile."""

_MOST_COUNTED = 100
"""How many times in a row missed instants are counted, a thousand each time."""

_ON_ITS_WAY = 300
_PUT_BACK = 3600


@dataclass(slots=True)
class _Entry:
    """``ticket``: the number of what is planned for it; anything planned before means nothing. ``noted``: what was
    noted of it last, and the number of the event that was seen then. ``extra``: what is wanted beside its schedule and
    events."""

    job: Document
    known: Known
    ticket: int = 0
    not_before: float = 0.0
    noted: tuple[Standing, int] | None = None
    extra: dict[str, Wanted] = field(default_factory=dict)

    @property
    def project(self) -> str:
        return str(self.job.get("project_id") or "")


class Found(msgspec.Struct, frozen=True):
    """What is to be done about a job: ``missed`` is to be told, ``wanted`` to be executed, ``known`` kept."""

    job: Document
    known: Known
    wanted: Wanted | None = None
    missed: Missed | None = None


class Agenda:
    """``known``: how far jobs are that are not there yet; ``turns``: in what order they begin. Not for several
    threads."""

    def __init__(self, known: Mapping[str, Known], turns: Turns[tuple[str, int]]) -> None:
        self._before = dict(known)
        self._entries: dict[str, _Entry] = {}
        self._times: list[tuple[float, int, str]] = []
        self._turns = turns
        self._busy: set[str] = set()
        self._under_way: dict[str, str] = {}  # projects, by job, of what was taken from the turns
        self._tickets = 0

    # -- what there is -------------------------------------------------------------------------------------------------

    def job(self, job_id: str) -> Document | None:
        """A job as it was told last."""
        entry = self._entries.get(job_id)
        return None if entry is None else entry.job

    def jobs(self) -> Iterator[Document]:
        """All of them."""
        return (each.job for each in self._entries.values())

    def put(self, job: Document, now: float) -> Standing | None:
        """A job that is new or has changed; what is to be noted of it. One whose schedule means nothing is left out."""
        id = str(job["job_id"])
        entry = self._entries.get(id)
        before = self._before.pop(id, None) if entry is None else entry.known
        if entry is not None and is_stopped(entry.job):
            before = replace(entry.known, dealt=max(entry.known.dealt, int(now)))
        try:
            known = _known(job, before, now)
            due(job, known.dealt)
        except DocumentError as error:
            _LOG.error("job %s is left out: its schedule means nothing: %s", id, error)
            self.remove(id)
            return None
        if entry is None:
            entry = self._entries[id] = _Entry(job, known)
        entry.job, entry.known, entry.not_before = job, known, 0.0
        self._plan(entry, now)
        return None if id in self._busy else _news(entry)

    def unanswered(self, job_id: str) -> Standing | None:
        """What is to be noted of a job that was busy when somebody asked it to stop: the end of its run may have been
        told before that, or it has not run at all."""
        entry = self._entries.get(job_id)
        if entry is None or job_id in self._busy or _event(entry.job) in {"", "start"}:
            return None
        return _news(entry)

    def put_back(self, now: float) -> None:
        """Somebody has put the clock back."""
        for entry in self._entries.values():
            entry.known = _known(entry.job, entry.known, now)
            self._plan(entry, now)

    def remove(self, job_id: str) -> None:
        """A job that is gone. Should it come back, it is dealt with as far as it was."""
        entry = self._entries.pop(job_id, None)
        if entry is not None:
            self._before[job_id] = entry.known

    def want(self, wanted: Wanted, now: float) -> None:
        """Somebody wants a run that is in no schedule and no event."""
        entry = self._entries.get(wanted.job_id)
        if entry is not None:
            entry.extra[wanted.run_id] = wanted
            self._plan(entry, now)

    # -- what is to be done --------------------------------------------------------------------------------------------

    def next(self) -> float | None:
        """When something will be due, as far as is known now."""
        while self._times and not self._counts(self._times[0][2], self._times[0][1]):
            heappop(self._times)
        return self._times[0][0] if self._times else None

    def take(self, now: float) -> Found | None:
        """What is to be done next; None if nothing is now. A job of which something is wanted is *busy* until
        :meth:`ended` or :meth:`refused`."""
        while self._times and self._times[0][0] <= now:
            moment, ticket, id = heappop(self._times)
            if self._counts(id, ticket):
                self._turns.put(self._entries[id].project, moment, (id, ticket))
        while (turn := self._turns.take()) is not None:
            id, ticket = turn.item
            found = self._found(self._entries[id], now) if self._counts(id, ticket) else None
            if found is not None and found.wanted is not None:
                self._under_way[id] = turn.project
                return found
            self._turns.ended(turn.project)
            if found is not None:
                return found
        return None

    def _found(self, entry: _Entry, now: float) -> Found | None:
        wanted, missed = next(iter(entry.extra.values()), None), None
        asked = _asked(entry)
        if asked is not None:
            wanted = asked
        elif wanted is None:
            instant, missed = self._overdue(entry, now)
            wanted = None if instant is None else Wanted(entry.job, "schedule", instant)
        if wanted is None:
            self._plan(entry, now)
            return None if missed is None else Found(entry.job, entry.known, missed=missed)
        self._busy.add(wanted.job_id)
        entry.extra.pop(wanted.run_id, None)
        return Found(entry.job, entry.known, wanted, missed)

    def _overdue(self, entry: _Entry, now: float) -> tuple[int | None, Missed | None]:
        """The instant to be executed now, and those that are lost, which are dealt with by that."""
        total: Missed | None = None
        for _ in range(_MOST_COUNTED):
            over = overdue(entry.job, entry.known.dealt, now)
            last = max((each for each in (over.missed and over.missed.last, over.until) if each), default=None)
            if last is not None:
                entry.known = replace(entry.known, dealt=last)
            if over.missed is not None:
                first, count = (over.missed.first, 0) if total is None else (total.first, total.count)
                total = Missed(first, over.missed.last, count + over.missed.count)
            if over.until is None:
                return over.run, total
        return None, total

    # -- what has become of it -----------------------------------------------------------------------------------------

    def begun(self, wanted: Wanted, now: float) -> Known:
        """A run that :meth:`take` wanted is held: how far its job is now."""
        entry = self._entries.get(wanted.job_id)
        if entry is None:
            return self._before.get(wanted.job_id, Known(0))
        entry.known = _dealt(entry.known, wanted)
        if wanted.cause == "event":  # which makes up for all that is overdue
            entry.known = replace(entry.known, dealt=max(entry.known.dealt, int(now)))
        return entry.known

    def adopted(self, job_id: str) -> None:
        """A run of that job is under way that :meth:`take` knows nothing of."""
        self._busy.add(job_id)
        if job_id in self._entries:
            self._entries[job_id].ticket = 0

    def ended(self, job_id: str, now: float) -> None:
        """No run of that job is under way any more."""
        self._free(job_id)
        entry = self._entries.get(job_id)
        if entry is None:
            return
        if timing_of(entry.job).continuous:
            entry.known = replace(entry.known, dealt=max(entry.known.dealt, int(now) - 1))
        self._plan(entry, now)

    def refused(self, wanted: Wanted, reason: str, now: float) -> Known | None:
        """We may not execute what :meth:`take` wanted; how far its job is by that, if that has changed."""
        self._free(wanted.job_id)
        entry = self._entries.get(wanted.job_id)
        if entry is None:
            return None
        later = _LATER.get(reason)
        if later is None:
            entry.known = _dealt(entry.known, wanted)
        else:
            entry.not_before = now + later
        self._plan(entry, now)
        return entry.known if later is None else None

    def put_off(self, job_id: str, seconds: float, now: float) -> None:
        """Nobody could say whether we may execute what :meth:`take` wanted; ask again after so long."""
        self._free(job_id)
        entry = self._entries.get(job_id)
        if entry is not None:
            entry.not_before = now + seconds
            self._plan(entry, now)

    def _free(self, job_id: str) -> None:
        self._busy.discard(job_id)
        project = self._under_way.pop(job_id, None)
        if project is not None:
            self._turns.ended(project)

    # -- planning ------------------------------------------------------------------------------------------------------

    def _counts(self, job_id: str, ticket: int) -> bool:
        entry = self._entries.get(job_id)
        return entry is not None and entry.ticket == ticket

    def _plan(self, entry: _Entry, now: float) -> None:
        """Look at a job again when there is a reason to."""
        self._tickets += 1
        entry.ticket = self._tickets
        moment = None if entry.job["job_id"] in self._busy else _moment(entry, now)
        if moment is not None:
            heappush(self._times, (moment, entry.ticket, str(entry.job["job_id"])))


def is_stopped(job: Document) -> bool:
    """Whether somebody wants a job not to run."""
    event = _event(job)
    status = (job.get("job_schedule") or {}).get("status")
    return event in {"stop", "abort", "remove"} or (not event and status in {"stop", "removed"})


def _event(job: Document) -> str:
    return str((job.get("job_schedule") or {}).get("event") or "")


def _event_number(job: Document) -> int:
    return int(job.get("event_number") or 0)


def _asked(entry: _Entry) -> Wanted | None:
    """The run that an event of a job asks for, if there is one that has not been dealt with."""
    number = _event_number(entry.job)
    return Wanted(entry.job, "event", number) if _event(entry.job) == "start" and number > entry.known.event else None


def _moment(entry: _Entry, now: float) -> float | None:
    """When there will be something to do about a job that is not busy."""
    if entry.extra or _asked(entry) is not None:
        return max(entry.not_before, now)
    if is_stopped(entry.job):
        return None
    following = due(entry.job, entry.known.dealt)
    if following is None:
        return None
    timing = timing_of(entry.job)
    if following <= now and not within(timing, int(now)):
        following = opening(timing, int(now)) or following  # what waits for its window is looked at when that opens
    return max(entry.not_before, following)


def _known(job: Document, known: Known | None, now: float) -> Known:
    """How far ``job``, as it is now, is dealt with, if it was ``known`` so far. A schedule that has changed counts from
    now on, and so does that of a job that was stopped; a date may have passed on its way here. Far ahead of the clock,
    which somebody has put back, nothing is dealt with: each instant is still executed once, as its run is known."""
    schedule = job.get("job_schedule") or {}
    created = int(schedule.get("time_created") or now)
    plan = f"{created} {_digest(schedule)}"
    if known is None:
        known = Known(max(int(schedule.get("time_started") or 0), created - 1), plan=plan)
    elif known.plan != plan:
        anew = not known.plan.startswith(f"{created} ")
        since = created - 1 if anew else int(now) - (_ON_ITS_WAY if timing_of(job).kind == "once" else 0)
        known = replace(known, dealt=max(known.dealt, since), plan=plan)
    if is_stopped(job) or known.dealt > now + _PUT_BACK:
        known = replace(known, dealt=int(now))
    return known


def _digest(schedule: Mapping[str, object]) -> str:
    """Whatever says when, as a short text that differs where that does."""
    told = sorted((key, value) for key, value in schedule.items() if key.startswith(PREFIX))
    return hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()


def _dealt(known: Known, wanted: Wanted) -> Known:
    if wanted.cause == "event":
        return replace(known, event=max(known.event, wanted.number))
    return replace(known, dealt=max(known.dealt, wanted.number)) if wanted.cause == "schedule" else known


def _news(entry: _Entry) -> Standing | None:
    """How a job is, if it says otherwise and that was not noted before, or was for an earlier event."""
    if _asked(entry) is not None:
        return None
    standing: Standing = "stop" if is_stopped(entry.job) else "scheduled"
    if standing == "scheduled" and due(entry.job, entry.known.dealt) is None:
        standing = "completed"
    news = (standing, _event_number(entry.job))
    if (entry.job.get("job_schedule") or {}).get("status") == standing and not _event(entry.job):
        entry.noted = None
    elif entry.noted != news:
        entry.noted = news
        return standing
    return None
