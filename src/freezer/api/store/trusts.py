"""Trusts: what lets a central scheduler act for the user who made a job, as Keystone calls it.

A row stands for one trust, from the intention to its removal. It is written before Keystone is asked, with an
expiry that no other trust of the trustor has (Keystone keeps whole seconds), by which the trust can be found if the
answer got lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Protocol

import msgspec

SEAL_CONTEXT = b"freezer trust "
"""What Keystone's id of a trust is sealed with, before the id of the row."""


class State(Enum):
    """``leaving``: no job uses it, and Keystone has yet to be told."""

    PENDING = "pending"
    ACTIVE = "active"
    LEAVING = "leaving"


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """``trust_id``: Keystone's; empty while pending, None if it cannot be unsealed. ``roles``: sorted names.

    ``problem``: why it did not work when it was last tried, else empty. ``expires``, ``checked_at``, ``made_at``:
    seconds since 1970. ``told``: a notice of its end has gone out.
    """

    id: str
    project_id: str
    trustor: str
    trustee: str
    roles: tuple[str, ...]
    state: State
    expires: int
    made_at: int
    trust_id: str | None = ""
    problem: str = ""
    checked_at: int = 0
    told: bool = False


class Trusts(Protocol):
    """The rows; the ids of trusts are sealed in them."""

    def get(self, id: str) -> Trust | None:
        """The row, locked."""
        ...

    def many(self, ids: Sequence[str]) -> Mapping[str, Trust]:
        """Rows by id."""
        ...

    def suitable(self, project_id: str, trustor: str, trustee: str, roles: tuple[str, ...], after: int) -> Trust | None:
        """An active one for exactly these that ends later than ``after``, locked."""
        ...

    def insert(self, trust: Trust) -> None:
        """Add a row; Exists if another of the trustor's ends in the same second."""
        ...

    def update(self, trust: Trust) -> None:
        """Replace a row by its id."""
        ...

    def remove(self, id: str) -> None:
        """Remove a row."""
        ...

    def needy(self, trustor: str, ending: int, limit: int) -> Sequence[Trust]:
        """Rows of ``trustor`` that are pending or leaving, or active and end before ``ending``."""
        ...

    def leaving(self, limit: int) -> Sequence[Trust]:
        """Rows that are pending or leaving, the oldest first."""
        ...

    def unchecked(self, before: int, limit: int) -> Sequence[Trust]:
        """Active rows that were last tried before ``before``, those first that have waited longest."""
        ...

    def ending(self, before: int, limit: int) -> Sequence[Trust]:
        """Active rows that end before ``before`` and of which nobody was told."""
        ...
