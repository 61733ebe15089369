"""Many small rows in one statement.

MySQL and MariaDB are given them as one JSON text, since their driver is Python: it takes as long to write a dozen short
texts into a statement as to do all the rest of it. The others get them as usual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import msgspec
from sqlalchemy import Connection, Table, insert

from freezer.api.store.sql.later import write_later, write_text_later

_JSON_TABLE_SINCE = {True: (10, 6), False: (8, 0, 4)}
"""The version of MariaDB, and of MySQL, that can take JSON apart."""


Texts = Sequence[str]


def add_rows(
    connection: Connection, table: Table, same: Mapping[str, object], names: Texts, rows: Sequence[Texts]
) -> None:
    """Insert ``rows``, which are texts by ``names``, each with the columns in ``same`` as well."""
    if not rows:
        return
    if _takes_json(connection):
        values = (*same.values(), msgspec.json.encode(rows).decode())
        write_text_later(connection, _statement(table, tuple(same), tuple(names)), values)
    else:
        write_later(connection, insert(table), [{**same, **dict(zip(names, row, strict=True))} for row in rows])


def _takes_json(connection: Connection) -> bool:
    dialect = connection.dialect
    if dialect.name not in {"mysql", "mariadb"} or dialect.server_version_info is None:
        return False
    return tuple(dialect.server_version_info) >= _JSON_TABLE_SINCE[bool(getattr(dialect, "is_mariadb", False))]


@cache
def _statement(table: Table, same: tuple[str, ...], names: tuple[str, ...]) -> str:
    columns = ", ".join(f"`{name}`" for name in (*same, *names))
    parts = ", ".join(
        f"c{place} VARCHAR({getattr(table.c[name].type, 'length', None)}) CHARACTER SET utf8mb4 PATH '$[{place}]'"
        for place, name in enumerate(names)
    )
    chosen = ", ".join([*("%s" for _ in same), *(f"j.c{place}" for place in range(len(names)))])
    return f"INSERT INTO `{table.name}` ({columns}) SELECT {chosen} FROM JSON_TABLE(%s, '$[*]' COLUMNS ({parts})) AS j"  # noqa: S608
