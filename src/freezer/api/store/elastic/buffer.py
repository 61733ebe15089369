"""What a unit has read and is going to write.

Documents are read once. What is written stays here until the unit is committed, and is seen by the unit alone: by its
key, and in searches, whose results are the index's without the documents of the buffer, merged with those that fit.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec.structs import replace

from freezer.api.store.contract import Exists
from freezer.api.store.elastic.documents import GONE, UNPLACED, Document, Wanted, identity, order_of, query_of
from freezer.api.store.elastic.journal import Journal
from freezer.api.store.elastic.wire import Wire, decoded

_BATCH = 500
_WINDOW = 10_000
"""How far into its results a search server goes by number."""


class _Hit(msgspec.Struct):
    id: str = msgspec.field(name="_id")
    version: int = msgspec.field(name="_version", default=0)
    source: Document | None = msgspec.field(name="_source", default=None)
    sort: list[Any] = []


class _Docs(msgspec.Struct):
    docs: list[_Hit]


class _Hits(msgspec.Struct):
    hits: list[_Hit]


class _Searched(msgspec.Struct):
    hits: _Hits


class _Counted(msgspec.Struct):
    count: int


class Buffer:
    """Reads through to the index; ``now``: seconds since 1970."""

    def __init__(self, wire: Wire, journal: Journal, now: int) -> None:
        self.now = now
        self._wire = wire
        self._journal = journal
        self._path = f"/{wire.place.index}"
        self._versions: dict[str, int] = {}
        self._known: dict[str, Document | None] = {}
        self._locked: set[str] = set()
        self._changed: dict[str, Document] = {}
        self._added = 0

    def branch(self) -> Buffer:
        """Another one with the same changes, which has read nothing."""
        other = Buffer(self._wire, self._journal, self.now)
        other._changed = dict(self._changed)
        other._added = self._added
        return other

    def changes(self) -> Mapping[str, Document]:
        """What is to be written, by the names in the index."""
        return self._changed

    def still_holds(self) -> bool:
        """Whether what is changed, and what was locked, is in the index as it was when it was read."""
        watched = sorted(self._locked | self._changed.keys())
        found = self._fetched(watched, content=False)
        return all(hit.version == self._versions.get(hit.id, 0) for hit in found)

    def get(self, type: str, key: str, *, lock: bool = False) -> Document | None:
        """The document of that key."""
        return self.many(type, [key], lock=lock).get(key)

    def many(self, type: str, keys: Sequence[str], *, lock: bool = False) -> Mapping[str, Document]:
        """Documents by their keys."""
        ids = {identity(type, key): key for key in keys}
        if lock:
            self._locked.update(ids)
        for hit in self._fetched([id for id in ids if id not in self._known]):
            self._learn(hit)
        found = {key: self._changed.get(id, self._known[id]) for id, key in ids.items()}
        return {key: each for key, each in found.items() if each is not None and each.type != GONE}

    def lock(self, document: Document) -> None:
        """Let it stay as it was read until the unit ends."""
        self._locked.add(document.id)

    def add(self, document: Document) -> None:
        """A new document, with a place behind all others if it has none; Exists."""
        if self.get(document.type, document.key) is not None:
            raise Exists(f"there is a {document.type} {document.key}")
        self.put(document if document.place else replace(document, place=self._next_place()))

    def append(self, document: Document) -> None:
        """A new document of a key that nobody else can have taken."""
        self._learn(_Hit(document.id))
        self._changed[document.id] = document if document.place else replace(document, place=self._next_place())

    def put(self, document: Document) -> None:
        """Have this document, in the place of any other of its key."""
        self.get(document.type, document.key)
        self._changed[document.id] = document

    def drop(self, type: str, key: str) -> bool:
        """Have none of that key; whether there was one."""
        if self.get(type, key) is None:
            return False
        self._changed[identity(type, key)] = Document(type=GONE, key=f"{type}/{key}", stamp=self.now)
        return True

    def search(self, wanted: Wanted, *, batch: int = _BATCH, skip: int = 0) -> Iterator[Document]:
        """The documents that are wanted, in order, behind the first ``skip``."""
        mine = sorted(filter(wanted.fits, self._changed.values()), key=wanted.rank, reverse=wanted.descending)
        direct = 0 if mine or skip + batch > _WINDOW else skip
        stored = self._stored(wanted, min(batch, _WINDOW), direct)
        found = heapq.merge(stored, mine, key=wanted.rank, reverse=wanted.descending)
        return islice(found, skip - direct, None)

    def first(self, wanted: Wanted, limit: int, *, skip: int = 0) -> list[Document]:
        """At most ``limit`` of them."""
        return list(islice(self.search(wanted, batch=min(limit, _WINDOW), skip=skip), limit))

    def count(self, wanted: Wanted) -> int:
        """How many there are."""
        self._journal.make_searchable()
        body = {"query": query_of(wanted, frozenset(self._changed))}
        stored = decoded(self._wire.ask("POST", f"{self._path}/_count", body), _Counted).count
        return stored + sum(map(wanted.fits, self._changed.values()))

    def _next_place(self) -> int:
        self._added += 1
        return UNPLACED + self._added

    def _stored(self, wanted: Wanted, batch: int, skip: int) -> Iterator[Document]:
        self._journal.make_searchable()
        body: dict[str, Any] = {
            "query": query_of(wanted, frozenset(self._changed)),
            "sort": order_of(wanted),
            "size": batch,
            "version": True,
            "track_total_hits": False,
        }
        if skip:
            body["from"] = skip
        while True:
            hits = decoded(self._wire.ask("POST", f"{self._path}/_search", body), _Searched).hits.hits
            for hit in hits:
                yield from self._seen(hit)
            if len(hits) < batch:
                return
            body.pop("from", None)
            body["search_after"] = hits[-1].sort
            body["size"] = batch = max(batch, _BATCH)

    def _seen(self, hit: _Hit) -> Iterator[Document]:
        if hit.id not in self._known:
            self._learn(hit)
        # What this unit has read before stays as it was.
        known = self._known[hit.id]
        if known is not None:
            yield known

    def _learn(self, hit: _Hit) -> None:
        self._versions[hit.id] = hit.version
        self._known[hit.id] = None if hit.source is None or hit.source.type == GONE else hit.source

    def _fetched(self, ids: Sequence[str], *, content: bool = True) -> Iterator[_Hit]:
        for start in range(0, len(ids), _BATCH):
            body = {"ids": ids[start : start + _BATCH]}
            path = f"{self._path}/_mget" + ("" if content else "?_source=false")
            yield from decoded(self._wire.ask("POST", path, body), _Docs).docs
