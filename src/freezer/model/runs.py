"""Runs: each one execution of a job, with whatever became of it.

A run has a *cause* (a planned instant, an event that a user asked for, a round of a session) and from it an id that
everybody computes alike, so that nothing is run twice. It goes through one or more *tries*; each has a *fence*, a
number that grows, and whoever has the greatest *holds* the run for as long as the lease lasts.

States: ``running`` (held), ``waiting`` (nobody holds it, it may be claimed), and when it is over ``success``,
``partial`` (some items were left out), ``failed``, ``aborted`` or ``missed`` (it was never begun).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freezer.model.checking import MAX_NAME
from freezer.model.forms.words import Count, Id

RUNNING = "running"
WAITING = "waiting"
OPEN = (RUNNING, WAITING)
MISSED = "missed"
OVER = ("success", "partial", "failed", "aborted", MISSED)

LEASED = "leased"
LEGACY = "legacy"

Cause = Literal["schedule", "event", "session"]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Ttl = Annotated[int, Meta(ge=1, le=3600)]
DEFAULT_TTL = 60

_NAMESPACE = uuid.UUID("6f1a6a52-8c7c-5f0e-9d0b-0f7a3b1f5c21")
_NUMBERS: Mapping[str, str] = {"schedule": "due", "event": "event_number", "session": "session_tag"}


def run_id(job_id: str, cause: str, number: int, session_id: str = "") -> str:
    """The id of the run that ``number`` stands for: an instant in seconds since 1970 (``schedule``, ``legacy``), the
    number of an event, or the tag of a round of the session ``session_id``."""
    middle = f"{cause}/{session_id}" if session_id else cause
    return uuid.uuid5(_NAMESPACE, f"{job_id}/{middle}/{number}").hex


class Fence(msgspec.Struct, frozen=True, order=True):
    """The number of a try. ``incarnation`` grows when a database is put back to an earlier state, which may have
    forgotten tries; ``number`` counts from 1."""

    incarnation: int
    number: int


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Somebody wants to execute a run, which need not be there yet.

    What it is for: ``due`` (seconds since 1970) if the cause is the schedule, ``session_tag`` if it is a session's
    round, ``event_number`` if it is an event (left out: the one that is asked for at present). ``holder``: the name of
    the one who claims; ``ttl``: seconds. ``incarnation`` and ``fence``: the try that it holds and wants to replace by
    another. ``offline``: it was begun, and perhaps ended, while the API could not be reached.
    """

    job_id: Id
    cause: Cause
    holder: Name
    ttl: Ttl = DEFAULT_TTL
    due: Count | UnsetType = UNSET
    event_number: Count | UnsetType = UNSET
    session_tag: Count | UnsetType = UNSET
    incarnation: Count | UnsetType = UNSET
    fence: Count | UnsetType = UNSET
    offline: bool = False

    def __post_init__(self) -> None:
        wanted = _NUMBERS[self.cause]
        for key in _NUMBERS.values():
            told = getattr(self, key) is not UNSET
            if told and key != wanted:
                raise ValueError(f"a run whose cause is {self.cause} has {wanted}, not {key}")
            if key == wanted and not told and self.cause != "event":
                raise ValueError(f"a run whose cause is {self.cause} needs {wanted}")
        if (self.incarnation is UNSET) != (self.fence is UNSET):
            raise ValueError("incarnation and fence belong together")
        if not self.holder.isprintable():
            raise ValueError("holder must be printable")

    @property
    def number(self) -> int | None:
        """What the id is made from; None: the event that is asked for at present."""
        number = getattr(self, _NUMBERS[self.cause])
        return None if number is UNSET else int(number)

    @property
    def after(self) -> Fence | None:
        """The try that is to be replaced."""
        if self.incarnation is UNSET or self.fence is UNSET:
            return None
        return Fence(self.incarnation, self.fence)


class Renewal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The holder of a try wants to go on for ``ttl`` seconds."""

    incarnation: Count
    fence: Count
    ttl: Ttl = DEFAULT_TTL

    @property
    def of(self) -> Fence:
        """The try."""
        return Fence(self.incarnation, self.fence)
