"""What every store promises.

A unit is atomic and isolated: what it reads with ``lock`` does not change until it ends; it is done again from the
start when the database asks for that, so the function that works on it must have no other effects. Nothing is
acknowledged before it is durable. Lists are in the order of creation, and complete or an error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from freezer.api.scope import Scope
from freezer.api.store.audit import Audit
from freezer.api.store.enrolments import Enrolments
from freezer.api.store.node_keys import NodeKeys
from freezer.api.store.quotas import Quotas
from freezer.api.store.tallies import Tallies
from freezer.api.store.trusts import Trusts
from freezer.errors import FreezerError

if TYPE_CHECKING:
    from freezer.api.store.leases import Leases
    from freezer.api.store.operations import Operations
    from freezer.api.store.run_logs import RunLogs

LONGEST_OWNER = 64
"""Characters of the ids of users and projects."""

Scalar = str | int | float | bool | None
T = TypeVar("T")


class Kind(Enum):
    """The kinds of records; the value is the name of the table, the label that of messages."""

    CLIENT = "client"
    ACTION = "action"
    JOB = "job"
    SESSION = "session"
    BACKUP = "backup"
    RUN = "run"

    @property
    def label(self) -> str:
        return self.value.capitalize()


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One row.

    ``body``: the JSON text of what is answered, without identifiers. ``links``: JSON text of what only the server
    needs. ``own``: further columns of this kind: ``name``, ``space`` and ``central`` of a client (space: the user that
    registered it by v1, else empty), ``client`` of a job (the uuid of its client) and of a backup (the uuid of the
    client whose node has reported it, if it was one), ``stamp``, ``composed``, ``belongs``, ``location`` and
    ``counted`` of a backup (:mod:`freezer.api.store.weighing`); of a run its job, client and lease
    (:mod:`freezer.api.store.leases`). ``revision`` counts the changes.
    """

    kind: Kind
    id: str
    project_id: str
    user_id: str
    body: str
    links: str = "{}"
    own: Mapping[str, Scalar] = {}
    revision: int = 1
    place: int = 0


class Terms(msgspec.Struct, frozen=True):
    """What a record is found by: values by key, and words of all its texts."""

    values: frozenset[tuple[str, str]]
    words: str


class Query(msgspec.Struct, frozen=True):
    """A search: ``terms`` that a record must have, and must not have; ``words``: texts that it must contain, each
    from the beginning of a word.

    ``after`` and ``before``: seconds since 1970 between which a backup was made, both included. ``marker``: the id
    after which the list begins.
    """

    terms: tuple[tuple[str, str], ...] = ()
    terms_not: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    after: int | None = None
    before: int | None = None
    limit: int = 10
    offset: int = 0
    marker: str | None = None
    newest_first: bool = False
    total: bool = False


class Page(msgspec.Struct, frozen=True):
    """Records of a list (backups without ``own``); ``more``: whether others follow; ``total`` if it was asked for."""

    records: Sequence[Record]
    more: bool
    total: int | None = None


class Exists(FreezerError):
    """There is a record of that id, or a client of that name."""


class NoSuchMarker(FreezerError):
    """The record after which a list should begin is not among those that can be seen."""


class TooMany(FreezerError):
    """A search by keys that are not looked up would have to read more records than it may."""


class Unavailable(FreezerError):
    """Where records are kept cannot be reached, or gave up; the same request may succeed later."""

    retryable = True


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one object: it was ``made``, ``changed`` or ``removed``.

    ``number`` counts the changes of a project from 1, without gaps for whoever reads later; 0 before it is stored.
    ``kind`` and ``id`` name the object (a client by its ``client_id``), ``client`` whose scheduler it concerns, empty
    if nobody's in particular.
    """

    project_id: str
    kind: str
    id: str
    deed: str
    client: str = ""
    number: int = 0


class Feed(msgspec.Struct, frozen=True):
    """How far the changes of a project have come: ``last`` is the newest number, changes up to ``forgotten`` are not
    kept any more."""

    last: int
    forgotten: int


class Remembered(msgspec.Struct, frozen=True):
    """The answer that was given to the first request with an idempotency key."""

    request_hash: str
    status: int
    body: str


Keep = Callable[[Sequence[Record]], Sequence[bool]]


class Unit(Protocol):
    """One transaction. Records count towards the quotas of their projects by themselves."""

    @property
    def quotas(self) -> Quotas: ...

    @property
    def audit(self) -> Audit: ...

    @property
    def node_keys(self) -> NodeKeys: ...

    @property
    def enrolments(self) -> Enrolments: ...

    @property
    def trusts(self) -> Trusts: ...

    @property
    def operations(self) -> Operations:
        """Pauses, presences and alarms."""
        ...

    @property
    def tallies(self) -> Tallies:
        """The sums of backups."""
        ...

    def in_location(self, project_id: str, location: str, prefix: str) -> Sequence[tuple[str, str, bool]]:
        """The backups in a location whose composed hashes begin with ``prefix``, in their order: hash, id, and whether
        it counts as there."""
        ...

    @property
    def leases(self) -> Leases:
        """Who holds what, in this transaction."""
        ...

    @property
    def logs(self) -> RunLogs:
        """What runs have written, in this transaction."""
        ...

    def get(self, kind: Kind, scope: Scope, id: str, *, lock: bool = False) -> Record | None:
        """The record of that id, if the scope includes it."""
        ...

    def named(self, scope: Scope, name: str) -> Sequence[Record]:
        """The clients of that name that the scope includes, central ones last."""
        ...

    def composed(self, scope: Scope, hash: str) -> Sequence[Record]:
        """The backups with that composed id."""
        ...

    def many(self, kind: Kind, scope: Scope, ids: Sequence[str]) -> Mapping[str, Record]:
        """Records by id, as far as the scope includes them."""
        ...

    def find(self, kind: Kind, scope: Scope, query: Query, keep: Keep | None = None) -> Page:
        """A list. ``keep`` decides about what the store cannot look up; NoSuchMarker, TooMany."""
        ...

    def insert(self, record: Record, terms: Terms) -> None:
        """Add a record; Exists."""
        ...

    def update(self, record: Record, terms: Terms | None) -> Record:
        """Replace a record by its id; the next revision. ``terms`` None: only what nobody is shown has changed."""
        ...

    def delete(self, record: Record) -> None:
        """Remove a record that was read in this unit."""
        ...

    def changed(self, change: Change) -> None:
        """Tell those who follow the project; what happens to records is told without this."""
        ...

    def feed(self, project_id: str) -> Feed:
        """How far the changes of a project have come."""
        ...

    def numbers(self, project_ids: Collection[str]) -> Mapping[str, int]:
        """The newest numbers of projects, those without any change left out."""
        ...

    def changes(self, project_id: str, after: int, client: str | None, limit: int) -> Sequence[Change]:
        """The changes of a project behind number ``after``, oldest first; only those of one client if it is named."""
        ...

    def forget_changes(self, before: int) -> int:
        """Forget changes older than ``before``, seconds since 1970; how many. Who is that late reads lists anew."""
        ...

    def incarnation(self) -> int:
        """Grows whenever the database is replaced by a copy of an earlier day, after which all numbers may repeat."""
        ...

    def remembered(self, identity: str, route: str, key: str) -> Remembered | None:
        """The answer kept under an idempotency key."""
        ...

    def forget_answers(self, before: int) -> int:
        """Remove answers that were kept before an instant, in seconds since 1970; how many."""
        ...

    def remember(self, identity: str, route: str, key: str, answer: Remembered, now: int) -> None:
        """Keep an answer; Exists if somebody else has just kept one."""
        ...


class Store(Protocol):
    """Units of reading and of writing."""

    @property
    def writes(self) -> bool:
        """Whether it takes changes at present: what merely accompanies a reading request is left out if not."""
        ...

    def read(self, work: Callable[[Unit], T]) -> T:
        """What ``work`` returns; it must not write."""
        ...

    def write(self, work: Callable[[Unit], T]) -> T:
        """What ``work`` returns, once everything it did is durable; nothing is done if it raises."""
        ...

    def check(self) -> None:
        """FreezerError if the store cannot be reached or is not prepared."""
        ...
