"""Documents about runs, as they are answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freezer.api.describe.answers import Answer, Links, Project, Total, User
from freezer.model.run_reports import ActionResult, Failure, Progress

State = Literal["running", "waiting", "success", "partial", "failed", "aborted", "missed"]
Instant = Annotated[int, Meta(description="Seconds since 1970.")]


class Missed(Answer, frozen=True, kw_only=True):
    """Runs that were never begun: the first and the last of them, and how many."""

    first: Instant
    last: Instant
    count: int


class RunAnswer(Answer, frozen=True, kw_only=True):
    """One execution of a job. ``kind`` is ``legacy`` if one of the original's schedulers has reported it; of ``due``,
    ``event_number``, and ``session_id`` with ``session_tag``, it has what it is for. Lists leave ``failures`` out."""

    run_id: str
    project_id: Project
    user_id: User
    job_id: str
    client_id: str
    kind: Literal["leased", "legacy"]
    cause: Literal["schedule", "event", "session", "legacy"]
    state: State
    incarnation: int
    fence: int
    holder: str
    lease_until: Instant | None
    due: Instant | None
    event_number: int | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    session_tag: int | UnsetType = UNSET
    offline: bool | UnsetType = UNSET
    created: Instant
    started: Instant | None
    ended: Instant | None
    progress: Progress | None
    actions: dict[str, ActionResult]
    failures_total: int
    failures: list[Failure] | UnsetType = UNSET
    exit_code: int | None
    error: str | None
    backups: list[str]
    tries: list[dict[str, Any]]
    superseded: list[dict[str, Any]] | UnsetType = UNSET
    missed: Missed | UnsetType = UNSET


class Claimed(RunAnswer, frozen=True, kw_only=True):
    """The run, now held for ``ttl`` seconds, which count from before the request was sent."""

    ttl: int


class Runs(Answer, frozen=True, kw_only=True):
    """A page of runs."""

    runs: list[RunAnswer]
    links: Links = UNSET
    total: Total = UNSET


class FreeRun(Answer, frozen=True, kw_only=True):
    """A run that nobody holds. ``number`` is what its id is made from: when it was due, the number of its event, or the
    tag of its session's round."""

    run_id: str
    project_id: Project
    job_id: str
    cause: Literal["schedule", "event", "session"]
    number: int


class FreeRuns(Answer, frozen=True, kw_only=True):
    """Runs that nobody holds, those first that have been free for longest."""

    runs: list[FreeRun]


class Renewed(Answer, frozen=True, kw_only=True):
    """How long the run is held from now on, and the ``event`` that users ask of its job meanwhile."""

    run_id: str
    ttl: int
    event: str


class LogPiece(Answer, frozen=True, kw_only=True):
    """A piece of a log."""

    incarnation: int
    fence: int
    sequence: int
    time: Instant
    text: str


class Log(Answer, frozen=True, kw_only=True):
    """Pieces behind a cursor, and the cursor behind them; ``over``: there will be none."""

    run_id: str
    pieces: list[LogPiece]
    cursor: str
    over: bool


class LogWritten(Answer, frozen=True, kw_only=True):
    """The number of the last piece of this try that is kept."""

    run_id: str
    sequence: int


class SchedulerAnswer(msgspec.Struct, frozen=True):
    """Which kind of scheduler runs the client's jobs."""

    client_id: str
    scheduler: str
