"""What operators have decided and what the housekeeper has noticed, beside the records.

A *pause* keeps a project, a client or a job from beginning runs; *draining* is the same said of a scheduler that is to
be stopped. One that has ended is kept for a while: what was due meanwhile is not missed. A *presence* says when a
client was last heard of. An *alarm* is a condition that people were told of, or are to be told of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """``kind``: ``project``, ``client`` or ``job``; ``object``: its id, the project's own for a project. Times are
    seconds since 1970; ``ended`` None while it lasts."""

    project_id: str
    kind: str
    object: str
    name: str
    draining: bool
    reason: str
    user_id: str
    since: int
    ended: int | None = None


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """A client's scheduler: when it was last heard of and, if it told, its version, by how many seconds its clock is
    ahead, and how many reports it has not delivered yet."""

    project_id: str
    client: str
    seen: int
    version: str | None = None
    clock_offset: int | None = None
    spool: int | None = None


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """``event`` and ``object`` name the condition, which exists once; ``passing``: it is told of once and forgotten;
    ``told``: people know."""

    project_id: str
    event: str
    kind: str
    object: str
    name: str
    text: str
    since: int
    passing: bool = False
    told: bool = False


class Operations(Protocol):
    """These tables in one transaction."""

    def pauses(self, project_id: str, *, lasting: bool = True) -> Sequence[Pause]:
        """Those of a project, oldest first; with ``lasting`` False also those that have ended."""
        ...

    def keep_pause(self, pause: Pause) -> None:
        """Have this one, in the place of another of the same object."""
        ...

    def forget_pauses(self, before: int) -> int:
        """Remove those that ended before an instant; how many."""
        ...

    def presences(self, project_id: str | None = None) -> Sequence[Presence]:
        """Those of a project, or all."""
        ...

    def keep_presence(self, presence: Presence) -> None:
        """Have this one. What it does not tell stays as it was."""
        ...

    def forget_presences(self) -> int:
        """Remove those of clients that are no more; how many."""
        ...

    def alarms(self, project_id: str | None = None) -> Sequence[Alarm]:
        """Those of a project, or all, oldest first."""
        ...

    def add_alarm(self, alarm: Alarm) -> bool:
        """Have this one; False if there was one already, which stays as it is."""
        ...

    def mark_alarm(self, alarm: Alarm) -> None:
        """Note that people were told."""
        ...

    def drop_alarm(self, alarm: Alarm) -> None:
        """Forget one."""
        ...
