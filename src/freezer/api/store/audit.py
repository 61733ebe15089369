"""Who did what: one row for every change that somebody made, in the transaction of the change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

LONGEST_TARGET = 255


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One change. No text of the request is kept but its path, so no secret can be.

    ``operation``: the name of the policy's rule (``jobs:delete``); ``target``: the path below the project, with the id
    of what was made. ``at``: seconds since 1970.
    """

    at: int
    project_id: str
    user_id: str
    user_name: str = ""
    operation: str
    target: str
    request_id: str = ""
    address: str = ""
    place: int = 0


class DeedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which deeds are wanted, the newest first; ``before``: a place that they must lie before."""

    project_id: str
    user_id: str | None = None
    operation: str | None = None
    target: str | None = None
    since: int | None = None
    until: int | None = None
    before: int | None = None
    limit: int = 10


class Audit(Protocol):
    """The rows."""

    def note(self, deed: Deed) -> None:
        """Keep a deed."""
        ...

    def find(self, query: DeedQuery) -> Sequence[Deed]:
        """The deeds of a project."""
        ...

    def forget(self, before: int, limit: int) -> int:
        """Remove at most ``limit`` deeds that are older than ``before``; how many there were."""
        ...
