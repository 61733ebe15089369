"""Searches for what no index knows: records are read in batches, and a page of those that are kept is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from freezer.api.store.contract import Keep, Kind, Page, Query, Record, TooMany
from freezer.api.store.terms import LOOKED_UP

MOST_READ = 10_000
"""How many records a search may read whose keys are not looked up."""
BATCH = 500
"""How many records are in memory at once."""


def too_many(kind: Kind) -> TooMany:
    """The error of a search that would read more than :data:`MOST_READ` records."""
    keys = ", ".join(sorted(LOOKED_UP[kind]))
    return TooMany(f"a search among more than {MOST_READ} records must name one of these keys: {keys}")


def kept(batches: Iterable[Sequence[Record]], keep: Keep) -> Iterator[Record]:
    """The records that ``keep`` keeps."""
    for batch in batches:
        yield from (each for each, stays in zip(batch, keep(batch), strict=True) if stays)


def page_of(records: Iterable[Record], query: Query) -> Page:
    """The part of ``records`` that is wanted; no more of them are read than it needs."""
    page: list[Record] = []
    hits, last = 0, query.offset + query.limit
    for record in records:
        if query.offset <= hits < last:
            page.append(record)
        hits += 1
        if hits > last and not query.total:
            break
    return Page(page, hits > last, hits if query.total else None)
