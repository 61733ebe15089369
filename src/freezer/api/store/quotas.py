"""How much a project may have, and has: counters that change in the transaction that makes or removes things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from freezer.errors import FreezerError


class Quota(msgspec.Struct, frozen=True):
    """What a project has of a resource; ``own``: the limit that was set for it, None: ``default`` holds."""

    resource: str
    used: int
    own: int | None
    default: int

    @property
    def limit(self) -> int:
        """The limit that holds; :data:`freezer.model.quotas.UNLIMITED` for none."""
        return self.default if self.own is None else self.own


class OverQuota(FreezerError):
    """A project would have more of a resource than it may."""

    def __init__(self, resource: str, limit: int) -> None:
        what = "bytes of logs" if resource == "log_bytes" else resource
        super().__init__(
            f"the project may have {limit} {what} and not more", hint="remove some, or ask for a larger quota"
        )
        self.resource = resource


class Quotas(Protocol):
    """The counters."""

    def charge(self, project_id: str, resource: str, amount: int) -> None:
        """Count ``amount`` more (or, negative, less); the unit fails with OverQuota at its end if that is too much."""
        ...

    def of(self, project_id: str) -> Sequence[Quota]:
        """Every resource, as it was when the unit began."""
        ...

    def limit(self, project_id: str, resource: str, own: int | None) -> None:
        """Set a project's own limit; None: the default holds. What is above it stays."""
        ...
