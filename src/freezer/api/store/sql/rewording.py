"""By which words records are found, once servers have worked that do not know about words.

Everything is compared, because they also change and remove records to which words belong.
"""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, Engine, delete, exists, insert, select

from freezer.api.store.contract import Kind
from freezer.api.store.sql.engine import WRITING
from freezer.api.store.sql.tables import TABLES, words
from freezer.api.store.terms import words_of

_AT_ONCE = 500


def correct_words(engine: Engine, kind: Kind) -> None:
    """Let every record of ``kind`` be found by its words and no others."""
    with engine.execution_options(**{WRITING: True}).begin() as connection:
        known = exists().where(TABLES[kind].c.place == words.c.place)
        connection.execute(delete(words).where(words.c.kind == kind.value, ~known))
    after: int | None = 0
    while after is not None:
        with engine.execution_options(**{WRITING: True}).begin() as connection:
            after = _next(connection, kind, after)


def _next(connection: Connection, kind: Kind, after: int) -> int | None:
    """Correct some records behind the place ``after``; the place of the last, None if there are no more."""
    table = TABLES[kind]
    wanted = select(table.c.place, table.c.project_id, table.c.words).where(table.c.place > after)
    found = connection.execute(wanted.order_by(table.c.place).limit(_AT_ONCE).with_for_update()).all()
    if not found:
        return None
    between = words.c.place.between(found[0].place, found[-1].place)
    known: dict[int, set[str]] = defaultdict(set)
    there = select(words.c.place, words.c.word).where(words.c.kind == kind.value, between)
    for place, word in connection.execute(there):
        known[place].add(word)
    added: list[dict[str, object]] = []
    for row in found:
        right = words_of(row.words)
        gone = known[row.place] - right
        if gone:
            mine = (words.c.kind == kind.value, words.c.place == row.place)
            connection.execute(delete(words).where(*mine, words.c.word.in_(gone)))
        one = {"kind": kind.value, "project_id": row.project_id, "place": row.place}
        added.extend({**one, "word": word} for word in right - known[row.place])
    if added:
        connection.execute(insert(words), added)
    return int(found[-1].place) if len(found) == _AT_ONCE else None
