"""Sessions: jobs that start together, round after round.

A *round* has a number, the ``session_tag``. The first job to report its start after the hold-off begins the next round;
the others join it. The round ends when every job has reported its end.

A session may have a *barrier*, so that all backups of a round are of one point in time: each member waits until all
have begun, holds its source still (*ready*), and goes on when all are ready (*released*). Nobody holds still for longer
than the barrier says, whatever becomes of the others (*broken*).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from freezer.errors import DocumentError
from freezer.model.checking import ID, Path, a_text, an_integer, an_object, matching, only, required
from freezer.model.schedule import read_schedule

HOLD_OFF = 30
TIME_LIMIT = 86_400
"""Seconds after which members that have not ended their part in a round have failed it, unless a session says so."""
LONGEST_BARRIER = 3600
LONGEST_ROUND = 366 * 86_400
_OWN = frozenset({"barrier", "time_limit"})
WANTED = frozenset({"description", "hold_off", "session_tag", "schedule", "session_id", "project_id"}) | _OWN
SERVER_KEYS = frozenset(
    {"jobs", "status", "result", "user_id", "time_start", "time_end", "time_started", "time_ended", "round"}
)

Phase = Literal["begun", "ready", "passed", "late"]
PHASES: tuple[Phase, ...] = ("begun", "ready", "passed", "late")
"""How far a member is at the barrier: it has *begun* and waits for the others, is *ready* and holds still, has *passed*
in time, or was too *late* and has let go before the barrier was released."""


class SessionDraft(msgspec.Struct, frozen=True):
    """A session as somebody wants it, or the part that is to change; UNSET where nothing was said. ``barrier``: for how
    many seconds a member may hold still, None for no barrier."""

    description: str | UnsetType | None = UNSET
    hold_off: int | UnsetType = UNSET
    session_tag: int | UnsetType = UNSET
    schedule: dict[str, object] | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    project_id: str | UnsetType = UNSET
    barrier: int | UnsetType | None = UNSET
    time_limit: int | UnsetType = UNSET

    def document(self) -> dict[str, object]:
        """The draft as a document to be sent."""
        return {key: value for key, value in msgspec.structs.asdict(self).items() if value is not UNSET}


def read_session(value: object, *, tag_required: bool = False) -> SessionDraft:
    """A whole session; keys that nobody knows are left out, as the original does it."""
    document = an_object(value, ())
    if tag_required:
        required(document, "session_tag", ())
    required(document, "schedule", ())
    return _read({key: each for key, each in document.items() if key in WANTED}, removing=False)


def read_session_change(value: object) -> SessionDraft:
    """The part of a session that is to change."""
    document = an_object(value, ())
    only(document, WANTED | SERVER_KEYS, ())
    return _read(document, removing=True)


def _read(document: Mapping[str, object], *, removing: bool) -> SessionDraft:
    return SessionDraft(
        description=UNSET if "description" not in document else _description(document["description"]),
        hold_off=_number(document, "hold_off"),
        session_tag=_number(document, "session_tag"),
        schedule=read_schedule(document["schedule"], ("schedule",), removing=removing)
        if "schedule" in document
        else UNSET,
        session_id=UNSET
        if document.get("session_id") in (None, "")
        else matching(document["session_id"], ID, ("session_id",)),
        project_id=a_text(document["project_id"], ("project_id",)) if document.get("project_id") is not None else UNSET,
        barrier=None
        if "barrier" in document and document["barrier"] is None
        else _number(document, "barrier", least=1, most=LONGEST_BARRIER),
        time_limit=_number(document, "time_limit", least=60, most=LONGEST_ROUND),
    )


def _description(value: object) -> str | None:
    return None if value is None else a_text(value, ("description",))


def _number(document: Mapping[str, object], key: str, *, least: int = 0, most: int | None = None) -> int | UnsetType:
    value = document.get(key)
    if value is None:
        return UNSET
    number = an_integer(value, (key,), least=least)
    if most is not None and number > most:
        raise DocumentError(f"{key} is at most {most} seconds", (key,))
    return number


class SessionStart(msgspec.Struct, frozen=True):
    """A job is about to start, and the round that it believes to be the present one. ``due``: the instant that its run
    is for, in seconds since 1970; None if it is one of the original's schedulers that asks, which do not say so."""

    job_id: str
    current_tag: int
    due: int | None = None


class SessionEnd(msgspec.Struct, frozen=True):
    """A job has ended."""

    job_id: str
    current_tag: int
    result: str


class SessionBarrier(msgspec.Struct, frozen=True):
    """A member tells how far it is at the barrier of a round, and asks how far all are. ``age``: for how many seconds
    it has been so, by its own clock, which may be wrong by hours and still know that. ``attempt``: a name of the time
    at which it holds still: who does so once more, later, is not of the same point in time."""

    job_id: str
    session_tag: int
    phase: Phase
    age: float = 0.0
    attempt: str = ""


SessionDeed = SessionStart | SessionEnd | SessionBarrier


class UnknownSessionAction(DocumentError):
    """Neither ``start`` nor ``end`` nor ``barrier``."""


def read_session_action(value: object) -> SessionDeed:
    """The body of a session action; a tag may be written as text."""
    if not isinstance(value, dict) or not value:
        raise DocumentError("Bad action request format", ())
    verb, parameters = next(iter(value.items()))
    if verb not in {"start", "end", "barrier"}:
        raise UnknownSessionAction("Bad Action Method", (verb,))
    path = (verb,)
    given = an_object(parameters, path)
    job_id = a_text(required(given, "job_id", path), (*path, "job_id"))
    if verb == "barrier":
        return _barrier(given, job_id, path)
    tag = _tag(required(given, "current_tag", path), (*path, "current_tag"))
    if verb == "start":
        due = given.get("due")
        return SessionStart(job_id, tag, None if due is None else an_integer(due, (*path, "due"), least=0))
    result = required(given, "result", path)
    if result not in ("success", "fail", "aborted"):
        raise DocumentError(f"{result!r} is not one of ['success', 'fail', 'aborted']", (*path, "result"))
    return SessionEnd(job_id, tag, str(result))


def _barrier(given: Mapping[str, object], job_id: str, path: Path) -> SessionBarrier:
    tag = an_integer(required(given, "session_tag", path), (*path, "session_tag"), least=1)
    phase = required(given, "phase", path)
    if phase not in PHASES:
        raise DocumentError(f"{phase!r} is not one of {', '.join(PHASES)}", (*path, "phase"))
    age = given.get("age", 0.0)
    if isinstance(age, bool) or not isinstance(age, int | float) or not 0 <= age <= LONGEST_BARRIER:
        raise DocumentError(f"age is a number of seconds from 0 to {LONGEST_BARRIER}", (*path, "age"))
    attempt = a_text(given.get("attempt", ""), (*path, "attempt"))
    return SessionBarrier(job_id, tag, phase, float(age), attempt)


def _tag(value: object, path: tuple[str, ...]) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return an_integer(value, path, least=0)
