"""Lists and searches of records."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from msgspec.structs import replace

from freezer.api.scope import Scope
from freezer.api.store.contract import Keep, Kind, NoSuchMarker, Page, Query, Record
from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, Wanted
from freezer.api.store.elastic.records import record_of, seen, term_key, text_of
from freezer.api.store.sifting import BATCH, MOST_READ, kept, page_of, too_many
from freezer.api.store.terms import LONGEST_WORD, words_of


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
        raise too_many(kind)
    batches = _in_batches(buffer, kind, wanted, whole)
    return page_of(chain.from_iterable(batches) if keep is None else kept(batches, keep), query)


def _plain(buffer: Buffer, kind: Kind, query: Query, wanted: Wanted, everything: Wanted) -> Page:
    found = buffer.first(wanted, query.limit + 1, skip=query.offset)
    total = buffer.count(everything) if query.total else None
    return Page([record_of(kind, each) for each in found[: query.limit]], len(found) > query.limit, total)


def _in_batches(buffer: Buffer, kind: Kind, wanted: Wanted, texts: list[str]) -> Iterator[list[Record]]:
    """The records in which all ``texts`` stand."""
    found = (each for each in buffer.search(wanted) if _holds(each, texts))
    while batch := [record_of(kind, each) for each in islice(found, BATCH)]:
        yield batch


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
