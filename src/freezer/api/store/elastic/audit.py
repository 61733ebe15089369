"""The deeds of the audit."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from freezer.api.store.audit import Deed, DeedQuery
from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, Wanted, raw, read
from freezer.api.store.elastic.records import own_key

_TYPE = "deed"


class ElasticAudit:
    """The deeds, in the order of their units."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer

    def note(self, deed: Deed) -> None:
        looked_up = {"project": deed.project_id, "user": deed.user_id, "operation": deed.operation}
        keys = tuple(own_key(name, value) for name, value in {**looked_up, "target": deed.target}.items())
        document = Document(type=_TYPE, key=uuid.uuid4().hex, keys=keys, stamp=deed.at, data=raw(deed))
        self._buffer.append(document)

    def find(self, query: DeedQuery) -> Sequence[Deed]:
        wanted = Wanted(
            type=_TYPE,
            keys=tuple((each,) for each in _keys(query)),
            stamps=(query.since, query.until),
            places=(None, None if query.before is None else query.before - 1),
            descending=True,
        )
        return [replace(read(each, Deed), place=each.place) for each in self._buffer.first(wanted, query.limit)]

    def forget(self, before: int, limit: int) -> int:
        old = self._buffer.first(Wanted(type=_TYPE, stamps=(None, before - 1)), limit)
        return sum(self._buffer.drop(_TYPE, each.key) for each in old)


def _keys(query: DeedQuery) -> Iterator[str]:
    yield own_key("project", query.project_id)
    asked = {"user": query.user_id, "operation": query.operation, "target": query.target}
    yield from (own_key(name, value) for name, value in asked.items() if value is not None)
