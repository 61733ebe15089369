"""Records as documents, and who may see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from freezer.api.scope import Scope
from freezer.api.store.contract import Kind, Record, Scalar, Terms
from freezer.api.store.elastic.documents import Document, raw, read, whole_number
from freezer.api.store.terms import words_of

Keys = tuple[tuple[str, ...], ...]
_TERM = "term "
_CENTRAL = "central"
_OWN_KEYS = ("name", "client", "composed", "location", "job_id")


class _Stored(msgspec.Struct, frozen=True):
    project_id: str
    user_id: str
    body: str
    links: str
    own: dict[str, Scalar]
    revision: int
    text: str


def document_of(record: Record, terms: Terms | None, before: Document | None) -> Document:
    """The document of a record; without ``terms`` it is found as ``before``, which also has what the record lacks."""
    known = None if before is None else read(before, _Stored)
    own = {**(known.own if known else {}), **record.own}
    if terms is not None:
        found: Iterable[str] = sorted(map(term_key, terms.values))
        words, text = tuple(sorted(words_of(terms.words))), terms.words
    else:
        assert before is not None, "a new record has terms"
        assert known is not None
        found = (each for each in before.keys if each.startswith(_TERM))
        words, text = before.words, known.text
    stored = _Stored(record.project_id, record.user_id, record.body, record.links, own, record.revision, text)
    return Document(
        type=record.kind.value,
        key=record.id,
        keys=(*_keys(record, own), *found),
        words=words,
        label=_label(record.kind, own),
        place=0 if before is None else before.place,
        stamp=_stamp(record.kind, own),
        data=raw(stored),
    )


def record_of(kind: Kind, document: Document) -> Record:
    """The record in a document."""
    stored = read(document, _Stored)
    return Record(
        kind=kind,
        id=document.key,
        project_id=stored.project_id,
        user_id=stored.user_id,
        body=stored.body,
        links=stored.links,
        own=stored.own,
        revision=stored.revision,
        place=document.place,
    )


def text_of(document: Document) -> str:
    """The words of a record, as they are written."""
    return read(document, _Stored).text


def term_key(term: tuple[str, str]) -> str:
    """The key by which a term is found."""
    return f"{_TERM}{term[0]}={term[1]}"


def own_key(name: str, value: object) -> str:
    """The key by which a value of a record's own is found."""
    return f"{name}={value}"


def set_key(set_id: object, counted: object) -> str:
    """The key of backups of a set that count so."""
    return f"set={set_id}/{counted}"


def seen(kind: Kind, scope: Scope) -> Keys:
    """The keys of which a record must have one each to be visible in ``scope``: no search is without them."""
    return tuple(_seen(kind, scope))


def sees(keys: Keys, document: Document) -> bool:
    """Whether a document has them."""
    own = set(document.keys)
    return all(own.intersection(any_of) for any_of in keys)


def _seen(kind: Kind, scope: Scope) -> Iterator[tuple[str, ...]]:
    if scope.client is not None and kind in (Kind.CLIENT, Kind.JOB, Kind.BACKUP, Kind.RUN):
        yield (own_key("client", scope.client),)
    if scope.project_id is None:
        return
    also = (_CENTRAL,) if scope.central and kind is Kind.CLIENT else ()
    yield (own_key("project", scope.project_id), *also)
    if scope.user_id is not None:
        yield (own_key("user", scope.user_id), *also)


def _keys(record: Record, own: dict[str, Scalar]) -> Iterator[str]:
    yield own_key("project", record.project_id)
    yield own_key("user", record.user_id)
    for name in _OWN_KEYS:
        if own.get(name) not in (None, ""):
            yield own_key(name, own[name])
    if record.kind is Kind.CLIENT:
        yield own_key("client", record.id)
        if own.get("central"):
            yield _CENTRAL
    if record.kind is Kind.BACKUP:
        yield set_key(own["belongs"], own["counted"])


def _stamp(kind: Kind, own: dict[str, Scalar]) -> int | None:
    name = {Kind.BACKUP: "stamp", Kind.RUN: "ended"}.get(kind, "")
    value = own.get(name)
    return None if value is None else whole_number(int(value))


def _label(kind: Kind, own: dict[str, Scalar]) -> str:
    if kind is Kind.BACKUP:
        return str(own["composed"])
    if kind is Kind.RUN and own["due"] is not None:
        return f"{int(own['due']):020}"
    return ""
