"""Quotas: one document for each project and resource, changed at the end of a unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, raw, read
from freezer.api.store.quotas import OverQuota, Quota
from freezer.model.quotas import RESOURCES, UNLIMITED

_TYPE = "quota"


class _Used(msgspec.Struct, frozen=True):
    used: int = 0
    own: int | None = None


class ElasticQuotas:
    """The counters; ``defaults``: limits by resource where a project has none of its own."""

    def __init__(self, buffer: Buffer, defaults: Mapping[str, int]) -> None:
        self._buffer = buffer
        self._defaults = defaults
        self._charged: dict[tuple[str, str], int] = {}

    def charge(self, project_id: str, resource: str, amount: int) -> None:
        key = (project_id, resource)
        self._charged[key] = self._charged.get(key, 0) + amount

    def settle(self, buffer: Buffer) -> None:
        """Count what was charged, in ``buffer``; OverQuota."""
        due = {key: amount for key, amount in self._charged.items() if amount}
        found = buffer.many(_TYPE, [_key(*key) for key in due])
        for (project_id, resource), amount in due.items():
            before = found.get(_key(project_id, resource))
            known = _Used() if before is None else read(before, _Used)
            limit = self._default(resource) if known.own is None else known.own
            used = known.used + amount
            if amount > 0 and limit != UNLIMITED and used > limit:
                raise OverQuota(resource, limit)
            _keep(buffer, project_id, resource, replace(known, used=max(used, 0)))

    def of(self, project_id: str) -> Sequence[Quota]:
        found = self._buffer.many(_TYPE, [_key(project_id, each) for each in RESOURCES])
        known = {each: found.get(_key(project_id, each)) for each in RESOURCES}
        return [self._quota(each, document) for each, document in known.items()]

    def limit(self, project_id: str, resource: str, own: int | None) -> None:
        found = self._buffer.get(_TYPE, _key(project_id, resource))
        known = _Used() if found is None else read(found, _Used)
        _keep(self._buffer, project_id, resource, replace(known, own=own))

    def _quota(self, resource: str, document: Document | None) -> Quota:
        known = _Used() if document is None else read(document, _Used)
        return Quota(resource, known.used, known.own, self._default(resource))

    def _default(self, resource: str) -> int:
        return self._defaults.get(resource, UNLIMITED)


def _key(project_id: str, resource: str) -> str:
    return f"{project_id}/{resource}"


def _keep(buffer: Buffer, project_id: str, resource: str, used: _Used) -> None:
    buffer.put(Document(type=_TYPE, key=_key(project_id, resource), data=raw(used)))
