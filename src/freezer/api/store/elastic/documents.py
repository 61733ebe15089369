"""What the index holds, and what of it is looked up.

A *document* has a type and, in it, a key. It is found by its ``keys`` (texts that are compared as a whole), by the
beginnings of its ``words``, and by ranges of ``place``, ``stamp`` and ``label``, by one of which lists are in order;
what they mean is up to whoever keeps documents of that type. ``data`` is for the reader alone. A document that was
removed stays for a while as one of the type GONE, so that nobody who is late brings it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec

from freezer.decoding import json_decoder

GONE = "gone"
HEAD = "head"
UNPLACED = 2**62
"""Places from here on stand for those that documents get by the commit, in the same order."""

_MOST = 2**63 - 1
Order = Literal["place", "stamp", "label", "key"]
T = TypeVar("T")


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One document."""

    type: str
    key: str
    keys: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    label: str = ""
    place: int = 0
    stamp: int | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def id(self) -> str:
        """Its name in the index."""
        return identity(self.type, self.key)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents of ``type``: with one key of each of ``keys`` and none of ``without``, a word that begins so for
    each of ``beginnings``; ranges include their ends. In the order of ``by``."""

    type: str
    keys: tuple[tuple[str, ...], ...] = ()
    without: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()
    places: tuple[int | None, int | None] = (None, None)
    stamps: tuple[int | None, int | None] = (None, None)
    labels: tuple[str | None, str | None] = (None, None)
    by: Order = "place"
    descending: bool = False

    def fits(self, document: Document) -> bool:
        """Whether it is one of them."""
        own = set(document.keys)
        return (
            document.type == self.type
            and all(own.intersection(any_of) for any_of in self.keys)
            and not own.intersection(self.without)
            and all(any(word.startswith(each) for word in document.words) for each in self.beginnings)
            and _within(document.place, self.places)
            and _within(document.stamp, self.stamps)
            and _within(document.label, self.labels)
        )

    def rank(self, document: Document) -> tuple[Any, str]:
        """What they are in order by."""
        return getattr(document, self.by), document.key


def identity(type: str, key: str) -> str:
    """The name of a document in the index, which is short whatever the key is."""
    return f"{type}-{hashlib.blake2b(key.encode(), digest_size=20).hexdigest()}"


def raw(value: object) -> msgspec.Raw:
    """``value`` as the data of a document."""
    return msgspec.Raw(msgspec.json.encode(value))


def read(document: Document, form: type[T]) -> T:
    """The data of a document."""
    return json_decoder(form).decode(document.data)


def query_of(wanted: Wanted, unless: frozenset[str]) -> dict[str, Any]:
    """The query for documents that are wanted, ``unless`` they have one of these names in the index."""
    must: list[dict[str, Any]] = [{"term": {"type": wanted.type}}]
    must += [{"terms": {"keys": list(any_of)}} for any_of in wanted.keys]
    must += [{"prefix": {"words": each}} for each in wanted.beginnings]
    for name, (least, most) in {"place": wanted.places, "stamp": wanted.stamps, "label": wanted.labels}.items():
        limits = {"gte": least, "lte": most}
        told = {word: _bounded(limit) for word, limit in limits.items() if limit is not None}
        if told:
            must.append({"range": {name: told}})
    query: dict[str, Any] = {"filter": must}
    unwanted: list[dict[str, Any]] = []
    if wanted.without:
        unwanted.append({"terms": {"keys": list(wanted.without)}})
    if unless:
        unwanted.append({"ids": {"values": sorted(unless)}})
    return {"bool": {**query, "must_not": unwanted} if unwanted else query}


def whole_number(value: int) -> int:
    """``value``, or the nearest that the index has a place for."""
    return max(-_MOST, min(value, _MOST))


def _bounded(limit: int | str) -> int | str:
    return limit if isinstance(limit, str) else whole_number(limit)


def order_of(wanted: Wanted) -> list[Mapping[str, str]]:
    """The order of a search."""
    way = "desc" if wanted.descending else "asc"
    return [{name: way} for name in dict.fromkeys((wanted.by, "key"))]


def _within(value: Any, limits: tuple[Any, Any]) -> bool:
    least, most = limits
    if least is None and most is None:
        return True
    return value is not None and (least is None or value >= least) and (most is None or value <= most)
