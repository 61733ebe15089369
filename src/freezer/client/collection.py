"""What the API has of one kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from freezer.client.search import Search
from freezer.client.wire import Wire, segments
from freezer.errors import ApiError, ApiMissing
from freezer.model.deletions import MOST_DELETED

Document = dict[str, Any]

_PAGE = 500  # documents asked for at once; no server gives fewer than that unless there are no more


class Collection:
    """The objects ``name`` (``jobs``), each a ``noun`` (``job``) with its id in the key ``id_key``.

    ``same_when_twice``: making one again changes nothing; None if the API's idempotency keys decide.
    """

    same_when_twice: bool | None = None

    def __init__(self, wire: Wire, name: str, noun: str, id_key: str) -> None:
        self.wire = wire
        self.name = name
        self.noun = noun
        self.id_key = id_key

    def find(
        self, *, limit: int | None = None, offset: int = 0, search: Search | None = None, **query: object
    ) -> list[Document]:
        """At most ``limit`` documents (None: all) from number ``offset`` on, that ``search`` finds."""
        return list(self.each(limit=limit, offset=offset, search=search, **query))

    def each(
        self, *, limit: int | None = None, offset: int = 0, search: Search | None = None, **query: object
    ) -> Iterator[Document]:
        """As :meth:`find`, fetched in pages. A document that moves to another page meanwhile comes once."""
        seen: set[str] = set()
        while limit is None or len(seen) < limit:
            size = _PAGE if limit is None else min(_PAGE, limit - len(seen))
            page = self._page(size, offset, search, query)
            for document in page:
                identifier = self.identifier(document)
                if identifier not in seen:
                    seen.add(identifier)
                    yield document
            offset += len(page)
            if len(page) < size:
                return

    def identifier(self, document: Document) -> str:
        """The id of a document that the API gave."""
        return str(document.get(self.id_key))

    def get(self, identifier: str) -> Document:
        """One document; :class:`freezer.errors.ApiMissing` if there is none of that id."""
        return self._object(self.wire.ask("GET", self._path(identifier), self._what(identifier)))

    def get_with_revision(self, identifier: str) -> tuple[Document, str | None]:
        """One document, and what :meth:`update` takes as its revision; None if the API keeps none."""
        document, revision = self.wire.fetch(self._path(identifier), self._what(identifier))
        return self._object(document), revision

    def create(self, document: Mapping[str, Any], identifier: str | None = None, *, key: str | None = None) -> str:
        """The id of what is made from ``document``, or replaced by it if ``identifier`` is taken. ``key``: whoever
        gives the same again means the same object, as far as the API knows idempotency keys."""
        path = self._path(*([] if identifier is None else [identifier]))
        headers = {} if key is None else {"Idempotency-Key": key}
        sent = self.wire.ask("POST", path, self.noun, body=document, headers=headers, harmless=self.same_when_twice)
        answer = self._object(sent)
        return str(answer[self.id_key])

    def update(self, identifier: str, changes: Mapping[str, Any], *, revision: str | None = None) -> None:
        """Merge ``changes`` into the document; :class:`freezer.errors.ApiConflict` if it is not of ``revision`` any
        more (None: whatever it is)."""
        headers = {} if revision is None else {"If-Match": revision}
        self.wire.ask("PATCH", self._path(identifier), self._what(identifier), body=changes, headers=headers)

    def delete(self, identifier: str) -> None:
        """Remove it; an older API does not mind if there is none."""
        self.wire.ask("DELETE", self._path(identifier), self._what(identifier))

    def delete_all(self, identifiers: Sequence[str]) -> list[str]:
        """Remove many, a thousand in each step if the API knows how, else one by one; those that were not there."""
        if "deletions" not in self.wire.features():
            return [each for each in identifiers if not self._deleted(each)]
        missing: list[str] = []
        for begin in range(0, len(identifiers), MOST_DELETED):
            document = {"kind": self.name, "ids": list(identifiers[begin : begin + MOST_DELETED])}
            answer = self._object(self.wire.ask("POST", segments("deletions"), f"list of {self.name}", body=document))
            missing += map(str, answer["missing"])
        return missing

    def _deleted(self, identifier: str) -> bool:
        try:
            self.delete(identifier)
        except ApiMissing:
            return False
        return True

    def _page(self, limit: int, offset: int, search: Search | None, query: Mapping[str, object]) -> list[Document]:
        asked = {"limit": limit, "offset": offset, **query}
        answer = self._object(
            self.wire.ask("GET", self._path(), f"list of {self.name}", body=search or None, query=asked)
        )
        found = answer.get(self.name)
        if not isinstance(found, list) or not all(isinstance(document, dict) for document in found):
            raise self._strange()
        return found

    def _path(self, *identifiers: str) -> str:
        return segments(self.name, *identifiers)

    def _what(self, identifier: str) -> str:
        return f"{self.noun} {identifier}"

    def _object(self, answer: object) -> Document:
        if not isinstance(answer, dict):
            raise self._strange()
        return answer

    def _strange(self) -> ApiError:
        return ApiError(f"{self.wire.place} does not answer as a Freezer API does", hint="check OS_BACKUP_URL")
