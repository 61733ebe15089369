"""Keys of nodes, and enrolments."""

from __future__ import annotations

from msgspec.structs import replace

from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, Wanted, raw, read
from freezer.api.store.enrolments import Enrolment
from freezer.api.store.node_keys import NodeKey

_KEY, _KEY_OF, _ENROLMENT = "node_key", "node_key_of", "enrolment"
_AT_ONCE = 5000


class ElasticNodeKeys:
    """The keys, by their id; for each client a document that says which is its own."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer

    def get(self, id: str) -> NodeKey | None:
        found = self._buffer.get(_KEY, id)
        return None if found is None else read(found, NodeKey)

    def of(self, client: str) -> NodeKey | None:
        found = self._buffer.get(_KEY_OF, client)
        return None if found is None else self.get(read(found, str))

    def bound(self, clients: frozenset[str]) -> frozenset[str]:
        return frozenset(self._buffer.many(_KEY_OF, sorted(clients)))

    def put(self, key: NodeKey) -> None:
        self.drop(key.client)
        self._buffer.add(Document(type=_KEY, key=key.id, data=raw(key)))
        self._buffer.put(Document(type=_KEY_OF, key=key.client, data=raw(key.id)))

    def drop(self, client: str) -> bool:
        known = self._buffer.get(_KEY_OF, client)
        if known is None:
            return False
        self._buffer.drop(_KEY, read(known, str))
        return self._buffer.drop(_KEY_OF, client)


class ElasticEnrolments:
    """The enrolments, by their id."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer

    def get(self, id: str) -> Enrolment | None:
        found = self._buffer.get(_ENROLMENT, id)
        return None if found is None else read(found, Enrolment)

    def put(self, enrolment: Enrolment) -> None:
        self._buffer.add(_document(enrolment))

    def use(self, id: str, machine: str) -> bool:
        found = self.get(id)
        if found is None or found.machine not in ("", machine):
            return False
        self._buffer.put(_document(replace(found, machine=machine)))
        return True

    def drop(self, project_id: str, id: str) -> bool:
        found = self.get(id)
        return found is not None and found.project_id == project_id and self._buffer.drop(_ENROLMENT, id)

    def forget(self, before: int) -> None:
        for each in self._buffer.first(Wanted(type=_ENROLMENT, stamps=(None, before - 1), by="key"), _AT_ONCE):
            self._buffer.drop(_ENROLMENT, each.key)


def _document(enrolment: Enrolment) -> Document:
    return Document(type=_ENROLMENT, key=enrolment.id, stamp=enrolment.expires, data=raw(enrolment))
