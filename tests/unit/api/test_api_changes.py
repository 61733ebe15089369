"""The changes of a project: numbered, told at once or waited for, forgotten in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from freezer.api.store.contract import Change, Store, Unit
from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.store import SqlStore
from freezer.api.waiting import Waiting
from freezer.clock import SystemClock
from support.api import Person, fresh_database, opened, serving
from support.people import person

_SOON = 30.0  # seconds in which something must have come about, less than anybody waits for changes


def _last(who: Person) -> int:
    return int(who.get("/changes")["last"])


def _told(who: Person, since: int, more: str = "") -> list[tuple[str, str, str]]:
    found = who.get(f"/changes?since={since}{more}")["changes"]
    return [(each["kind"], each["deed"], each["id"]) for each in found]


def test_every_change_is_told_with_the_next_number() -> None:
    alice = person()
    alice.client("node")
    start = _last(alice)
    job = alice.job("node")
    action = alice.get(f"/jobs/{job}")["job_actions"][0]["action_id"]
    assert alice.send("PATCH", f"/jobs/{job}", {"description": "other"}).status == 200
    assert alice.send("DELETE", f"/jobs/{job}").status == 204
    backup = alice.made("/backups", {"backup_name": "b", "container": "c", "hostname": "h"})["backup_id"]
    answer = alice.get(f"/changes?since={start}")
    assert [(each["kind"], each["deed"], each["id"]) for each in answer["changes"]] == [
        ("action", "made", action),
        ("job", "made", job),
        ("job", "changed", job),
        ("job", "removed", job),
        ("backup", "made", backup),
    ]
    assert [each["number"] for each in answer["changes"]] == list(range(start + 1, start + 6))
    assert answer["last"] == start + 5
    assert _told(alice, answer["last"]) == []


def test_a_change_of_an_action_is_told_of_its_jobs_too() -> None:
    alice = person()
    alice.client()
    job = alice.job()
    action = alice.get(f"/jobs/{job}")["job_actions"][0]["action_id"]
    start = _last(alice)
    assert alice.send("PATCH", f"/actions/{action}", {"max_retries": 3}).status == 200
    assert set(_told(alice, start)) == {("action", "changed", action), ("job", "changed", job)}


def test_only_the_changes_of_one_client_are_told_if_it_is_named() -> None:
    alice = person()
    for name in ("one", "two"):
        alice.client(name)
    start = _last(alice)
    mine, _ = alice.job("one"), alice.job("two")
    assert _told(alice, start, "&client_id=one") == [("job", "made", mine)]
    assert alice.send("POST", f"/jobs/{mine}/event", {"start": None}).status == 202
    assert _told(alice, start, "&client_id=one") == [("job", "made", mine), ("job", "changed", mine)]


def test_a_client_that_a_job_is_taken_from_is_told() -> None:
    alice = person()
    for name in ("one", "two"):
        alice.client(name)
    job = alice.job("one")
    start = _last(alice)
    assert alice.send("PATCH", f"/jobs/{job}", {"client_id": "two"}).status == 200
    assert _told(alice, start, "&client_id=one") == [("job", "removed", job)]
    assert _told(alice, start, "&client_id=two") == [("job", "changed", job)]


def test_a_central_client_is_told_in_its_own_project_of_jobs_in_others(tmp_path: Path) -> None:
    api = serving(tmp_path)
    service, alice = Person(api, "center-of-all", "admin,service"), Person(api, "default")
    service.client("center", is_central=True)
    start = _last(service)
    job = alice.central_job("center")
    assert _told(service, start, "&client_id=center") == [("job", "made", job)]


def test_what_nobody_is_shown_is_not_told() -> None:
    alice = person()
    alice.client("node")
    alice.job("node", job_schedule={"event": "start"})
    start = _last(alice)
    assert len(alice.get("/jobs", {"match": [{"client_id": "node"}]})["jobs"]) == 1  # the event is delivered
    assert _last(alice) == start


def test_what_was_refused_has_no_number() -> None:
    alice = person()
    start = _last(alice)
    assert alice.send("POST", "/jobs", {"client_id": "nobody", "job_actions": []}).status == 422
    assert _last(alice) == start


def test_nobody_is_told_of_another_project() -> None:
    alice, bob = person(), person()
    start = _last(bob)
    alice.client()
    assert _told(bob, start) == []
    assert person(project=bob.project, at=alice.project).send("GET", "/changes").status == 403
    assert person("stranger").send("GET", "/changes").status == 403


def test_a_number_that_was_never_given_asks_for_new_lists() -> None:
    alice = person()
    alice.client()
    answer = alice.get("/changes?since=77")
    assert (answer["reset"], answer["changes"]) == (True, [])
    assert answer["last"] == _last(alice)


@pytest.mark.parametrize("query", ["since=x", "since=-1", "since=1&wait=soon", "since=0&client_id=" + "x" * 300])
def test_a_question_that_means_nothing_is_refused(query: str) -> None:
    assert person().send("GET", f"/changes?{query}").status == 400


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return opened(fresh_database(tmp_path))


def _change(unit: Unit, id: str = "x") -> None:
    unit.changed(Change(project_id="p", kind="thing", id=id, deed="made"))


def test_numbers_of_many_writers_have_no_gap_and_come_in_order(store: Store) -> None:
    seen: list[int] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set() or seen != list(range(1, 121)):
            seen.extend(store.read(partial(_numbers, seen[-1] if seen else 0)))

    def write(writer: int) -> None:
        for number in range(20):
            store.write(partial(_change, id=f"{writer}.{number}"))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    _together([partial(write, writer) for writer in range(6)])
    over.set()
    reader.join(_SOON)
    assert seen == list(range(1, 121))


def _numbers(after: int, unit: Unit) -> list[int]:
    return [each.number for each in unit.changes("p", after, None, 1000)]


def test_of_several_changes_of_one_object_in_a_transaction_the_last_is_told(store: Store) -> None:
    def work(unit: Unit) -> None:
        for deed in ("made", "changed", "removed"):
            unit.changed(Change(project_id="p", kind="thing", id="x", deed=deed))

    store.write(work)
    found = store.read(lambda unit: unit.changes("p", 0, None, 10))
    assert [(each.number, each.deed) for each in found] == [(1, "removed")]


def test_whoever_comes_after_changes_were_forgotten_begins_anew(tmp_path: Path) -> None:
    api = serving(tmp_path)
    alice = Person(api, "default")
    alice.client("one")
    start = _last(alice)
    alice.client("two")
    store = opened(api.database)
    assert store.write(lambda unit: unit.forget_changes(int(time.time()) - 60)) == 0
    assert len(_told(alice, start)) == 1
    assert store.write(lambda unit: unit.forget_changes(int(time.time()) + 60)) == 2
    answer = alice.get(f"/changes?since={start}")
    assert (answer["reset"], answer["last"]) == (True, 2)
    assert alice.get("/changes?since=2")["reset"] is False


def test_a_waiting_request_is_answered_as_soon_as_something_changes(tmp_path: Path) -> None:
    alice = Person(serving(tmp_path, max_waiters=2), "default")
    start = _last(alice)
    with _waiting(alice, f"/changes?since={start}&wait=50") as answers:
        alice.client("node")
    assert [each["id"] for each in answers[0]["changes"]] == ["node"]


def test_a_request_that_waits_for_one_client_sleeps_through_the_changes_of_others(tmp_path: Path) -> None:
    alice = Person(serving(tmp_path, max_waiters=2), "default")
    for name in ("one", "two"):
        alice.client(name)
    start = _last(alice)
    with _waiting(alice, f"/changes?since={start}&client_id=one&wait=50") as answers:
        alice.job("two")
        time.sleep(1.0)  # two looks of the reader
        assert not answers
        job = alice.job("one")
    assert [each["id"] for each in answers[0]["changes"]] == [job]


def test_a_wait_comes_to_its_end_without_changes(tmp_path: Path) -> None:
    alice = Person(serving(tmp_path, max_waiters=2), "default")
    begun = time.monotonic()
    answer = alice.get("/changes?since=0&wait=1")
    assert (answer["changes"], answer["reset"]) == ([], False)
    assert 0.9 < time.monotonic() - begun < _SOON


@pytest.mark.parametrize("environ", [{}, {"uwsgi.version": b"2.0"}, {"mod_wsgi.version": (5, 0)}])
def test_who_cannot_wait_is_answered_at_once_and_asked_to_come_later(tmp_path: Path, environ: dict[str, Any]) -> None:
    api = serving(tmp_path, max_waiters=1 if environ else 0)
    inner = api.application
    api.application = lambda given, start: inner({**given, **environ}, start)
    begun = time.monotonic()
    answer = Person(api, "default").send("GET", "/changes?since=0&wait=50")
    assert answer.headers["retry-after"] == "15"
    assert answer.json()["changes"] == []
    assert time.monotonic() - begun < _SOON


def test_no_more_wait_than_may(tmp_path: Path) -> None:
    alice = Person(serving(tmp_path, max_waiters=1), "default")
    with _waiting(alice, "/changes?since=0&wait=50"):
        assert "retry-after" in alice.send("GET", "/changes?since=0&wait=50").headers
        alice.client()


def test_waiting_holds_no_connection_and_ends_when_the_server_does(tmp_path: Path) -> None:
    engine = open_engine(fresh_database(tmp_path, "sqlite"))
    store: Store = SqlStore(engine, SystemClock())
    stopping = threading.Event()
    waiting = Waiting(store, stopping, most=20)
    threads = [threading.Thread(target=waiting.wait, args=("p", None, 0, 50.0)) for _ in range(20)]
    for thread in threads:
        thread.start()
    _until(_reading)
    assert _checked_out(engine) <= 1  # the one reader's
    stopping.set()
    for thread in threads:
        thread.join(_SOON)
    assert not any(thread.is_alive() for thread in threads)
    assert waiting.wait("p", None, 0, 50.0) is False


def test_nobody_looks_for_changes_when_nobody_waits(tmp_path: Path) -> None:
    store = opened(fresh_database(tmp_path))
    waiting = Waiting(store, threading.Event(), most=1)
    assert waiting.wait("p", None, 0, 0.01) is True
    _until(lambda: not _reading())


def test_waiting_survives_a_database_that_fails_for_a_while(tmp_path: Path) -> None:
    real = opened(fresh_database(tmp_path))
    failures = [OSError("gone"), OSError("gone")]

    class Failing(SqlStore):
        def read(self, work: Callable[[Any], Any]) -> Any:
            if failures:
                raise failures.pop()
            return real.read(work)

    waiting = Waiting(Failing(open_engine("sqlite://"), SystemClock()), threading.Event(), most=1)
    real.write(_change)
    begun = time.monotonic()
    assert waiting.wait("p", None, 0, 50.0) is True
    assert failures == []
    assert time.monotonic() - begun < _SOON


def _reading() -> bool:
    return any(each.name == "changes" for each in threading.enumerate())


def _checked_out(engine: Any) -> int:
    return int(engine.pool.checkedout())


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _SOON
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def _waiting(who: Person, path: str) -> Iterator[list[Any]]:
    """What a request is answered with that begins before and must have ended soon after what is done meanwhile."""
    answers: list[Any] = []
    _until(lambda: not _reading())
    thread = threading.Thread(target=lambda: answers.append(who.get(path)), daemon=True)
    thread.start()
    _until(_reading)
    yield answers
    thread.join(_SOON)
    assert len(answers) == 1


def _together(calls: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
