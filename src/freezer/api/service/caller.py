"""On whose behalf a function works."""

from __future__ import annotations

import uuid

import msgspec

from freezer.api.refusals import bad_request, stale
from freezer.api.scope import Identity, Scope
from freezer.api.store.audit import Deed
from freezer.api.store.contract import Record


class Delegation(msgspec.Struct, frozen=True):
    """What users delegate to central schedulers: to whom (a user's id), which roles, for how many days.

    ``always``: also for jobs of clients that serve one project alone.
    """

    trustee: str
    roles: tuple[str, ...]
    days: int
    always: bool = False


class Caller(msgspec.Struct, frozen=True):
    """Who asks, what it can see, when, and by which version of the API (``old``: v1).

    ``expected``: the revision that it wants to change, if it said so. ``deed``: what the audit will say of it.
    ``delegation``: what its jobs on central clients need; None where there are no trusts. ``tenants_may_set``: options
    that jobs of other projects may give a client that serves everybody, though that client's own machine is meant.
    """

    identity: Identity
    scope: Scope
    now: int
    old: bool = False
    expected: int | None = None
    deed: Deed | None = None
    delegation: Delegation | None = None
    tenants_may_set: frozenset[str] = frozenset()

    @property
    def project_id(self) -> str:
        """The project that new records belong to."""
        if not self.scope.project_id:
            raise bad_request("a token without a project cannot make anything", title="No project")
        return self.scope.project_id

    @property
    def is_node(self) -> bool:
        """Whether it is a machine that acts for one client and nothing else."""
        return self.identity.client is not None

    @property
    def outsider(self) -> bool:
        """Whether it works in a project that is not its own."""
        return self.identity.project_id != self.scope.project_id

    def check(self, record: Record) -> None:
        """409 if the record is not the revision that the caller expects."""
        if self.expected is not None and self.expected != record.revision:
            raise stale(record.kind.label, record.id)


def new_id() -> str:
    """An id that nobody can guess."""
    return uuid.uuid4().hex


def new_number() -> int:
    """A number of 48 bits that nobody can guess."""
    return uuid.uuid4().int >> 80
