"""Sums of backups: per set and day, and per set over all time.

A *set* is the backups of one name on one host. They are counted when a backup is reported, changed or forgotten, in the
same transaction, so that nobody has to read backups for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

ALL_TIME = 0
"""The day that stands for all of them; other days are counted from 1970."""

COMPLETE, PARTIAL = 2, 1
"""How a backup counts; 0: not at all, since it is not there."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of a set on a ``day``, or what is to be added to them.

    ``backups`` are those that are there, ``partial`` those of them that lack items; sizes in bytes. ``last_success``
    and ``last_complete``: when the newest was made, and the newest that lacks nothing, in seconds since 1970, 0 for
    never. ``objective``: how old the newest may become, in seconds; None if nobody has said.
    """

    project_id: str
    set_id: str
    day: int = ALL_TIME
    hostname: str = ""
    backup_name: str = ""
    backups: int = 0
    partial: int = 0
    bytes_read: int = 0
    bytes_stored: int = 0
    last_success: int = 0
    last_complete: int = 0
    objective: int | None = None


class Tallies(Protocol):
    """The sums of all projects, within one unit."""

    def add(self, tallies: Sequence[Tally]) -> None:
        """Add these to what there is."""
        ...

    def settle(self, project_id: str, set_id: str) -> None:
        """Look up when the newest backups of a set were made, after one of them is gone."""
        ...

    def sets(self, project_id: str, after: str, limit: int, hostname: str | None = None) -> Sequence[Tally]:
        """The sets of a project behind the one with id ``after``, over all time."""
        ...

    def days(self, project_id: str, since: int, set_ids: Sequence[str] | None = None) -> Sequence[Tally]:
        """The sums of days from ``since`` on; per set if sets are named, otherwise those of the whole project."""
        ...

    def total(self, project_id: str) -> Tally:
        """The sums of a project."""
        ...

    def set_objective(self, project_id: str, set_id: str, seconds: int | None) -> bool:
        """Say how old the newest backup of a set may become; False if there is no such set."""
        ...
