"""The containers of an account."""

from __future__ import annotations

import json

from freezer.errors import TransientError
from freezer.storage.swift.answers import NO_CONTENT, OK, failure
from freezer.storage.swift.wire import Wire

_PAGE = 10_000


def list_containers(wire: Wire) -> list[tuple[str, int, int]]:
    """Name, bytes and number of Swift objects of each, by name; complete, or an error."""
    found: list[tuple[str, int, int]] = []
    while True:
        query = {"format": "json", "limit": str(_PAGE), "marker": found[-1][0] if found else ""}
        answer = wire.ask("GET", "", query=query)
        if answer.status not in (OK, NO_CONTENT):
            raise failure(answer, "swift: cannot list the containers")
        try:
            rows = [(row["name"], int(row["bytes"]), int(row["count"])) for row in json.loads(answer.body or b"[]")]
        except (ValueError, KeyError, TypeError):
            raise TransientError("swift: the list of containers is no list") from None
        if not rows:
            return found
        found += rows
