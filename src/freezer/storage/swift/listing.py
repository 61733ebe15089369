"""Listings, read to their end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from freezer.errors import PermanentError, TransientError
from freezer.storage.swift.answers import NO_CONTENT, NOT_FOUND, OK, failure, modified
from freezer.storage.swift.names import path_of
from freezer.storage.swift.wire import Wire

PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A Swift object: name in Swift, size in bytes, time of last change."""

    name: str
    size: int
    modified: float


def entries(wire: Wire, container: str, prefix: str, label: str, page: int = PAGE) -> Iterator[Entry]:
    """Every Swift object whose name begins with ``prefix``, in Swift's order.

    A page may be shorter than asked for, so only an empty one is the end. :class:`TransientError` for a page that
    cannot be right, :class:`PermanentError` if there is no container.
    """
    marker = ""
    while True:
        query = {"format": "json", "limit": str(page), "prefix": prefix, "marker": marker}
        answer = wire.ask("GET", path_of(container), query=query)
        if answer.status == NOT_FOUND:
            raise PermanentError(f"{label}: there is no such container", hint="check its name, the project and region")
        if answer.status not in (OK, NO_CONTENT):
            raise failure(answer, f"{label}: cannot list it")
        found = _page(answer.body, prefix, marker, label)
        if not found:
            return
        yield from found
        marker = found[-1].name


def _page(body: bytes, prefix: str, marker: str, label: str) -> list[Entry]:
    try:
        rows = json.loads(body) if body else []
        found = [Entry(row["name"], int(row["bytes"]), modified(row["last_modified"])) for row in rows]
    except (ValueError, KeyError, TypeError):
        raise TransientError(f"{label}: its listing is no listing") from None
    last = marker.encode()
    for entry in found:
        name = entry.name.encode()
        if name <= last or not entry.name.startswith(prefix):
            raise TransientError(f"{label}: its listing is out of order at {entry.name!r}")
        last = name
    return found
