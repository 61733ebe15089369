"""Lists and searches, as statements whose cost does not grow with the number of records.

Which way is taken is decided here and not left to what a database guesses. A search goes along the *driver*: the index
of its rarest term, which is in order of place, or the few backups of a short time; everything else is looked up row by
row. Without either the way leads along the records of the project. Only the places of a page are found like this; its
rows are read by their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, exists, func, literal, select

from freezer.api.scope import Scope
from freezer.api.store.contract import Keep, Kind, Page, Query, Record
from freezer.api.store.sifting import BATCH, MOST_READ, kept, page_of, too_many
from freezer.api.store.sql.reading import LISTED, record_of, seen
from freezer.api.store.sql.tables import TABLES
from freezer.api.store.sql.tables import terms as term_table
from freezer.api.store.sql.tables import words as word_table
from freezer.api.store.terms import words_of

_FEW = 1000
_LAST_CHARACTER = "\U0010ffff"
Term = tuple[str, str]


class Found:
    """What a query finds, behind the record at ``place`` (0: from the beginning)."""

    def __init__(self, connection: Connection, kind: Kind, scope: Scope, query: Query, place: int) -> None:
        self._connection = connection
        self._kind = kind
        self._scope = scope
        self._query = query
        self._table = TABLES[kind]
        # Central clients are of several projects.
        self._one_project = scope.project_id is not None and not (kind is Kind.CLIENT and scope.central)
        self._all, self._place = self._places()
        self._rest = self._all if place == 0 else self._behind(place)

    def page(self) -> Page:
        """The part of the list that is wanted."""
        query = self._query
        records = self._records(
            self._ordered(self._rest).offset(literal(query.offset, BigInteger())).limit(query.limit + 1)
        )
        total = self._count(self._all) if query.total else None
        return Page(records[: query.limit], len(records) > query.limit, total)

    def sifted(self, keep: Keep) -> Page:
        """The same of the records that ``keep`` keeps; TooMany if it would be asked about too many."""
        if self._count(self._all.limit(MOST_READ + 1)) > MOST_READ:
            raise too_many(self._kind)
        return page_of(kept(self._in_batches(), keep), self._query)

    def _in_batches(self) -> Iterator[Sequence[Record]]:
        """The records, of which only one batch is in memory."""
        wanted = self._rest
        while True:
            batch = self._records(self._ordered(wanted).limit(BATCH))
            if batch:
                yield batch
            if len(batch) < BATCH:
                return
            wanted = self._behind(batch[-1].place)

    def _ordered(self, places: Select[Any]) -> Select[Any]:
        return places.order_by(self._place.desc() if self._query.newest_first else self._place)

    def _behind(self, place: int) -> Select[Any]:
        """What is found behind a record."""
        rest = self._all.where(self._place < place if self._query.newest_first else self._place > place)
        if self._place is not self._table.c.place or not self._one_project or self._query.words or self._timed:
            return rest
        # MySQL and MariaDB would rather go through the whole project, or through everybody's records, than begin there.
        begin = f"FORCE INDEX ({self._table.name}_project)"
        return rest.with_hint(self._table, begin, "mysql").with_hint(self._table, begin, "mariadb")

    def _records(self, places: Select[Any]) -> list[Record]:
        found, table = places.subquery(), self._table
        rows = select(*LISTED[self._kind]).join_from(table, found, found.c.place == table.c.place)
        order = table.c.place.desc() if self._query.newest_first else table.c.place
        return [record_of(self._kind, row) for row in self._connection.execute(rows.order_by(order))]

    def _count(self, places: Select[Any]) -> int:
        return int(self._connection.execute(select(func.count()).select_from(places.subquery())).scalar_one())

    def _places(self) -> tuple[Select[Any], ColumnElement[Any]]:
        """The places of everything that is found, and their column."""
        table, query = self._table, self._query
        visible, asked = list(seen(table, self._kind, self._scope)), list(self._own_conditions())
        driver = self._driver()
        if driver is None:
            others = (self._has(each, table.c.place) for each in query.terms)
            without = (~self._has(each, table.c.place) for each in query.terms_not)
            return select(table.c.place).where(*visible, *asked, *others, *without), table.c.place
        along = term_table.alias("along")
        place: ColumnElement[Any] = along.c.place
        conditions = [along.c.kind == self._kind.value, along.c.key == driver[0], along.c.value == driver[1]]
        if self._one_project:
            conditions.append(along.c.project_id == self._scope.project_id)
        if asked or not self._whole_project:
            conditions.append(exists().where(table.c.place == place, *visible, *asked))
        conditions += [self._has(each, place) for each in query.terms if each != driver]
        conditions += [~self._has(each, place) for each in query.terms_not]
        return select(place).where(*conditions), place

    def _driver(self) -> Term | None:
        """The term to go along: the rarest, if there is one that is worth it."""
        terms = self._query.terms
        if not terms or (self._one_project and len(terms) == 1 and not self._timed):
            return terms[0] if terms else None
        counts = {each: self._count(self._with_term(each).limit(_FEW + 1)) for each in terms}
        rarest = min(counts, key=lambda each: counts[each])
        if counts[rarest] <= _FEW:
            return rarest
        if not self._one_project or self._short_time():
            return None
        return rarest

    @property
    def _whole_project(self) -> bool:
        """Whether everything in one project is seen, so that its terms say enough."""
        return self._one_project and self._scope.user_id is None and self._scope.client is None

    @property
    def _timed(self) -> bool:
        return self._query.after is not None or self._query.before is not None

    def _short_time(self) -> bool:
        """Whether few backups were made in the time that is asked for."""
        if not self._timed:
            return False
        table = self._table
        made = select(table.c.place).where(table.c.project_id == self._scope.project_id, *self._times())
        return self._count(made.limit(_FEW + 1)) <= _FEW

    def _with_term(self, one: Term) -> Select[Any]:
        key, value = one
        wanted = select(term_table.c.place).where(
            term_table.c.kind == self._kind.value, term_table.c.key == key, term_table.c.value == value
        )
        return wanted.where(term_table.c.project_id == self._scope.project_id) if self._one_project else wanted

    def _has(self, one: Term, place: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether the record at ``place`` has a term."""
        key, value = one
        other = term_table.alias()
        same = [other.c.kind == self._kind.value, other.c.key == key, other.c.value == value, other.c.place == place]
        if self._one_project:
            same.append(other.c.project_id == self._scope.project_id)
        return exists().where(and_(*same))

    def _own_conditions(self) -> Iterator[ColumnElement[bool]]:
        """What is asked of the record itself."""
        for text in self._query.words:
            yield self._holds(text.lower())
        yield from self._times()

    def _times(self) -> Iterator[ColumnElement[bool]]:
        if self._query.after is not None:
            yield self._table.c.stamp >= self._query.after
        if self._query.before is not None:
            yield self._table.c.stamp <= self._query.before

    def _holds(self, text: str) -> ColumnElement[bool]:
        """Whether ``text`` stands in a record, as it is written, from the beginning of a word."""
        return and_(
            *(self._table.c.place.in_(self._worded(word)) for word in words_of(text)),
            self._table.c.words.contains(text, autoescape=True),
        )

    def _worded(self, beginning: str) -> Select[Any]:
        wanted = select(word_table.c.place).where(
            word_table.c.kind == self._kind.value,
            word_table.c.word >= beginning,
            word_table.c.word < beginning + _LAST_CHARACTER,
        )
        return wanted.where(word_table.c.project_id == self._scope.project_id) if self._one_project else wanted
