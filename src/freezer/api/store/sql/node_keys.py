"""The rows of the keys of nodes."""

from __future__ import annotations

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select

from freezer.api.store.node_keys import NodeKey
from freezer.api.store.sql.tables import node_keys

_COLUMNS = tuple(node_keys.c[name] for name in NodeKey.__struct_fields__)


class SqlNodeKeys:
    """The rows on an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, id: str) -> NodeKey | None:
        return self._one(node_keys.c.id == id)

    def of(self, client: str) -> NodeKey | None:
        return self._one(node_keys.c.client == client)

    def bound(self, clients: frozenset[str]) -> frozenset[str]:
        wanted = select(node_keys.c.client).where(node_keys.c.client.in_(sorted(clients)))
        return frozenset(self._connection.execute(wanted).scalars())

    def put(self, key: NodeKey) -> None:
        self.drop(key.client)
        self._connection.execute(insert(node_keys), msgspec.structs.asdict(key))

    def drop(self, client: str) -> bool:
        return self._connection.execute(delete(node_keys).where(node_keys.c.client == client)).rowcount > 0

    def _one(self, condition: ColumnElement[bool]) -> NodeKey | None:
        row = self._connection.execute(select(*_COLUMNS).where(condition)).first()
        return None if row is None else NodeKey(**row._asdict())
