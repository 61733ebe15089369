"""Leases: who holds what, decided by single statements in the clock of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Update,
    and_,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from freezer.api.scope import Scope
from freezer.api.store.contract import Kind, Record
from freezer.api.store.sql.instant import Now
from freezer.api.store.sql.tables import TABLES, installation, lease
from freezer.model.runs import OPEN, RUNNING, WAITING, Fence

_RUNS = TABLES[Kind.RUN]


class SqlLeases:
    """The leases of an open transaction. ``visible``: the condition that makes rows visible in a scope."""

    def __init__(
        self,
        connection: Connection,
        visible: Callable[[Scope], Iterator[ColumnElement[bool]]],
    ) -> None:
        self._connection = connection
        self._visible = visible

    def take(self, run: Record, holder: str, ttl: int, after: Fence | None = None) -> Fence | None:
        seen = fence_of(run)
        mine = _RUNS.c.holder == holder if after == seen else false()
        free = or_(_RUNS.c.expires <= Now(), _RUNS.c.incarnation != _present(), mine)
        statement = update(_RUNS).where(_RUNS.c.place == run.place, *_is(seen), _RUNS.c.state.in_(OPEN), free)
        told = {"incarnation": _present(), "fence": seen.number + 1, "holder": holder, "sequence": 0}
        if not self._changes(statement.values(state=RUNNING, expires=Now() + ttl, **told)):
            return None
        incarnation = self._connection.execute(select(_RUNS.c.incarnation).where(_RUNS.c.place == run.place))
        return Fence(int(incarnation.scalar_one()), seen.number + 1)

    def renew(self, scope: Scope, id: str, fence: Fence, ttl: int) -> bool:
        held = and_(_RUNS.c.state == RUNNING, *_is(fence), _RUNS.c.incarnation == _present())
        statement = update(_RUNS).where(_RUNS.c.id == id, held, *self._visible(scope))
        return self._changes(statement.values(expires=Now() + ttl))

    def confirm(self, run: Record, fence: Fence, sequence: int | None) -> bool:
        held = and_(_RUNS.c.state.in_(OPEN), _RUNS.c.holder != "", *_is(fence), _RUNS.c.incarnation == _present())
        statement = update(_RUNS).where(_RUNS.c.place == run.place, held)
        if sequence is None:
            return self._changes(statement.values(state=RUNNING))
        return self._changes(statement.where(_RUNS.c.sequence == sequence - 1).values(state=RUNNING, sequence=sequence))

    def release(self, run: Record, pause: int) -> None:
        statement = update(_RUNS).where(_RUNS.c.place == run.place)
        self._connection.execute(statement.values(state=WAITING, holder="", expires=Now() + pause))

    def held_of_job(self, job: Record, but: str) -> str | None:
        held = and_(_RUNS.c.state == RUNNING, _RUNS.c.expires > Now(), _RUNS.c.incarnation == _present())
        statement = select(_RUNS.c.id).where(_RUNS.c.job_id == job.id, held, _RUNS.c.id != but).limit(1)
        return self._connection.execute(statement).scalar()

    def newest_of_jobs(self, ids: Sequence[str]) -> Mapping[str, str]:
        if not ids:
            return {}
        last = select(_RUNS.c.job_id, func.max(_RUNS.c.due).label("due")).where(_RUNS.c.job_id.in_(ids))
        newest = last.group_by(_RUNS.c.job_id).subquery("newest")
        both = and_(_RUNS.c.job_id == newest.c.job_id, _RUNS.c.due == newest.c.due)
        found = self._connection.execute(select(_RUNS.c.job_id, _RUNS.c.id).join(newest, both))
        return {row.job_id: row.id for row in found}

    def free(self, scope: Scope, limit: int) -> Sequence[str]:
        waits = and_(_RUNS.c.state == WAITING, _RUNS.c.expires <= Now())
        statement = select(_RUNS.c.id).where(or_(waits, _is_expired()), *self._visible(scope))
        return self._connection.execute(statement.order_by(_RUNS.c.expires).limit(limit)).scalars().all()

    def expired(self, limit: int) -> Sequence[str]:
        statement = select(_RUNS.c.id).where(_is_expired()).order_by(_RUNS.c.place).limit(limit)
        return self._connection.execute(statement).scalars().all()

    def lapse(self, run: Record) -> bool:
        statement = update(_RUNS).where(_RUNS.c.place == run.place, *_is(fence_of(run)), _is_expired())
        return self._changes(statement.values(state=WAITING))

    def ended_before(self, instant: int, limit: int) -> Sequence[str]:
        later = _RUNS.alias("later")
        newer = exists().where(later.c.job_id == _RUNS.c.job_id, later.c.place > _RUNS.c.place)
        statement = select(_RUNS.c.id).where(_RUNS.c.ended < instant, newer)
        return self._connection.execute(statement.order_by(_RUNS.c.ended).limit(limit)).scalars().all()

    def elect(self, name: str, holder: str, ttl: int) -> bool:
        free = or_(lease.c.holder == holder, lease.c.expires <= Now())
        statement = update(lease).where(lease.c.name == name, free)
        if self._changes(statement.values(holder=holder, expires=Now() + ttl)):
            return True
        if self._connection.execute(select(lease.c.name).where(lease.c.name == name)).first() is not None:
            return False
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(lease).values(name=name, holder=holder, expires=Now() + ttl))
        except IntegrityError:
            return False  # somebody else was the first one ever
        return True

    def _changes(self, statement: Update) -> bool:
        return self._connection.execute(statement).rowcount == 1


def fence_of(run: Record) -> Fence:
    """The present try of a run."""
    return Fence(int(run.own["incarnation"] or 0), int(run.own["fence"] or 0))


def _is_expired() -> ColumnElement[bool]:
    """Whether a run is running by its state alone; those of the original's schedulers have no holder."""
    over = or_(_RUNS.c.expires <= Now(), _RUNS.c.incarnation != _present())
    return and_(_RUNS.c.state == RUNNING, _RUNS.c.holder != "", over)


def _is(fence: Fence) -> tuple[ColumnElement[bool], ...]:
    return (_RUNS.c.incarnation == fence.incarnation, _RUNS.c.fence == fence.number)


def _present() -> ScalarSelect[int]:
    return select(installation.c.incarnation).scalar_subquery()
