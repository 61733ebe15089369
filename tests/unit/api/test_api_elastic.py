"""What is particular to the store on a search server: on a real OpenSearch."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from freezer.api.config import ApiSettings
from freezer.api.scope import Scope
from freezer.api.server import make_application
from freezer.api.store.contract import Change, Kind, Query, Record, Terms, Unavailable, Unit
from freezer.api.store.elastic.index import check, prepare
from freezer.api.store.elastic.place import Place, address, is_place, place_of
from freezer.api.store.elastic.store import ElasticStore
from freezer.api.store.elastic.wire import NotPrepared, Wire
from freezer.api.store.terms import terms_of
from freezer.clock import SystemClock
from freezer.cmd.manage.program import main, main_db_init
from freezer.errors import UsageError
from freezer.http import Answer
from freezer.testing.clock import FakeClock
from support.api import Person, empty_database, fresh_database
from support.wsgi import InProcess

_NONE = Terms(frozenset(), "")


class _Cut(Wire):
    """A wire over which the documents of a commit cannot be sent: its author dies when the commit is done."""

    def send(
        self, method: str, path: str, body: bytes | None, kind: str, expected: frozenset[int] = frozenset()
    ) -> Answer:
        if path.endswith("/_bulk"):
            raise Unavailable("cut")
        return super().send(method, path, body, kind, expected)


class _Late(Wire):
    """A wire that keeps what it has sent, to send it once more when everything has gone on."""

    def __init__(self, place: Place) -> None:
        super().__init__(place, SystemClock())
        self.kept: list[tuple[str, str, bytes | None, str]] = []

    def send(
        self, method: str, path: str, body: bytes | None, kind: str, expected: frozenset[int] = frozenset()
    ) -> Answer:
        if path.endswith("/_bulk"):
            self.kept.append((method, path, body, kind))
        return super().send(method, path, body, kind, expected)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return place_of(fresh_database(tmp_path, "opensearch"))


@pytest.fixture
def store(place: Place) -> Iterator[ElasticStore]:
    store = _store(Wire(place, SystemClock()))
    yield store
    store.close()


def _store(wire: Wire) -> ElasticStore:
    return ElasticStore(wire, SystemClock())


def _record(id: str = "", body: str = "{}") -> Record:
    return Record(kind=Kind.SESSION, id=id or uuid.uuid4().hex, project_id="p", user_id="u", body=body)


def _session(unit: Unit, id: str) -> Record | None:
    return unit.get(Kind.SESSION, Scope("p"), id, lock=True)


def test_what_a_dead_server_has_committed_is_finished_by_the_next_one(place: Place, store: ElasticStore) -> None:
    dead = _store(_Cut(place, SystemClock()))

    def work(unit: Unit) -> None:
        unit.insert(_record("one"), terms_of(Kind.SESSION, {"description": "first"}))
        unit.insert(_record("two"), terms_of(Kind.SESSION, {"description": "second"}))

    dead.write(work)  # acknowledged
    with pytest.raises(Unavailable):
        dead.read(lambda unit: unit.incarnation())
    assert [
        each.id for each in store.read(lambda unit: unit.find(Kind.SESSION, Scope("p"), Query(words=("se",)))).records
    ] == ["two"]
    assert store.read(lambda unit: unit.feed("p")).last == 2
    store.write(lambda unit: unit.insert(_record("three"), _NONE))
    assert store.read(lambda unit: [each.id for each in unit.changes("p", 0, None, 9)]) == ["one", "two", "three"]


def test_an_index_that_was_made_anew_below_a_server_loses_nothing_of_what_comes_then(
    place: Place, store: ElasticStore
) -> None:
    for name in ("a", "b", "c"):
        store.write(lambda unit, name=name: unit.insert(_record(name), _NONE))  # type: ignore[misc]
    wire = Wire(place, SystemClock())
    wire.send("DELETE", f"/{place.index}", None, "application/json")
    prepare(wire)
    for name in ("one", "two"):
        store.write(lambda unit, name=name: unit.insert(_record(name), _NONE))  # type: ignore[misc]
    found = _store(wire).read(lambda unit: unit.find(Kind.SESSION, Scope("p"), Query()))
    assert sorted(each.id for each in found.records) == ["one", "two"]


def test_who_writes_late_what_was_committed_long_ago_changes_nothing(place: Place, store: ElasticStore) -> None:
    wire = _Late(place)
    late = _store(wire)
    late.write(lambda unit: unit.insert(_record("changed", '{"n":1}'), _NONE))
    late.write(lambda unit: unit.insert(_record("removed"), _NONE))

    def go_on(unit: Unit) -> None:
        changed, removed = _session(unit, "changed"), _session(unit, "removed")
        assert changed is not None
        assert removed is not None
        unit.update(Record(**{**_fields(changed), "body": '{"n":2}'}), None)
        unit.delete(removed)

    store.write(go_on)
    for each in list(wire.kept):
        wire.send(*each)
    found = store.read(lambda unit: unit.find(Kind.SESSION, Scope("p"), Query(total=True)))
    assert [(each.id, each.body) for each in found.records] == [("changed", '{"n":2}')]
    assert store.read(lambda unit: _session(unit, "removed")) is None


def _fields(record: Record) -> dict[str, object]:
    return {name: getattr(record, name) for name in Record.__struct_fields__}


def test_a_unit_is_done_again_when_what_it_has_read_with_a_lock_was_changed(place: Place, store: ElasticStore) -> None:
    store.write(lambda unit: unit.insert(_record("read", "1"), _NONE))
    store.write(lambda unit: unit.insert(_record("written", "0"), _NONE))
    other, tries = _store(Wire(place, SystemClock())), []

    def add(unit: Unit) -> None:
        read, written = _session(unit, "read"), unit.get(Kind.SESSION, Scope("p"), "written")
        assert read is not None
        assert written is not None
        tries.append(read.body)
        if len(tries) == 1:
            other.write(lambda unit: _rewrite(unit, "read", "5"))
        unit.update(Record(**{**_fields(written), "body": read.body}), None)

    store.write(add)
    found = store.read(lambda unit: _session(unit, "written"))
    assert found is not None
    assert (tries, found.body) == (["1", "5"], "5")


def test_what_others_do_elsewhere_does_not_begin_a_unit_anew(place: Place, store: ElasticStore) -> None:
    other, tries = _store(Wire(place, SystemClock())), []

    def insert(unit: Unit) -> None:
        tries.append(1)
        other.write(lambda unit: unit.insert(_record(), _NONE))
        unit.insert(_record(), _NONE)

    store.write(insert)
    assert len(tries) == 1
    assert {each.resource: each.used for each in store.read(lambda unit: unit.quotas.of("p"))}["sessions"] == 2


def _describe(name: str, unit: Unit) -> None:
    unit.insert(_record(name), terms_of(Kind.SESSION, {"description": "word"}))


def _rewrite(unit: Unit, id: str, body: str) -> None:
    known = _session(unit, id)
    assert known is not None
    unit.update(Record(**{**_fields(known), "body": body}), None)


def test_changes_of_several_servers_are_numbered_without_gap(place: Place) -> None:
    stores = [_store(Wire(place, SystemClock())) for _ in range(3)]

    def write(store: ElasticStore) -> None:
        for number in range(6):
            change = Change(project_id="p", kind="session", id=str(number), deed="changed", client="")
            store.write(lambda unit, change=change: unit.changed(change))  # type: ignore[misc]

    threads = [threading.Thread(target=write, args=(each,)) for each in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = stores[0].read(lambda unit: unit.changes("p", 0, None, 100))
    assert [each.number for each in found] == list(range(1, 19))


def test_a_unit_finds_what_it_has_done_itself(store: ElasticStore) -> None:
    for name in ("a", "b", "c"):
        store.write(partial(_describe, name))

    def work(unit: Unit) -> tuple[list[str], int | None, list[str]]:
        gone = _session(unit, "b")
        assert gone is not None
        unit.delete(gone)
        unit.insert(_record("d"), terms_of(Kind.SESSION, {"description": "words"}))
        query = Query(words=("word",), limit=2, total=True)
        first = unit.find(Kind.SESSION, Scope("p"), query)
        back = unit.find(Kind.SESSION, Scope("p"), Query(newest_first=True, limit=2))
        return [each.id for each in first.records], first.total, [each.id for each in back.records]

    assert store.write(work) == (["a", "c"], 3, ["d", "c"])
    after = store.read(lambda unit: unit.find(Kind.SESSION, Scope("p"), Query(marker="a")))
    assert [each.id for each in after.records] == ["c", "d"]


def test_what_was_removed_is_forgotten_after_a_day(place: Place) -> None:
    clock, wire = FakeClock(1_800_000_000.0), Wire(place, SystemClock())
    store = ElasticStore(wire, clock)

    def documents() -> int:
        wire.ask("POST", f"/{place.index}/_refresh")
        body = {"query": {"term": {"type": "gone"}}}
        return int(msgspec.json.decode(wire.ask("POST", f"/{place.index}/_count", body).body)["count"])

    def replace_one(name: str, unit: Unit) -> None:
        known = _session(unit, "one")
        if known is not None:
            unit.delete(known)
        unit.insert(_record(name), _NONE)

    store.write(partial(replace_one, "one"))
    store.write(partial(replace_one, "two"))
    assert documents() == 1
    clock.advance(2 * 86_400)
    store.write(partial(replace_one, "three"))
    assert documents() == 0
    store.write(partial(replace_one, "one"))  # the same id may come back
    assert store.read(lambda unit: _session(unit, "one")) is not None


def test_an_index_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    store = _store(Wire(place_of(empty_database(tmp_path, "opensearch")), SystemClock()))
    for act in (store.check, lambda: store.write(lambda unit: unit.insert(_record(), _NONE))):
        with pytest.raises(NotPrepared, match="is not there") as caught:
            act()
        assert caught.value.hint == "run freezer-manage db sync"


def test_an_index_with_other_documents_is_left_alone(tmp_path: Path) -> None:
    wire = Wire(place_of(empty_database(tmp_path, "opensearch")), SystemClock())
    wire.ask("PUT", f"/{wire.place.index}/_doc/1?refresh=true", {"job_id": "an original one"})
    with pytest.raises(NotPrepared, match="holds other documents"):
        prepare(wire)


def test_a_server_that_does_not_answer_is_told_in_one_line() -> None:
    clock = FakeClock(1_800_000_000.0)
    store = ElasticStore(Wire(Place(hosts=("http://127.0.0.1:9",), retries=2), clock), clock)
    with pytest.raises(Unavailable, match="cannot be used: the node http:") as caught:
        store.check()
    assert "\n" not in caught.value.message


def test_of_several_nodes_one_that_answers_is_enough(place: Place) -> None:
    wire = Wire(Place(hosts=("http://127.0.0.1:9", *place.hosts), index=place.index), FakeClock(1_800_000_000.0))
    check(wire)


def test_claims_are_refused_with_one_answer_and_reports_of_old_schedulers_are_taken(tmp_path: Path) -> None:
    url = fresh_database(tmp_path, "opensearch")
    alice = Person(InProcess(make_application(ApiSettings(auth="none", database=url))), uuid.uuid4().hex)
    alice.client()
    job = alice.job()
    due = alice.get(f"/jobs/{job}")["job_schedule"]["time_created"]
    answer = alice.send("POST", "/runs", {"job_id": job, "cause": "schedule", "due": due, "holder": "h"})
    told = {"status": "running", "result": "", "time_started": 1000, "time_ended": -1}
    report = {"job_schedule": told, "session_id": "", "session_tag": 0}
    assert alice.send("PATCH", f"/jobs/{job}", report).status == 200
    assert [each["kind"] for each in alice.get("/runs")["runs"]] == ["legacy"]
    assert answer.status == 501, answer
    assert "need an SQL database" in answer.json()["description"]


@pytest.mark.parametrize(
    ("url", "hosts", "index", "login"),
    [
        ("elasticsearch+http://es/freezer", ("http://es:9200",), "freezer", ""),
        ("opensearch+https://me:s%40y@es:9201/other", ("https://es:9201",), "other", "me:s@y"),
        ("elasticsearch+http://[::1]:9200", ("http://[::1]:9200",), "freezer", ""),
    ],
)
def test_urls_name_the_place(url: str, hosts: tuple[str, ...], index: str, login: str) -> None:
    place = place_of(url)
    assert is_place(url)
    assert (place.hosts, place.index, place.login) == (hosts, index, login)
    assert login.partition(":")[2] not in place.shown() or not login


@pytest.mark.parametrize("url", ["elasticsearch+http:///x", "elasticsearch+http://h:x/i", "elasticsearch+http://h/UP"])
def test_what_is_no_place_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        place_of(url)


def test_hosts_without_a_scheme_have_tls_if_that_is_wanted() -> None:
    assert address("es", tls=True) == "https://es:9200"
    assert address("http://es:80/path/", tls=False) == "http://es:80/path"


def test_the_commands_make_show_and_remove_the_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = empty_database(tmp_path, "opensearch")
    config = tmp_path / "freezer-api.conf"
    found = place_of(url)
    config.write_text(
        f"[storage]\nbackend = elasticsearch\n[elasticsearch]\nhosts = {found.hosts[0]}\nindex = {found.index}\n"
    )
    named = ["--config-file", str(config)]

    def said(*words: str) -> str:
        assert main([*named, *words]) == 0
        return capsys.readouterr().out.strip()

    assert said("db", "version") == "none"
    assert main_db_init(named) == 0
    assert main_db_init([*named, found.hosts[0].removeprefix("http://")]) == 0
    assert main_db_init([url]) == 0
    assert capsys.readouterr().out == "1\n1\n1\n"
    assert [said("db", "sync"), said("db", "version"), said("db", "purge")] == ["1", "1", "0"]
    assert int(said("db", "restored")) > 1
    assert main([*named, "db", "downgrade", "base"]) == 2
    assert "needs an SQL database" in capsys.readouterr().err
    assert [said("db", "remove"), said("db", "version")] == ["none", "none"]
