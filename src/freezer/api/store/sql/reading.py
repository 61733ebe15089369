"""Rows as records, and who may see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, or_

from freezer.api.scope import Scope
from freezer.api.store.contract import Kind, Record
from freezer.api.store.sql.tables import TABLES

_OWN: Mapping[Kind, tuple[str, ...]] = {
    Kind.CLIENT: ("name", "space", "central"),
    Kind.ACTION: (),
    Kind.JOB: ("client",),
    Kind.SESSION: (),
    Kind.BACKUP: ("stamp", "composed", "client", "belongs", "location", "counted"),
    Kind.RUN: (
        "job_id",
        "client",
        "state",
        "due",
        "ended",
        "incarnation",
        "fence",
        "holder",
        "expires",
        "sequence",
        "log_bytes",
    ),
}
_COLUMNS = ("place", "id", "project_id", "user_id", "body", "links", "revision")
READ: Mapping[Kind, tuple[Any, ...]] = {
    kind: tuple(TABLES[kind].c[name] for name in (*_COLUMNS, *_OWN[kind])) for kind in Kind
}
"""The columns that a record of each kind is made of."""

LISTED: Mapping[Kind, tuple[Any, ...]] = {**READ, Kind.BACKUP: READ[Kind.BACKUP][: len(_COLUMNS)]}
"""Those of records in a page: decoding rows is most of what a long list costs."""


def seen(table: Table, kind: Kind, scope: Scope) -> Iterator[ColumnElement[bool]]:
    """What makes a row visible in ``scope``: no statement is without it."""
    if scope.client is not None and "client" in table.c:
        yield table.c.client == scope.client
    if scope.client is not None and kind is Kind.CLIENT:
        yield table.c.id == scope.client
    if scope.project_id is None:
        return
    mine: ColumnElement[bool] = table.c.project_id == scope.project_id
    if scope.user_id is not None:
        mine = and_(mine, table.c.user_id == scope.user_id)
    if scope.central and kind is Kind.CLIENT:
        mine = or_(mine, table.c.central.is_(True))
    yield mine


def record_of(kind: Kind, row: Row[Any]) -> Record:
    """The record in a row of ``READ`` or ``LISTED``."""
    place, id, project_id, user_id, body, links, revision, *own = tuple[Any, ...](row)
    return Record(
        kind=kind,
        id=id,
        project_id=project_id,
        user_id=user_id,
        body=body,
        links=links,
        own=dict(zip(_OWN[kind], own, strict=True)) if own else {},
        revision=revision,
        place=place,
    )
