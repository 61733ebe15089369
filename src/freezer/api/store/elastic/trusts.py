"""Trusts, with their ids sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from freezer.api.store.contract import Exists
from freezer.api.store.elastic.buffer import Buffer
from freezer.api.store.elastic.documents import Document, Wanted, raw, read
from freezer.api.store.elastic.records import own_key
from freezer.api.store.trusts import SEAL_CONTEXT, State, Trust
from freezer.crypto.keyring import KeyRing

_TYPE, _END = "trust", "trust_end"
_WAITING = (State.PENDING, State.LEAVING)


class _Sealed(msgspec.Struct, frozen=True):
    """``trust`` without Keystone's id, which is ``sealed``."""

    trust: Trust
    sealed: str


class ElasticTrusts:
    """The trusts; ``ring`` None: this server works without trusts, and opens none. There are few of them: what is
    asked beside trustor and state is looked up one by one."""

    def __init__(self, buffer: Buffer, ring: KeyRing | None) -> None:
        self._buffer = buffer
        self._ring = ring

    def get(self, id: str) -> Trust | None:
        found = self._buffer.get(_TYPE, id, lock=True)
        return None if found is None else self._opened(read(found, _Sealed))

    def many(self, ids: Sequence[str]) -> Mapping[str, Trust]:
        found = self._buffer.many(_TYPE, sorted(set(ids)))
        return {id: self._opened(read(each, _Sealed)) for id, each in found.items()}

    def suitable(self, project_id: str, trustor: str, trustee: str, roles: tuple[str, ...], after: int) -> Trust | None:
        def suits(trust: Trust) -> bool:
            same = (trust.project_id, trust.trustee, trust.roles) == (project_id, trustee, roles)
            return same and trust.expires > after and not trust.problem

        active = (own_key("state", State.ACTIVE.value),)
        found = self._first(((own_key("trustor", trustor),), active), suits, lambda each: -each.expires, 1)
        best = self.get(found[0].id) if found else None
        return best if best is not None and best.trust_id else None

    def insert(self, trust: Trust) -> None:
        end = f"{trust.expires} {trust.trustor}"
        if self._buffer.get(_END, end) is not None:
            raise Exists("another trust of the trustor ends in the same second")
        self._buffer.put(Document(type=_END, key=end))
        self._buffer.add(self._document(trust, ""))

    def update(self, trust: Trust) -> None:
        found = self._buffer.get(_TYPE, trust.id)
        if found is not None:
            known = read(found, _Sealed)
            self._move(known.trust, trust)
            self._buffer.put(self._document(trust, known.sealed))

    def remove(self, id: str) -> None:
        found = self._buffer.get(_TYPE, id)
        if found is not None:
            known = read(found, _Sealed).trust
            self._buffer.drop(_END, f"{known.expires} {known.trustor}")
            self._buffer.drop(_TYPE, id)

    def needy(self, trustor: str, ending: int, limit: int) -> Sequence[Trust]:
        keys = ((own_key("trustor", trustor),),)
        return self._first(keys, lambda each: each.state in _WAITING or each.expires < ending, _expires, limit)

    def leaving(self, limit: int) -> Sequence[Trust]:
        waiting = (tuple(own_key("state", each.value) for each in _WAITING),)
        return self._first(waiting, lambda _: True, lambda each: each.made_at, limit)

    def unchecked(self, before: int, limit: int) -> Sequence[Trust]:
        return self._first(_active(), lambda each: each.checked_at < before, lambda each: each.checked_at, limit)

    def ending(self, before: int, limit: int) -> Sequence[Trust]:
        return self._first(_active(), lambda each: each.expires < before and not each.told, _expires, limit)

    def reseal(self) -> tuple[int, int]:
        """Seal every id with the newest key: how many were, and how many no key opens."""
        done = lost = 0
        for trust in list(self._all(())):
            if trust.trust_id is None:
                lost += 1
            elif trust.trust_id:
                self.update(trust)
                done += 1
        return done, lost

    def _move(self, before: Trust, after: Trust) -> None:
        if before.expires != after.expires:
            self._buffer.drop(_END, f"{before.expires} {before.trustor}")
            self._buffer.put(Document(type=_END, key=f"{after.expires} {after.trustor}"))

    def _first(
        self,
        keys: tuple[tuple[str, ...], ...],
        wanted: Callable[[Trust], bool],
        order: Callable[[Trust], int],
        limit: int,
    ) -> list[Trust]:
        return sorted(filter(wanted, self._all(keys)), key=order)[:limit]

    def _all(self, keys: tuple[tuple[str, ...], ...]) -> Iterator[Trust]:
        found = self._buffer.search(Wanted(type=_TYPE, keys=keys, by="key"))
        return (self._opened(read(each, _Sealed)) for each in found)

    def _opened(self, known: _Sealed) -> Trust:
        if not known.sealed:
            return known.trust
        context = SEAL_CONTEXT + known.trust.id.encode()
        opened = None if self._ring is None else self._ring.open(known.sealed, context)
        return replace(known.trust, trust_id=None if opened is None else opened.decode())

    def _document(self, trust: Trust, before: str) -> Document:
        """``before``: the sealed id as it is. It stays if it was not opened: another server may have its key."""
        sealed = before if trust.trust_id is None else self._sealed(trust.id, trust.trust_id)
        keys = (own_key("trustor", trust.trustor), own_key("state", trust.state.value))
        return Document(type=_TYPE, key=trust.id, keys=keys, data=raw(_Sealed(replace(trust, trust_id=""), sealed)))

    def _sealed(self, id: str, trust_id: str) -> str:
        if not trust_id:
            return ""
        assert self._ring is not None, "trusts are made by servers that have keys"
        return self._ring.seal(trust_id.encode(), SEAL_CONTEXT + id.encode())


def _active() -> tuple[tuple[str, ...], ...]:
    return ((own_key("state", State.ACTIVE.value),),)


def _expires(trust: Trust) -> int:
    return trust.expires
