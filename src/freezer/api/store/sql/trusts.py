"""The rows of trusts, with their ids sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, insert, or_, select, update

from freezer.api.store.sql.tables import trusts
from freezer.api.store.trusts import SEAL_CONTEXT, State, Trust
from freezer.crypto.keyring import KeyRing

_WAITING = (State.PENDING.value, State.LEAVING.value)


class SqlTrusts:
    """The rows on an open connection; ``ring`` None: this server works without trusts, and opens none."""

    def __init__(self, connection: Connection, ring: KeyRing | None, *, locking: bool) -> None:
        self._connection = connection
        self._ring = ring
        self._locking = locking

    def get(self, id: str) -> Trust | None:
        return self._first(select(trusts).where(trusts.c.id == id))

    def many(self, ids: Sequence[str]) -> Mapping[str, Trust]:
        found = self._all(select(trusts).where(trusts.c.id.in_(sorted(set(ids))))) if ids else ()
        return {each.id: each for each in found}

    def suitable(self, project_id: str, trustor: str, trustee: str, roles: tuple[str, ...], after: int) -> Trust | None:
        same = and_(
            trusts.c.project_id == project_id,
            trusts.c.trustor == trustor,
            trusts.c.trustee == trustee,
            trusts.c.roles == ",".join(roles),
        )
        usable = and_(trusts.c.state == State.ACTIVE.value, trusts.c.expires > after, trusts.c.problem == "")
        found = self._first(select(trusts).where(same, usable).order_by(trusts.c.expires.desc()).limit(1))
        return found if found is not None and found.trust_id else None

    def insert(self, trust: Trust) -> None:
        self._connection.execute(insert(trusts), self._values(trust))

    def update(self, trust: Trust) -> None:
        values = self._values(trust)
        if trust.trust_id is None:
            del values["sealed"]  # another server may have its key
        self._connection.execute(update(trusts).where(trusts.c.id == trust.id), values)

    def remove(self, id: str) -> None:
        self._connection.execute(delete(trusts).where(trusts.c.id == id))

    def needy(self, trustor: str, ending: int, limit: int) -> Sequence[Trust]:
        wanted = or_(trusts.c.state.in_(_WAITING), trusts.c.expires < ending)
        statement = select(trusts).where(trusts.c.trustor == trustor, wanted)
        return self._all(statement.order_by(trusts.c.expires).limit(limit))

    def leaving(self, limit: int) -> Sequence[Trust]:
        statement = select(trusts).where(trusts.c.state.in_(_WAITING))
        return self._all(statement.order_by(trusts.c.made_at).limit(limit))

    def unchecked(self, before: int, limit: int) -> Sequence[Trust]:
        wanted = and_(trusts.c.state == State.ACTIVE.value, trusts.c.checked_at < before)
        return self._all(select(trusts).where(wanted).order_by(trusts.c.checked_at).limit(limit))

    def ending(self, before: int, limit: int) -> Sequence[Trust]:
        wanted = and_(trusts.c.state == State.ACTIVE.value, trusts.c.expires < before, trusts.c.told.is_(False))
        return self._all(select(trusts).where(wanted).order_by(trusts.c.expires).limit(limit))

    def _first(self, statement: Select[Any]) -> Trust | None:
        row = self._connection.execute(statement.with_for_update() if self._locking else statement).first()
        return None if row is None else self._trust(row)

    def _all(self, statement: Select[Any]) -> list[Trust]:
        return [self._trust(row) for row in self._connection.execute(statement)]

    def _trust(self, row: Row[Any]) -> Trust:
        values = row._asdict()
        sealed = values.pop("sealed")
        values.update(roles=tuple(values["roles"].split(",")), state=State(values["state"]))
        return Trust(**values, trust_id=self._opened(row.id, sealed))

    def _opened(self, id: str, sealed: str) -> str | None:
        if not sealed:
            return ""
        opened = None if self._ring is None else self._ring.open(sealed, SEAL_CONTEXT + id.encode())
        return None if opened is None else opened.decode()

    def _values(self, trust: Trust) -> dict[str, Any]:
        return {
            "id": trust.id,
            "project_id": trust.project_id,
            "trustor": trust.trustor,
            "trustee": trust.trustee,
            "roles": ",".join(trust.roles),
            "state": trust.state.value,
            "sealed": self._sealed(trust),
            "expires": trust.expires,
            "made_at": trust.made_at,
            "problem": trust.problem,
            "checked_at": trust.checked_at,
            "told": trust.told,
        }

    def _sealed(self, trust: Trust) -> str:
        if not trust.trust_id:
            return ""
        assert self._ring is not None, "trusts are made by servers that have keys"
        return self._ring.seal(trust.trust_id.encode(), SEAL_CONTEXT + trust.id.encode())


def reseal(connection: Connection, ring: KeyRing) -> tuple[int, int]:
    """Seal every id with the newest key of ``ring``: how many were, and how many no key of it opens."""
    done = lost = 0
    for id, sealed in connection.execute(select(trusts.c.id, trusts.c.sealed).where(trusts.c.sealed != "")).all():
        context = SEAL_CONTEXT + id.encode()
        opened = ring.open(sealed, context)
        if opened is None:
            lost += 1
            continue
        connection.execute(update(trusts).where(trusts.c.id == id).values(sealed=ring.seal(opened, context)))
        done += 1
    return done, lost
