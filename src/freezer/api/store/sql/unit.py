"""One transaction on the tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from freezer.api.scope import Scope
from freezer.api.store.changes import CHANGED, MADE, REMOVED, changes_of
from freezer.api.store.contract import (
    Change,
    Feed,
    Keep,
    Kind,
    NoSuchMarker,
    Page,
    Query,
    Record,
    Remembered,
    Terms,
)
from freezer.api.store.known import Known
from freezer.api.store.sql.audit import SqlAudit
from freezer.api.store.sql.enrolments import SqlEnrolments
from freezer.api.store.sql.feed import forget_changes, read_changes, read_feed, read_numbers, store_changes
from freezer.api.store.sql.finding import Found
from freezer.api.store.sql.later import write_later
from freezer.api.store.sql.leases import SqlLeases
from freezer.api.store.sql.many_rows import add_rows
from freezer.api.store.sql.node_keys import SqlNodeKeys
from freezer.api.store.sql.operations import SqlOperations
from freezer.api.store.sql.quotas import SqlQuotas
from freezer.api.store.sql.reading import LISTED, READ, record_of, seen
from freezer.api.store.sql.run_logs import SqlRunLogs
from freezer.api.store.sql.tables import TABLES, idempotency, installation
from freezer.api.store.sql.tables import terms as term_table
from freezer.api.store.sql.tables import words as word_table
from freezer.api.store.sql.tallies import SqlTallies
from freezer.api.store.sql.trusts import SqlTrusts
from freezer.api.store.terms import words_of

_BATCH = 500

# Making a statement takes as long as asking it, so those that are always the same are made once.
_INSERTS = {kind: insert(TABLES[kind]) for kind in Kind}
_UPDATES = {kind: update(TABLES[kind]).where(TABLES[kind].c.place == bindparam("of_place")) for kind in Kind}
_TERMS = (term_table.c.kind == bindparam("of_kind"), term_table.c.place == bindparam("of_place"))
_WORDS = (word_table.c.kind == bindparam("of_kind"), word_table.c.place == bindparam("of_place"))
_READ_TERMS = select(term_table.c.key, term_table.c.value).where(*_TERMS)
_READ_WORDS = select(word_table.c.word).where(*_WORDS)
_DELETE_TERMS = delete(term_table).where(*_TERMS)
_DELETE_WORDS = delete(word_table).where(*_WORDS)
_DELETE_TERM = _DELETE_TERMS.where(term_table.c.key == bindparam("gone"), term_table.c.value == bindparam("gone_value"))
_DELETE_SOME_WORDS = _DELETE_WORDS.where(word_table.c.word.in_(bindparam("gone", expanding=True)))


class SqlUnit:
    """A unit on an open connection; ``known``: what the server's configuration adds to it."""

    def __init__(self, connection: Connection, *, locking: bool, known: Known) -> None:
        self._connection = connection
        self._locking = locking
        self.operations = SqlOperations(connection)
        self.leases = SqlLeases(connection, partial(seen, TABLES[Kind.RUN], Kind.RUN))
        self.logs = SqlRunLogs(connection)
        self.quotas = SqlQuotas(connection, known.quotas)
        self.audit = SqlAudit(connection)
        self.node_keys = SqlNodeKeys(connection)
        self.enrolments = SqlEnrolments(connection)
        self.trusts = SqlTrusts(connection, known.ring, locking=locking)
        self.tallies = SqlTallies(connection)
        self._told: list[Change] = []

    def finish(self, now: int) -> None:
        """What is done last, before the commit; the very last is to number what was changed."""
        self.quotas.settle()
        if self._told:
            store_changes(self._connection, self._told, now)

    def get(self, kind: Kind, scope: Scope, id: str, *, lock: bool = False) -> Record | None:
        statement = _getting(kind, _shape(scope), lock=lock and self._locking)
        row = self._connection.execute(statement, {**_values(scope), "wanted": id}).first()
        return None if row is None else record_of(kind, row)

    def named(self, scope: Scope, name: str) -> Sequence[Record]:
        table = TABLES[Kind.CLIENT]
        statement = select(*READ[Kind.CLIENT]).where(table.c.name == name, *seen(table, Kind.CLIENT, scope))
        rows = self._connection.execute(statement.order_by(*_nearest(scope)))
        return [record_of(Kind.CLIENT, row) for row in rows]

    def composed(self, scope: Scope, hash: str) -> Sequence[Record]:
        table = TABLES[Kind.BACKUP]
        statement = select(*READ[Kind.BACKUP]).where(table.c.composed == hash, *seen(table, Kind.BACKUP, scope))
        return [record_of(Kind.BACKUP, row) for row in self._connection.execute(statement.order_by(table.c.place))]

    def in_location(self, project_id: str, location: str, prefix: str) -> Sequence[tuple[str, str, bool]]:
        table = TABLES[Kind.BACKUP]
        wanted = [table.c.project_id == project_id, table.c.location == location]
        if prefix:
            wanted += [table.c.composed >= prefix, table.c.composed < f"{prefix}g"]  # behind every hexadecimal digit
        rows = self._connection.execute(
            select(table.c.composed, table.c.id, table.c.counted)
            .where(*wanted)
            .order_by(table.c.composed, table.c.place)
        )
        return [(row.composed, row.id, row.counted > 0) for row in rows]

    def many(self, kind: Kind, scope: Scope, ids: Sequence[str]) -> Mapping[str, Record]:
        statement, values = _getting_many(kind, _shape(scope)), _values(scope)
        found: dict[str, Record] = {}
        for batch in _batches(list(dict.fromkeys(ids))):
            rows = self._connection.execute(statement, {**values, "wanted": batch})
            found.update((record.id, record) for record in (record_of(kind, row) for row in rows))
        return found

    def find(self, kind: Kind, scope: Scope, query: Query, keep: Keep | None = None) -> Page:
        if keep is None and query == Query(limit=query.limit, offset=query.offset, newest_first=query.newest_first):
            return self._plain(kind, scope, query)
        marker = None if query.marker is None else self.get(kind, scope, query.marker)
        if query.marker is not None and marker is None:
            raise NoSuchMarker(f"marker {query.marker} is not in this list")
        found = Found(self._connection, kind, scope, query, 0 if marker is None else marker.place)
        return found.page() if keep is None else found.sifted(keep)

    def _plain(self, kind: Kind, scope: Scope, query: Query) -> Page:
        """A page of all records."""
        values = {**_values(scope), "wanted": query.limit + 1, "passed": query.offset}
        statement = _listing(kind, _shape(scope), newest_first=query.newest_first)
        rows = self._connection.execute(statement, values).all()
        return Page([record_of(kind, row) for row in rows[: query.limit]], len(rows) > query.limit)

    def insert(self, record: Record, terms: Terms) -> None:
        row = {
            "id": record.id,
            "project_id": record.project_id,
            "user_id": record.user_id,
            "body": record.body,
            "links": record.links,
            "words": terms.words,
            "revision": record.revision,
            **record.own,
        }
        key = self._connection.execute(_INSERTS[record.kind], row).inserted_primary_key
        assert key is not None
        self._add_terms(record, key[0], terms.values)
        self._add_words(record, key[0], words_of(terms.words))
        self.quotas.charge(record.project_id, f"{record.kind.value}s", 1)
        self._told.extend(changes_of(record, MADE))

    def update(self, record: Record, terms: Terms | None) -> Record:
        revision = record.revision + 1
        values = {
            "of_place": record.place,
            "user_id": record.user_id,
            "body": record.body,
            "links": record.links,
            "revision": revision,
            **record.own,
        }
        if terms is not None:
            values["words"] = terms.words
        write_later(self._connection, _UPDATES[record.kind], values)
        if terms is not None:
            self._change_terms(record, terms.values)
            self._change_words(record, words_of(terms.words))
            self._told.extend(changes_of(record, CHANGED))
        return _with_revision(record, revision)

    def delete(self, record: Record) -> None:
        table = TABLES[record.kind]
        write_later(self._connection, delete(table).where(table.c.place == record.place))
        write_later(self._connection, _DELETE_TERMS, _of(record))
        write_later(self._connection, _DELETE_WORDS, _of(record))
        self.quotas.charge(record.project_id, f"{record.kind.value}s", -1)
        self._told.extend(changes_of(record, REMOVED))

    def changed(self, change: Change) -> None:
        self._told.append(change)

    def feed(self, project_id: str) -> Feed:
        return read_feed(self._connection, project_id)

    def numbers(self, project_ids: Collection[str]) -> Mapping[str, int]:
        return read_numbers(self._connection, project_ids)

    def changes(self, project_id: str, after: int, client: str | None, limit: int) -> Sequence[Change]:
        return read_changes(self._connection, project_id, after, client, limit)

    def forget_changes(self, before: int) -> int:
        return forget_changes(self._connection, before)

    def _add_terms(self, record: Record, place: int, values: Iterable[tuple[str, str]]) -> None:
        same = {"kind": record.kind.value, "project_id": record.project_id, "place": place}
        add_rows(self._connection, term_table, same, ("key", "value"), sorted(values))

    def _change_terms(self, record: Record, values: frozenset[tuple[str, str]]) -> None:
        found = self._connection.execute(_READ_TERMS, _of(record))
        before = {(row.key, row.value) for row in found}
        gone = [{**_of(record), "gone": key, "gone_value": value} for key, value in before - values]
        if gone:
            write_later(self._connection, _DELETE_TERM, gone)
        self._add_terms(record, record.place, values - before)

    def _add_words(self, record: Record, place: int, found: Iterable[str]) -> None:
        same = {"kind": record.kind.value, "project_id": record.project_id, "place": place}
        add_rows(self._connection, word_table, same, ("word",), [(word,) for word in sorted(found)])

    def _change_words(self, record: Record, found: frozenset[str]) -> None:
        before = set(self._connection.execute(_READ_WORDS, _of(record)).scalars())
        gone = before - found
        if gone:
            write_later(self._connection, _DELETE_SOME_WORDS, {**_of(record), "gone": sorted(gone)})
        self._add_words(record, record.place, found - before)

    def incarnation(self) -> int:
        return int(self._connection.execute(select(installation.c.incarnation)).scalar_one())

    def remembered(self, identity: str, route: str, key: str) -> Remembered | None:
        table = idempotency
        wanted = and_(table.c.identity == identity, table.c.route == route, table.c.key == key)
        statement = select(table.c.request_hash, table.c.status, table.c.body).where(wanted)
        row = self._connection.execute(statement).first()
        return None if row is None else Remembered(row.request_hash, row.status, row.body)

    def forget_answers(self, before: int) -> int:
        return self._connection.execute(delete(idempotency).where(idempotency.c.created_at < before)).rowcount

    def remember(self, identity: str, route: str, key: str, answer: Remembered, now: int) -> None:
        row = {
            "identity": identity,
            "route": route,
            "key": key,
            "request_hash": answer.request_hash,
            "status": answer.status,
            "body": answer.body,
            "created_at": now,
        }
        write_later(self._connection, insert(idempotency), row)


Shape = tuple[bool, bool, bool, bool]
"""Which parts a scope has: project, user, central clients, client."""


def _shape(scope: Scope) -> Shape:
    return scope.project_id is not None, scope.user_id is not None, scope.central, scope.client is not None


def _values(scope: Scope) -> dict[str, Any]:
    """The parts of ``scope``, for a statement made for its shape."""
    return {"in_project": scope.project_id, "of_user": scope.user_id, "of_client": scope.client}


def _formed(shape: Shape) -> Scope:
    """A scope of that shape with names in the place of values."""
    project, user, central, client = shape
    named: list[Any] = [
        bindparam(name, type_=String()) if there else None
        for name, there in (("in_project", project), ("of_user", user), ("of_client", client))
    ]
    return Scope(named[0], named[1], central, named[2])


@cache
def _getting(kind: Kind, shape: Shape, *, lock: bool) -> Select[Any]:
    table, scope = TABLES[kind], _formed(shape)
    wanted = table.c.name if kind is Kind.CLIENT else table.c.id
    statement = select(*READ[kind]).where(wanted == bindparam("wanted"), *seen(table, kind, scope))
    if kind is Kind.CLIENT:
        statement = statement.order_by(*_nearest(scope)).limit(1)
    return statement.with_for_update() if lock else statement


@cache
def _getting_many(kind: Kind, shape: Shape) -> Select[Any]:
    table = TABLES[kind]
    wanted = table.c.id.in_(bindparam("wanted", expanding=True))
    return select(*READ[kind]).where(wanted, *seen(table, kind, _formed(shape)))


@cache
def _listing(kind: Kind, shape: Shape, *, newest_first: bool) -> Select[Any]:
    table = TABLES[kind]
    statement = select(*LISTED[kind]).where(*seen(table, kind, _formed(shape)))
    statement = statement.order_by(table.c.place.desc() if newest_first else table.c.place)
    return statement.offset(bindparam("passed", type_=BigInteger())).limit(bindparam("wanted", type_=Integer()))


def _nearest(scope: Scope) -> tuple[ColumnElement[Any], ...]:
    """Of several clients of one name: the project's own before central ones, registered by v2 before v1, then age."""
    table = TABLES[Kind.CLIENT]
    return (table.c.project_id != scope.project_id, table.c.space != "", table.c.place)


def _of(record: Record) -> dict[str, Any]:
    """The place of a record, for statements about its terms and words."""
    return {"of_kind": record.kind.value, "of_place": record.place}


def _with_revision(record: Record, revision: int) -> Record:
    from msgspec.structs import replace

    return replace(record, revision=revision)


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
