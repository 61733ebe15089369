"""The jobs of a client, as the API has them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freezer.client import Api
from freezer.client.identity import Standalone
from freezer.client.wire import Wire
from freezer.scheduler.contract import Update
from freezer.scheduler.source.api import ApiSource
from freezer.testing.clock import FakeClock
from support.offices import Node, node
from support.small_api import PROJECT, SmallApi


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Node]:
    with node(tmp_path, max_waiters=0) as made:
        yield made


def _following(home: Node, seconds: float = 10_000, **more: Any) -> Iterator[Update]:
    source = ApiSource(home.api, lambda: "node", home.clock, every=30, memory=home.outbox(), **more)
    return source.follow(lambda: home.clock.monotonic() < seconds)


def test_all_jobs_come_first_and_then_what_changes(home: Node) -> None:
    kept, removed = home.person.job(), home.person.job()
    home.person.client("other")
    home.person.job("other")
    updates = _following(home)
    first = next(updates)
    assert (set(first.jobs), first.complete) == ({kept, removed}, True)
    assert first.jobs[kept]["job_actions"][0]["freezer_action"]["path_to_backup"] == "/etc"
    made = home.person.job()
    home.person.send("POST", f"/jobs/{kept}/event", {"start": None})
    home.person.send("DELETE", f"/jobs/{removed}")
    second = next(updates)
    assert (set(second.jobs), second.gone, second.complete) == ({kept, made}, {removed}, False)
    assert second.jobs[kept]["job_schedule"]["event"] == "start"
    assert second.jobs[kept]["event_number"]


def test_a_job_that_moves_to_another_client_is_gone(home: Node) -> None:
    job = home.person.job()
    home.person.client("other")
    updates = _following(home)
    next(updates)
    assert home.person.send("PATCH", f"/jobs/{job}", {"client_id": "other"}).status == 200
    assert next(updates) == Update({}, frozenset({job}))


def test_as_long_as_nothing_changes_one_small_question_is_asked_each_time(home: Node) -> None:
    for _ in range(100):
        home.person.job()
    updates = _following(home, 600)
    next(updates)
    home.line.paths.clear()
    assert list(updates) == []
    assert set(home.line.paths) == {"GET /v2/default/changes"}
    assert 18 <= len(home.line.paths) <= 20


def test_many_changes_at_once_are_one_list(home: Node) -> None:
    updates = _following(home)
    next(updates)
    jobs = {home.person.job() for _ in range(50)}
    home.line.paths.clear()
    assert set(next(updates).jobs) == jobs
    assert len(home.line.paths) <= 3


def test_a_scheduler_that_starts_while_the_api_is_away_has_the_jobs_that_it_knew(home: Node) -> None:
    job, removed = home.person.job(), home.person.job()
    updates = _following(home)
    known = next(updates).jobs
    home.person.send("DELETE", f"/jobs/{removed}")
    next(updates)
    updates.close()  # type: ignore[attr-defined]
    home.line.away = True
    updates = _following(home)
    assert next(updates) == Update({job: known[job]}, complete=True)
    home.line.away = False
    made = home.person.job()
    assert set(next(updates).jobs) == {job, made}


def test_one_that_has_never_known_any_has_none_until_the_api_is_back(home: Node) -> None:
    home.line.away = True
    updates = _following(home)
    assert next(updates) == Update({}, complete=True)
    home.line.away = False
    job = home.person.job()
    assert set(next(updates).jobs) == {job}


def test_after_an_outage_what_has_not_changed_is_not_told_again(home: Node, caplog: pytest.LogCaptureFixture) -> None:
    home.person.job()
    updates = _following(home)
    next(updates)
    home.line.away = True
    until = home.clock.monotonic() + 3600
    source = ApiSource(home.api, lambda: "node", home.clock, every=30, memory=home.outbox())
    with caplog.at_level(logging.WARNING):
        assert len(list(source.follow(lambda: home.clock.monotonic() < until))) == 1
    assert len(caplog.records) == 1  # an hour away, one line
    home.line.away = False
    assert list(source.follow(lambda: home.clock.monotonic() < until + 600)) == []


def test_wrong_credentials_are_one_line_and_then_ever_longer_pauses(caplog: pytest.LogCaptureFixture) -> None:
    small, clock = SmallApi(("changes",)), FakeClock()
    small.token = "another"
    with Api(Wire(Standalone(small.url, PROJECT), clock)) as api, caplog.at_level(logging.WARNING):
        assert [
            each.jobs for each in ApiSource(api, lambda: "node", clock).follow(lambda: clock.monotonic() < 3600)
        ] == [{}]
    assert [each.message for each in caplog.records] == [
        f"the API at {small.url} does not know us (is the password right, and has the token not expired?)"
    ]
    assert clock.slept[:6] == [1, 2, 4, 8, 16, 32]
    assert len(clock.slept) < 70
    small.close()


def test_the_original_is_asked_for_all_jobs_and_nonsense_among_them_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    small, clock = SmallApi(), FakeClock()
    good = {"job_id": "good", "client_id": "node", "job_actions": [], "job_schedule": {}}
    small.add("jobs", "good", good)
    small.add("jobs", "odd", {**good, "job_id": "odd", "job_schedule": {"schedule_interval": "5  parsecs"}})
    small.add("jobs", "none", {**good, "job_id": "none", "job_actions": None})
    with Api(Wire(Standalone(small.url, PROJECT), clock)) as api:
        updates = list(ApiSource(api, lambda: "node", clock, every=60).follow(lambda: clock.monotonic() < 600))
    assert [set(each.jobs) for each in updates] == [{"good"}]
    assert sorted(each.message.split(":")[0] for each in caplog.records) == [
        "job none is left out",
        "job odd is left out",
    ]
    small.close()
