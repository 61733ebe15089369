"""What the parts of the scheduler know of each other.

Times of the wall are seconds since 1970; ``until`` is a reading of :meth:`freezer.clock.Clock.boottime`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from freezer.errors import FreezerError
from freezer.model.run_reports import ActionResult, Failure, Progress
from freezer.model.runs import Cause, Fence, run_id
from freezer.model.upkeep import Upkeep

Document = Mapping[str, Any]
"""A job, a session, a backup … as the API has it, with its id."""

Order = Literal["", "stop", "close", "abort", "leave", "lost"]
"""What a running execution is told, the later the stronger. ``stop``: this is the last run, which goes on. ``close``:
the backup window has ended, so end it as soon as what was done so far will not have to be done again. ``abort`` it.
``leave``: the daemon ends, and somebody will adopt it. ``lost``: somebody else has it; end it and tell nothing more."""

Standing = Literal["scheduled", "stop", "completed"]
"""How a job is that is not running: it waits for its time, it is not to run, or it has no further time."""

State = Literal["success", "partial", "failed", "aborted"]


class Wanted(msgspec.Struct, frozen=True):
    """A run that should be executed now. ``number``: its instant, its event's number, or its session's round."""

    job: Document
    cause: Cause
    number: int

    @property
    def job_id(self) -> str:
        return str(self.job["job_id"])

    @property
    def run_id(self) -> str:
        """The id that everybody computes alike."""
        session = str(self.job.get("session_id") or "") if self.cause == "session" else ""
        return run_id(self.job_id, self.cause, self.number, session)


class Hold(msgspec.Struct, frozen=True):
    """A run that nobody else executes before ``until``, by the try ``fence``. ``done``: what earlier tries told of its
    actions, by their number within the job. ``offline``: nobody was asked, as nobody could be. ``barrier``: for how
    many seconds its source may hold still for the other members of its session; 0: it need not."""

    wanted: Wanted
    fence: Fence
    until: float
    offline: bool = False
    done: Mapping[int, ActionResult] = {}
    barrier: int = 0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """News of a run, as :class:`freezer.model.run_reports.Report` without saying of which try. ``state`` ends the try:
    ``waiting`` gives the run back for ``retry_after`` seconds."""

    state: State | Literal["waiting"] | UnsetType = UNSET
    retry_after: int = 0
    exit_code: int | UnsetType | None = UNSET
    error: str | UnsetType | None = UNSET
    progress: Progress | UnsetType = UNSET
    actions: Mapping[int, ActionResult] = {}
    failures: Sequence[Failure] = ()
    more_failures: int = 0


class Outcome(msgspec.Struct, frozen=True):
    """What became of a run in the end."""

    state: State
    exit_code: int | None = None
    error: str | None = None


class Refused(FreezerError):
    """We may not execute this run, for the ``reason`` that the API gives: ``held``, ``over``, ``busy``, ``not_asked``,
    ``mixed``, ``withdrawn``, ``paused``, ``draining``, ``skipped``, ``early``; or because nobody could be asked,
    ``away``, we are ``denied``, no such job is known, ``unknown``, or there is no room for what is to be told,
    ``full``. It may be wanted again later where that can change."""

    def __init__(self, reason: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class Left(msgspec.Struct, frozen=True):
    """A run that was begun, is not over, and is held by nobody: its scheduler died, or gave it back. ``number``: as in
    :class:`Wanted`."""

    job_id: str
    cause: Cause
    number: int


class Update(msgspec.Struct, frozen=True):
    """Jobs that are new or have changed, by their id, and those that are ``gone``. ``complete``: ``jobs`` are all."""

    jobs: Mapping[str, Document]
    gone: frozenset[str] = frozenset()
    complete: bool = False


class Source(Protocol):
    """Where jobs come from: a directory, or the API."""

    def follow(self, going: Callable[[], bool]) -> Iterator[Update]:
        """Updates as they come, the first complete, as long as ``going`` says so. Raises nothing for a job that means
        nothing: such a job is told of once in the log and left out."""
        ...


class Office(Protocol):
    """Who lets us execute runs, and is told of them. Everything told is durable when a method returns, and delivered
    in order, once, when that can be done. May be used from any thread."""

    def take(self, wanted: Wanted, *, after: Fence | None = None) -> Hold:
        """Hold a run, by a try of our own (``after``: in the place of that one); :class:`Refused`."""
        ...

    def renew(self, hold: Hold) -> tuple[Hold, Order]:
        """Hold it for longer, and what is asked of it meanwhile (``lost`` if somebody else holds it)."""
        ...

    def tell(self, hold: Hold, told: Told) -> None:
        """News of the run."""
        ...

    def log(self, hold: Hold, text: str) -> None:
        """Whole lines for the log of the run."""
        ...

    def backup(self, hold: Hold, document: Document) -> None:
        """A report of the agent that a backup was made or removed: a fact, whoever holds the run by now."""
        ...

    def upkeep(self, hold: Hold, done: Upkeep) -> None:
        """What the agent has verified of backups, and which it has removed: facts as well."""
        ...

    def missed(self, job: Document, first: int, last: int, count: int) -> None:
        """Instants of a job that nobody will make up for."""
        ...

    def noted(self, job: Document, standing: Standing) -> None:
        """What we make of a job that is not running and says otherwise; events that asked for that are answered."""
        ...

    def left(self) -> Sequence[Left]:
        """Runs of our jobs that somebody should take over now. Asked twice in the life of a lease, so that whatever a
        dead scheduler held is held again within two."""
        ...


class Orders(Protocol):
    """What an execution looks at while it waits."""

    def present(self) -> Order:
        """What it is told now."""
        ...

    def wait(self, seconds: float) -> Order:
        """The same, as soon as it has changed, after ``seconds`` at most."""
        ...

    def until(self) -> float:
        """Until when we hold the run, as far as is known by now."""
        ...


class Executor(Protocol):
    """What carries a hold out, in the thread that calls it."""

    def execute(self, hold: Hold, office: Office, orders: Orders) -> Outcome | None:
        """Execute all actions that ``hold.done`` does not know the end of, adopting the agent of a daemon before us if
        it lives; None if it was left (``leave``) or lost. Tells of actions, progress and failures by itself; the end of
        the run (``state``) is left to the caller."""
        ...

    def forget(self, run_id: str) -> None:
        """The end of the run has been told, or it is not ours: what is kept of it here goes, and what of it still runs
        is ended."""
        ...

    def runs(self) -> frozenset[str]:
        """The runs of which something is kept here."""
        ...


class Host(Protocol):
    """The daemon, as services see it."""

    def going(self) -> bool:
        """Whether to go on."""
        ...

    def wait(self, seconds: float) -> bool:
        """Let time pass, less if the daemon ends; whether to go on."""
        ...

    def want(self, wanted: Wanted) -> None:
        """A run should be executed that no schedule or event of a job asks for. Forgotten if we may not execute it."""
        ...


Service = Callable[[Host], None]
"""What a part does in a thread of its own while the daemon goes: deliver, say how we are, follow sessions. It ends when
:meth:`Host.going` says so; one that fails is told of in the log, and begun again."""
