"""Lists and searches of records."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from msgspec.structs import replace

from freezer.api.scope import Scope
from freezer.api.store.contract import Keep, Kind, NoSuchMarker, Page, Query, Record, TooMany
from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, Wanted
from freezer.api.store.elastic.records import record_of, seen, term_key, text_of
from freezer.api.store.terms import LONGEST_WORD, LOOKED_UP, words_of

MOST_READ = 10_000
"""How many records a search may read whose keys are not looked up."""

_BATCH = 500


def find(buffer: Buffer, kind: Kind, scope: Scope, query: Query, marker: Record | None, keep: Keep | None) -> Page:
    """The part of a list that is wanted, behind ``marker``."""
    if query.marker is not None and marker is None:
        raise NoSuchMarker(f"marker {query.marker} is not in this list")
    texts = [each.lower() for each in query.words]
    everything = _wanted(kind, scope, query, texts)
    wanted = everything if marker is None else _behind(everything, marker.place)
    whole = [each for each in texts if not _is_word(each)]
    if keep is None and not whole:
        return _plain(buffer, kind, query, wanted, everything)
    if keep is not None and buffer.count(everything) > MOST_READ:
        keys = ", ".join(sorted(LOOKED_UP[kind]))
        raise TooMany(f"a search among more than {MOST_READ} records must name one of these keys: {keys}")
    return _sifted(_kept(buffer, kind, wanted, whole, keep), query)


def _plain(buffer: Buffer, kind: Kind, query: Query, wanted: Wanted, everything: Wanted) -> Page:
    found = buffer.first(wanted, query.limit + 1, skip=query.offset)
    total = buffer.count(everything) if query.total else None
    return Page([record_of(kind, each) for each in found[: query.limit]], len(found) > query.limit, total)


def _sifted(records: Iterator[Record], query: Query) -> Page:
    page: list[Record] = []
    hits, last = 0, query.offset + query.limit
    for record in records:
        if query.offset <= hits < last:
            page.append(record)
        hits += 1
        if hits > last and not query.total:
            break
    return Page(page, hits > last, hits if query.total else None)


def _kept(buffer: Buffer, kind: Kind, wanted: Wanted, texts: list[str], keep: Keep | None) -> Iterator[Record]:
    """The records in which all ``texts`` stand and that ``keep`` keeps."""
    found = (each for each in buffer.search(wanted) if _holds(each, texts))
    while batch := [record_of(kind, each) for each in islice(found, _BATCH)]:
        stays = [True] * len(batch) if keep is None else keep(batch)
        yield from (each for each, stay in zip(batch, stays, strict=True) if stay)


def _holds(document: Document, texts: list[str]) -> bool:
    return not texts or all(each in text_of(document) for each in texts)


def _wanted(kind: Kind, scope: Scope, query: Query, texts: list[str]) -> Wanted:
    return Wanted(
        type=kind.value,
        keys=(*seen(kind, scope), *((term_key(each),) for each in query.terms)),
        without=tuple(map(term_key, query.terms_not)),
        beginnings=tuple(word for text in texts for word in sorted(words_of(text))),
        stamps=(query.after, query.before),
        descending=query.newest_first,
    )


def _behind(wanted: Wanted, place: int) -> Wanted:
    return replace(wanted, places=(None, place - 1) if wanted.descending else (place + 1, None))


def _is_word(text: str) -> bool:
    """Whether a text is found by its words alone."""
    return len(text) < LONGEST_WORD and words_of(text) == {text}
