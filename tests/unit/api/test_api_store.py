"""The stores: every promise, on every database, and on OpenSearch."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, inspect

from freezer.api.scope import Scope
from freezer.api.server import Tables
from freezer.api.store.contract import Exists, Kind, Query, Record, Remembered, Store, Terms, Unavailable, Unit
from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.migrate import HEAD, VERSION_TABLE, downgrade, upgrade, version
from freezer.api.store.sql.store import SqlStore
from freezer.api.store.sql.tables import metadata
from freezer.api.store.terms import term, terms_of
from freezer.clock import SystemClock
from freezer.errors import FreezerError, UsageError
from servers.session import database
from support.api import DATABASES, STORES, empty_database, fresh_database, opened

_NONE = Terms(frozenset(), "")


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(empty_database(tmp_path, request.param))
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sql(engine: Engine) -> SqlStore:
    return SqlStore(engine, SystemClock())


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tables]:
    url = fresh_database(tmp_path, request.param)
    store = opened(url)
    yield store
    store.close()


def _record(project: str = "p", id: str = "", kind: Kind = Kind.SESSION, body: str = "{}") -> Record:
    return Record(kind=kind, id=id or uuid.uuid4().hex, project_id=project, user_id="u", body=body)


def test_the_migrations_make_the_tables_that_the_program_works_with(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert version(connection) == HEAD


def test_migrations_go_up_and_down_with_data_in_the_tables(engine: Engine, sql: SqlStore) -> None:
    sql.write(lambda unit: unit.insert(_record(), Terms(frozenset({("k", "v")}), "w")))
    downgrade(engine, "base")
    assert inspect(engine).get_table_names() in ([], [VERSION_TABLE])
    with pytest.raises(FreezerError, match="schema none"):
        sql.check()
    upgrade(engine)
    upgrade(engine)
    sql.check()


def test_a_unit_that_raises_has_done_nothing(store: Store) -> None:
    record = _record()

    def work(unit: Unit) -> None:
        unit.insert(record, _NONE)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(work)
    assert store.read(lambda unit: unit.get(Kind.SESSION, Scope("p"), record.id)) is None


def test_an_id_is_unique_over_all_projects(store: Store) -> None:
    store.write(lambda unit: unit.insert(_record("p", "same"), _NONE))
    with pytest.raises(Exists):
        store.write(lambda unit: unit.insert(_record("q", "same"), _NONE))


def test_texts_are_compared_byte_for_byte(store: Store) -> None:
    def work(unit: Unit) -> None:
        for id in ("a", "A", "a ", "ä", "❄"):
            unit.insert(_record("p", id), _NONE)

    store.write(work)
    assert store.read(lambda unit: unit.get(Kind.SESSION, Scope("P"), "a")) is None
    found = store.read(lambda unit: unit.get(Kind.SESSION, Scope("p"), "❄"))
    assert found is not None
    assert found.id == "❄"


def test_every_change_counts_a_revision_and_terms_follow(store: Store) -> None:
    record = _record()
    before = terms_of(Kind.SESSION, {"status": "running", "session_tag": 1})
    after = terms_of(Kind.SESSION, {"status": "completed", "session_tag": 1})
    store.write(lambda unit: unit.insert(record, before))

    def change(unit: Unit) -> int:
        known = unit.get(Kind.SESSION, Scope("p"), record.id, lock=True)
        assert known is not None
        return unit.update(known, after).revision

    assert store.write(change) == 2

    def hits(status: str) -> int:
        query = Query(terms=(term("status", status), term("session_tag", 1)))
        return len(store.read(lambda unit: unit.find(Kind.SESSION, Scope("p"), query)).records)

    assert (hits("running"), hits("completed")) == (0, 1)


def test_nothing_is_found_of_what_was_removed(store: Store) -> None:
    record = _record()
    store.write(lambda unit: unit.insert(record, terms_of(Kind.SESSION, {"status": "x"})))

    def remove(unit: Unit) -> None:
        known = unit.get(Kind.SESSION, Scope("p"), record.id, lock=True)
        assert known is not None
        unit.delete(known)

    store.write(remove)
    query = Query(terms=(term("status", "x"),), total=True)
    assert store.read(lambda unit: unit.find(Kind.SESSION, Scope("p"), query)).total == 0


def test_an_answer_is_kept_once_under_its_key(store: Store) -> None:
    store.write(lambda unit: unit.remember("i", "r", "k", Remembered("h", 201, "{}"), 5))
    assert store.read(lambda unit: unit.remembered("i", "r", "k")) == Remembered("h", 201, "{}")
    assert store.read(lambda unit: unit.remembered("i", "r", "K")) is None
    with pytest.raises(Exists):
        store.write(lambda unit: unit.remember("i", "r", "k", Remembered("other", 201, "{}"), 6))


def test_no_change_of_many_writers_at_once_is_lost(store: Store) -> None:
    record = _record(body='{"n":0}')
    store.write(lambda unit: unit.insert(record, _NONE))
    writers, rounds = 8, 15

    def count(unit: Unit) -> None:
        from msgspec.structs import replace

        known = unit.get(Kind.SESSION, Scope("p"), record.id, lock=True)
        assert known is not None
        number = int(known.body[5:-1]) + 1
        unit.update(replace(known, body=f'{{"n":{number}}}'), None)

    def write() -> None:
        for _ in range(rounds):
            store.write(count)

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.read(lambda unit: unit.get(Kind.SESSION, Scope("p"), record.id))
    assert found is not None
    assert found.body == f'{{"n":{writers * rounds}}}'
    assert found.revision == writers * rounds + 1


def test_a_database_that_cannot_be_reached_is_told_in_one_line(tmp_path: Path) -> None:
    store = SqlStore(open_engine(f"sqlite:///{tmp_path}/no/such/directory/api.db"), SystemClock())
    with pytest.raises(Unavailable, match="cannot be reached"):
        store.check()


@pytest.mark.parametrize("url", ["", "nonsense", "oracle://x", "sqlite+nothing:///x"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"\[database\] connection"):
        open_engine(url)


def test_texts_of_all_alphabets_are_found_again(store: Store) -> None:
    texts = ["Ärger", "日本", "😀smile", 'quote"\\back', "50%"]
    for number, text in enumerate(texts):
        record, terms = _record(id=f"s{number}"), terms_of(Kind.SESSION, {"description": text})
        store.write(lambda unit, record=record, terms=terms: unit.insert(record, terms))
    for number, text in enumerate(texts):
        query = Query(terms=(term("description", text),), words=(text.lower(),))
        page = store.read(lambda unit, query=query: unit.find(Kind.SESSION, Scope("p"), query))
        assert [each.id for each in page.records] == [f"s{number}"], text


def test_one_of_many_rows_that_is_there_twice_is_refused_and_nothing_stays(store: Store) -> None:
    record = _record(id="twice")
    store.write(lambda unit: unit.insert(record, terms_of(Kind.SESSION, {"description": "one"})))
    with pytest.raises(Exists):
        store.write(lambda unit: unit.insert(record, terms_of(Kind.SESSION, {"description": "two"})))
    found = store.read(lambda unit: unit.find(Kind.SESSION, Scope("p"), Query(terms=(term("description", "two"),))))
    assert found.records == []


def _cut(engine: Engine) -> None:
    """End the connections to this database, and to no other that tests use at the same time."""
    name = engine.url.database
    if engine.dialect.name == "postgresql":
        database("postgresql").ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        return
    server = database("mariadb")
    for (id,) in server.ask(f"SELECT id FROM information_schema.processlist WHERE db = '{name}'"):
        server.order(f"KILL CONNECTION {id}")


def test_connections_that_have_died_meanwhile_are_not_noticed(engine: Engine, sql: SqlStore) -> None:
    if engine.dialect.name == "sqlite":
        return  # a file has no connections that die
    for number in range(3):
        sql.write(lambda unit, number=number: unit.insert(_record(id=f"there{number}"), _NONE))
        assert sql.read(lambda unit, number=number: unit.get(Kind.SESSION, Scope("p"), f"there{number}")) is not None
        _cut(engine)
        if number == 1:
            sql.check()


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_page_behind_a_marker_is_looked_for_from_there_on(engine: Engine, newest_first: bool) -> None:
    """MariaDB, left to itself, goes through a large project from its beginning (measured with a million backups)."""
    said: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: said.append(statement))
    sql = SqlStore(engine, SystemClock())
    for number in range(5):
        made = _record(id=f"{number}")
        sql.write(lambda unit, made=made: unit.insert(made, _NONE))
    query = Query(limit=2, marker="2", newest_first=newest_first)
    page = sql.write(lambda unit: unit.find(Kind.SESSION, Scope("p"), query))
    assert [each.id for each in page.records] == (["1", "0"] if newest_first else ["3", "4"])
    hinted = any("FORCE INDEX (session_project)" in each for each in said)
    assert hinted == (engine.dialect.name in ("mysql", "mariadb")), said[-1]
