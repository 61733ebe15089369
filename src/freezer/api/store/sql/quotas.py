"""Quotas: one row for each project and resource, changed at the end of a unit and in one order by all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Update,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from freezer.api.store.quotas import OverQuota, Quota
from freezer.api.store.sql.tables import quotas
from freezer.model.quotas import RESOURCES, UNLIMITED


def _counting(*, more: bool) -> Update:
    """Adds to what is used, if that is possible; a statement that is made once."""
    used = quotas.c.used + bindparam("amount", type_=BigInteger())
    statement = update(quotas).where(
        quotas.c.project_id == bindparam("in_project"), quotas.c.resource == bindparam("of")
    )
    if more:
        limit = func.coalesce(quotas.c.own, bindparam("usual", type_=BigInteger()))
        statement = statement.where(or_(limit == UNLIMITED, used <= limit))
    # Rows that a server of an older version has made were not counted.
    return statement.values(used=case((used < 0, 0), else_=used))


_MORE, _LESS = _counting(more=True), _counting(more=False)


class SqlQuotas:
    """The counters on an open connection; ``defaults``: limits by resource where a project has none of its own."""

    def __init__(self, connection: Connection, defaults: Mapping[str, int]) -> None:
        self._connection = connection
        self._defaults = defaults
        self._charged: dict[tuple[str, str], int] = {}

    def charge(self, project_id: str, resource: str, amount: int) -> None:
        key = (project_id, resource)
        self._charged[key] = self._charged.get(key, 0) + amount

    def settle(self) -> None:
        """Count what was charged: last of all, so that nobody waits long for these rows, nor for each other."""
        for (project_id, resource), amount in sorted(self._charged.items()):
            if amount and not self._counted(project_id, resource, amount):
                self._begin(project_id, resource)
                if not self._counted(project_id, resource, amount):
                    raise OverQuota(resource, self._limit(project_id, resource))
        self._charged.clear()

    def _counted(self, project_id: str, resource: str, amount: int) -> bool:
        values = {"in_project": project_id, "of": resource, "amount": amount}
        if amount > 0:
            return self._connection.execute(_MORE, {**values, "usual": self._default(resource)}).rowcount > 0
        return self._connection.execute(_LESS, values).rowcount > 0

    def _begin(self, project_id: str, resource: str) -> None:
        if self._row(project_id, resource) is not None:
            return
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(quotas), {"project_id": project_id, "resource": resource, "used": 0})
        except IntegrityError:
            return  # somebody else has just begun to count

    def _row(self, project_id: str, resource: str) -> Quota | None:
        return next((each for each in self._rows(project_id) if each.resource == resource), None)

    def _limit(self, project_id: str, resource: str) -> int:
        row = self._row(project_id, resource)
        return self._default(resource) if row is None else row.limit

    def _default(self, resource: str) -> int:
        return self._defaults.get(resource, UNLIMITED)

    def _rows(self, project_id: str) -> Sequence[Quota]:
        wanted = select(quotas.c.resource, quotas.c.used, quotas.c.own).where(quotas.c.project_id == project_id)
        return [
            Quota(row.resource, row.used, row.own, self._default(row.resource))
            for row in self._connection.execute(wanted)
        ]

    def of(self, project_id: str) -> Sequence[Quota]:
        known = {each.resource: each for each in self._rows(project_id)}
        return [known.get(each) or Quota(each, 0, None, self._default(each)) for each in RESOURCES]

    def limit(self, project_id: str, resource: str, own: int | None) -> None:
        self._begin(project_id, resource)
        self._connection.execute(update(quotas).where(_one(project_id, resource)).values(own=own))


def _one(project_id: str, resource: str) -> ColumnElement[bool]:
    return and_(quotas.c.project_id == project_id, quotas.c.resource == resource)
