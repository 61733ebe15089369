"""What the holder of a run tells of it: how far it is, what became of it, and its log."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freezer.model.checking import MAX_NUMBER
from freezer.model.forms.words import Count, Id
from freezer.model.runs import Fence

MOST_FAILURES = 1000
"""Failures that a run names; those that come later are counted."""

Place = Annotated[int, Meta(ge=1, le=MAX_NUMBER)]
Amount = Annotated[float, Meta(ge=0, le=MAX_NUMBER)]
Line = Annotated[str, Meta(max_length=4096)]
PieceText = Annotated[str, Meta(max_length=262_144)]


class Progress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How far a run is; null is what is not known."""

    phase: Line | None = None
    done_bytes: Count | None = None
    total_bytes: Count | None = None
    done_items: Count | None = None
    total_items: Count | None = None
    current: Line | None = None
    seconds: Amount | None = None
    bytes_per_second: Amount | None = None
    seconds_left: Amount | None = None
    finished: bool | None = None


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An item that was left out or is not whole."""

    path: Line
    reason: Line


class ActionResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of one action of the job; times are seconds since 1970."""

    state: Literal["running", "success", "partial", "failed", "aborted", "skipped"]
    exit_code: int | None = None
    error: Line | None = None
    started: Count | None = None
    ended: Count | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the holder of a try tells of a run; what is left out stays as it is.

    ``sequence`` counts the reports of a try from 1: each is applied once and in order. ``state``: ``waiting`` gives the
    run back, to be claimed again after ``retry_after`` seconds; the others end it. ``actions``: by their number within
    the job. ``failures`` and ``backups`` (ids) are added to those that were told before; ``more_failures`` is how many
    more there are than are named.
    """

    incarnation: Count
    fence: Count
    sequence: Place | UnsetType = UNSET
    state: Literal["waiting", "success", "partial", "failed", "aborted"] | UnsetType = UNSET
    retry_after: Annotated[int, Meta(ge=0, le=86_400)] = 0
    exit_code: Annotated[int, Meta(ge=-1000, le=1000)] | UnsetType | None = UNSET
    error: Line | UnsetType | None = UNSET
    progress: Progress | UnsetType = UNSET
    actions: dict[Annotated[str, Meta(pattern="^[0-9]{1,3}$")], ActionResult] = {}
    failures: list[Failure] = []
    more_failures: Count = 0
    backups: list[Id] = []

    @property
    def of(self) -> Fence:
        """The try."""
        return Fence(self.incarnation, self.fence)


class Pieces(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of the log of one try, in order; the first is number ``sequence``, counted from 1."""

    incarnation: Count
    fence: Count
    sequence: Place
    pieces: Annotated[list[PieceText], Meta(min_length=1, max_length=100)]

    @property
    def of(self) -> Fence:
        """The try."""
        return Fence(self.incarnation, self.fence)
