"""What needs a database's clock, and is not done here: leases of runs, and their logs.

Runs of the original's schedulers, which only report, are kept like everything else. An office is held by the clocks of
the servers: what its holder does may be done twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import msgspec

from freezer.api.refusals import Refusal
from freezer.api.scope import Scope
from freezer.api.store.contract import Kind, Record
from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, Wanted, raw, read
from freezer.api.store.elastic.records import own_key
from freezer.api.store.run_logs import Cursor, Piece
from freezer.model.runs import Fence

_OFFICE = "office"
SQL_ONLY = "runs by lease and their logs, and so barriers of sessions and pools of schedulers, need an SQL database"


def _refuse() -> NoReturn:
    message = f"Not with the Elasticsearch store: {SQL_ONLY}."
    raise Refusal(501, "Not Implemented", message, reason="store")


class ElasticLeases:
    """No run is ever held here."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer

    def take(self, run: Record, holder: str, ttl: int, after: Fence | None = None) -> Fence | None:
        _refuse()

    def renew(self, scope: Scope, id: str, fence: Fence, ttl: int) -> bool:
        _refuse()

    def confirm(self, run: Record, fence: Fence, sequence: int | None) -> bool:
        _refuse()

    def release(self, run: Record, pause: int) -> None:
        _refuse()

    def lapse(self, run: Record) -> bool:
        _refuse()

    def held_of_job(self, job: Record, but: str) -> str | None:
        return None

    def free(self, scope: Scope, limit: int) -> Sequence[str]:
        return ()

    def expired(self, limit: int) -> Sequence[str]:
        return ()

    def newest_of_jobs(self, ids: Sequence[str]) -> Mapping[str, str]:
        return {id: each.key for id in ids for each in self._newest(id)}

    def ended_before(self, instant: int, limit: int) -> Sequence[str]:
        old = Wanted(type=Kind.RUN.value, stamps=(None, instant - 1), by="stamp")
        return [each.key for each in self._buffer.first(old, limit) if self._has_later(each)]

    def elect(self, name: str, holder: str, ttl: int) -> bool:
        found, now = self._buffer.get(_OFFICE, name, lock=True), self._buffer.now
        known = None if found is None else read(found, _Office)
        if known is not None and known.holder != holder and known.expires > now:
            return False
        office = _Office(holder, now + -(-ttl // 1000))
        self._buffer.put(Document(type=_OFFICE, key=name, data=raw(office)))
        return True

    def _newest(self, job_id: str) -> Sequence[Document]:
        keys = ((own_key("job_id", job_id),),)
        newest = Wanted(type=Kind.RUN.value, keys=keys, labels=("0", None), by="label", descending=True)
        return self._buffer.first(newest, 1)

    def _has_later(self, run: Document) -> bool:
        job = next(each for each in run.keys if each.startswith(own_key("job_id", "")))
        later = Wanted(type=Kind.RUN.value, keys=((job,),), places=(run.place + 1, None))
        return bool(self._buffer.first(later, 1))


class _Office(msgspec.Struct, frozen=True):
    holder: str
    expires: int


class ElasticRunLogs:
    """No run has a log here."""

    def last(self, run: Record, fence: Fence) -> int:
        _refuse()

    def append(self, run: Record, pieces: Sequence[Piece], most: int) -> bool:
        _refuse()

    def after(self, run: Record, cursor: Cursor, limit: int) -> Sequence[Piece]:
        return ()
