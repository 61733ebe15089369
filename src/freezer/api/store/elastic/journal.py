"""The head, by which units are committed one after the other.

The head says which commit was the last and all that it writes. A commit replaces the head on condition that it is still
the one that was read (``if_seq_no``, ``if_primary_term``): of several who try, one succeeds. After that its documents
are written with the number of the commit as their version, which refuses what is older, so that any number of servers
may write them, also much later. Nobody reads, and nobody commits, before the documents of the last commit are written:
if its author has died, the next one does that.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from freezer.api.refusals import Refusal
from freezer.api.store.contract import Unavailable
from freezer.api.store.elastic.documents import GONE, UNPLACED, Document, Wanted, query_of
from freezer.api.store.elastic.wire import NotPrepared, Wire, decoded
from freezer.clock import Clock

FORM = 1
_RECENT = 64
_MOST_BYTES = 64 * 1024 * 1024
_PURGE_EVERY = 600  # seconds
_GONE_SECONDS = 86_400
_PURGED = 1000
_PAUSE = 0.2
_WRITTEN = frozenset({200, 201, 409})
_MISSING, _LOST = frozenset({404}), frozenset({409})
_LOG = logging.getLogger(__name__)


class Write(msgspec.Struct, frozen=True):
    """A document to be written, under its name in the index."""

    id: str
    document: Document


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """``number`` of the last commit and what it ``writes``; ``place``: the next that is free; ``recent``: the names of
    the newest commits, by which their authors know them; ``incarnation``: grows when the index was restored."""

    type: str = "head"
    key: str = "head"
    form: int = FORM
    number: int
    place: int = 1
    incarnation: int = 1
    recent: tuple[str, ...] = ()
    writes: tuple[Write, ...] = ()


class Seen(msgspec.Struct, frozen=True):
    """A head as it was read."""

    head: Head
    sequence: int
    term: int


class _Got(msgspec.Struct):
    head: Head = msgspec.field(name="_source")
    sequence: int = msgspec.field(name="_seq_no")
    term: int = msgspec.field(name="_primary_term")


class _Put(msgspec.Struct):
    sequence: int = msgspec.field(name="_seq_no")
    term: int = msgspec.field(name="_primary_term")


class _Outcome(msgspec.Struct):
    status: int
    error: dict[str, object] | None = None


class _Bulk(msgspec.Struct):
    items: list[dict[str, _Outcome]]


class _Hit(msgspec.Struct):
    id: str = msgspec.field(name="_id")
    sequence: int = msgspec.field(name="_seq_no")
    term: int = msgspec.field(name="_primary_term")


class _Hits(msgspec.Struct):
    hits: list[_Hit]


class _Searched(msgspec.Struct):
    hits: _Hits


class Journal:
    """The head of one index, shared by the threads of a process."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self._path = f"/{wire.place.index}"
        # Names of commits, since the numbers of another index at the same place are others.
        self._applied = ""
        self._searchable = ""
        self._purged = clock.now()

    def now(self) -> Seen:
        """The head, with everything written that was committed."""
        answer = self._wire.ask("GET", f"{self._path}/_doc/head", expected=_MISSING)
        if answer.status == 404:
            raise NotPrepared(f"index {self._wire.place.index} is not there", hint="run freezer-manage db sync")
        got = decoded(answer, _Got)
        self._apply(got.head)
        return Seen(got.head, got.sequence, got.term)

    def make_searchable(self) -> None:
        """Let searches find everything that was committed before."""
        applied = self._applied
        if self._searchable != applied:
            self._wire.ask("POST", f"{self._path}/_refresh")
            self._searchable = applied

    def commit(self, seen: Seen, documents: Mapping[str, Document], incarnation: int | None = None) -> bool:
        """Commit these documents, by their names in the index, after the head ``seen``; False if another commit has
        come between. If the server is lost meanwhile nobody knows whether it has happened, and Unavailable says so."""
        head = seen.head
        placed = list(_placed(documents, head.place))
        token = secrets.token_hex(8)
        new = replace(
            head,
            number=head.number + 1,
            place=head.place + len(placed),
            incarnation=head.incarnation if incarnation is None else incarnation,
            recent=(token, *head.recent[: _RECENT - 1]),
            writes=tuple(placed),
        )
        if not self._replaced(seen, new, token):
            return False
        try:
            self._apply(new)
            self._purge()
        except Unavailable as error:
            # It is committed all the same, and whoever comes next must write it before anything else.
            _LOG.warning("commit %s is still to be written: %s", new.number, error.message)
        return True

    def _replaced(self, seen: Seen, new: Head, token: str) -> bool:
        body = msgspec.json.encode(new)
        if len(body) > _MOST_BYTES:
            message = f"One change has {_MOST_BYTES} bytes at most with the Elasticsearch store, this one {len(body)}."
            raise Refusal(413, "Payload Too Large", message)
        path = f"{self._path}/_doc/head?if_seq_no={seen.sequence}&if_primary_term={seen.term}"
        try:
            answer = self._wire.send("PUT", path, body, "application/json", _LOST)
        except Unavailable as error:
            raise Unavailable(f"the search server was lost while it stored the change: {error.message}") from None
        # A request that was sent again finds its own work.
        return answer.status != 409 or token in self.now().head.recent

    def _apply(self, head: Head) -> None:
        """Write the documents of a commit, unless it is known that they are: that of an older one does no harm."""
        name = head.recent[0] if head.recent else ""
        if name == self._applied:
            return
        for number in range(self._wire.place.retries + 1):
            failed = self._written(head)
            if not failed:
                break
            self._clock.sleep(_PAUSE * (number + 1))
        else:
            raise Unavailable(f"the search server does not take documents: {failed}")
        self._applied = name

    def _written(self, head: Head) -> str:
        """Write them; why one was not, if so."""
        if not head.writes:
            return ""
        lines = bytearray()
        for each in head.writes:
            version = {"_id": each.id, "version": head.number, "version_type": "external"}
            lines += msgspec.json.encode({"index": version}) + b"\n" + msgspec.json.encode(each.document) + b"\n"
        answer = self._wire.send("POST", f"{self._path}/_bulk", bytes(lines), "application/x-ndjson")
        for item in decoded(answer, _Bulk).items:
            for outcome in item.values():
                if outcome.status not in _WRITTEN:
                    return f"{outcome.status}: {(outcome.error or {}).get('reason', '')}"
        return ""

    def _purge(self) -> None:
        """Now and then, forget documents that were removed long ago."""
        now = self._clock.now()
        if now < self._purged + _PURGE_EVERY:
            return
        self._purged = now
        wanted = Wanted(type=GONE, stamps=(None, int(now) - _GONE_SECONDS))
        body = {"query": query_of(wanted, frozenset()), "size": _PURGED, "_source": False, "seq_no_primary_term": True}
        answer = self._wire.ask("POST", f"{self._path}/_search", body)
        lines = b"".join(_removal(each) for each in decoded(answer, _Searched).hits.hits)
        if lines:
            self._wire.send("POST", f"{self._path}/_bulk", lines, "application/x-ndjson")


def _removal(hit: _Hit) -> bytes:
    exactly = {"_id": hit.id, "if_seq_no": hit.sequence, "if_primary_term": hit.term}
    return msgspec.json.encode({"delete": exactly}) + b"\n"


def _placed(documents: Mapping[str, Document], first: int) -> Iterable[Write]:
    """What to write, with a place for each that has none yet."""
    new = sorted(each.place for each in documents.values() if each.place >= UNPLACED)
    order = {place: first + number for number, place in enumerate(new)}
    for id, each in documents.items():
        yield Write(id, replace(each, place=order[each.place]) if each.place >= UNPLACED else each)
