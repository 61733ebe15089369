"""Searches: what the API is asked to look for.

A search is ``{"match": [{key: value}, …], "match_not": [{key: value}, …]}``: every pair of the first list, and none of
the second, occurs anywhere in the document that is looked for; the key ``_all`` stands for a text in any of them.
"""

from __future__ import annotations

import json
from typing import Any

from freezer.errors import UsageError

Search = dict[str, Any]


def search_for(text: str | None = None, **match: object) -> Search:
    """The search that ``text`` means, narrowed to documents that have the values ``match``, if those are not None.

    ``text`` is a search, a list of pairs that must match, or words.
    """
    search = _read(text) if text else {}
    pairs = [{key: value} for key, value in match.items() if value is not None]
    if pairs:
        search = {**search, "match": [*search.get("match", []), *pairs]}
    return search


def _read(text: str) -> Search:
    stripped = text.strip()
    if not stripped.startswith(("[", "{")):
        return {"match": [{"_all": text}]}
    try:
        document = json.loads(stripped)
    except ValueError as error:
        raise UsageError(f"--search {text} looks like JSON and is not: {error}") from None
    if isinstance(document, list) and all(isinstance(pair, dict) for pair in document):
        return {"match": document}
    if isinstance(document, dict) and document.keys() <= {"match", "match_not", "time_before", "time_after"}:
        return document
    raise UsageError(
        f"--search {text} is no search",
        hint='words, [{"status": "completed"}], or {"match": [...], "match_not": [...]}',
    )
