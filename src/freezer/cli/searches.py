"""Searches: refused if this API would pass them over. That of OpenStack Freezer knows keys and values; asked for words
or times it drops the whole search and lists everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freezer.cli.command import Context, Given
from freezer.errors import UsageError

if TYPE_CHECKING:
    from freezer.client.search import Search

_NEEDED = "search"
_TIMES = frozenset({"time_before", "time_after"})


def search_of(context: Context, given: Given, **match: object) -> Search:
    """What ``--search`` asks for, narrowed to documents that have the values ``match``, if those are not None."""
    from freezer.client.search import search_for

    return understood(context, search_for(given.optional("search"), **match))


def understood(context: Context, search: Search) -> Search:
    """``search``; :class:`UsageError` if the API cannot look for what it asks."""
    words = any("_all" in pair for pair in search.get("match", ()))
    if (words or search.keys() & _TIMES) and _NEEDED not in context.api().features():
        raise UsageError(
            "this API cannot look for words and times: it would ignore them",
            hint='that of OpenStack Freezer only knows keys and values: --search \'[{"status": "completed"}]\'',
        )
    return search
