"""The index: made, brought up to date, removed."""

from __future__ import annotations

from typing import Any

import msgspec

from freezer.api.store.elastic.journal import FORM, Head
from freezer.api.store.elastic.wire import NotPrepared, Wire, decoded

_EXISTS = frozenset({400})
_MISSING = frozenset({404})
_TAKEN = frozenset({409})

# What is longer is not found by it, where otherwise the server would refuse a document that is committed.
_KEYWORD, _LONG = {"type": "keyword", "ignore_above": 8000}, {"type": "long"}
_FIELDS = {
    **dict.fromkeys(("type", "key", "keys", "words", "label"), _KEYWORD),
    **dict.fromkeys(("place", "stamp"), _LONG),
    "data": {"type": "object", "enabled": False},
}
_MAPPING: dict[str, Any] = {"dynamic": False, "properties": _FIELDS}
_SHARDS = {"number_of_shards": 1}
"""One, since only operations on one are seen in order; it holds two thousand million documents."""


def prepare(wire: Wire) -> int:
    """Make the index, or bring its mapping up to date; the number of its form. May be repeated."""
    path, replicas = f"/{wire.place.index}", wire.place.replicas
    settings = {**_SHARDS, "number_of_replicas": replicas or 0}
    made = wire.ask("PUT", path, {"settings": {"index": settings}, "mappings": _MAPPING}, expected=_EXISTS)
    if made.status == 400 and b"resource_already_exists_exception" not in made.body:
        raise NotPrepared(f"index {wire.place.index} cannot be made: {made.body[:300].decode(errors='replace')}")
    if made.status == 400:
        _update(wire, path)
    wire.ask("PUT", f"{path}/_create/head?refresh=true", Head(number=1), expected=_TAKEN)
    return FORM


def _update(wire: Wire, path: str) -> None:
    """Add to the mapping what is new. An index that something else was kept in is left alone."""
    if form_of(wire) is None and decoded(wire.ask("GET", f"{path}/_count"), _Counted).count:
        hint = "name another one with [elasticsearch] index"
        raise NotPrepared(f"index {wire.place.index} holds other documents than ours", hint=hint)
    wire.ask("PUT", f"{path}/_mapping", _MAPPING)
    if wire.place.replicas is not None:
        wire.ask("PUT", f"{path}/_settings", {"index": {"number_of_replicas": wire.place.replicas}})


def form_of(wire: Wire) -> int | None:
    """The number of the form of the documents in the index; None if there are none."""
    answer = wire.ask("GET", f"/{wire.place.index}/_source/head", expected=_MISSING)
    return None if answer.status == 404 else decoded(answer, Head).form


def check(wire: Wire) -> None:
    """NotPrepared unless the index is there, for this version."""
    form = form_of(wire)
    if form != FORM:
        found = "is not there" if form is None else f"has form {form}"
        message = f"index {wire.place.index} {found}, this server works with form {FORM}"
        raise NotPrepared(message, hint="run freezer-manage db sync")


def remove(wire: Wire) -> None:
    """Remove the index with all that is in it."""
    wire.ask("DELETE", f"/{wire.place.index}", expected=_MISSING)


class _Counted(msgspec.Struct):
    count: int
