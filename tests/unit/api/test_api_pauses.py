"""Pausing projects, clients and jobs, leaving runs out, and how schedulers are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from freezer.testing.clock import FakeClock
from support.api import Person, serving

_POLL = {"match": [{"client_id": "node"}], "match_not": [{"status": "completed"}]}
_DAILY = {"schedule_interval": "1 days", "schedule_start_date": "2027-01-01T00:00:00"}
_START = 1_798_761_600  # 2027-01-01T00:00:00Z


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(_START - 3600)


@pytest.fixture
def person(tmp_path: Path, clock: FakeClock) -> Person:
    someone = Person(serving(tmp_path, clock), "home")
    someone.client()
    return someone


def _claim(person: Person, job: str, due: int) -> Any:
    document = {"job_id": job, "cause": "schedule", "due": due, "holder": "me", "ttl": 60}
    return person.send("POST", "/runs", document)


def _polled(person: Person) -> list[str]:
    return [each["job_id"] for each in person.get("/jobs?limit=10", _POLL)["jobs"]]


@pytest.mark.parametrize("of", ["project", "clients/node", "jobs/{job}"])
def test_nothing_that_is_paused_can_be_claimed_until_it_is_resumed(person: Person, clock: FakeClock, of: str) -> None:
    job = person.job(job_schedule=_DAILY)
    path = f"/pauses/{of.format(job=job)}"
    made = person.send("PUT", path, {"reason": "the storage moves"}).json()
    assert (made["reason"], made["draining"]) == ("the storage moves", False)
    clock.advance(3600)
    refused = _claim(person, job, _START)
    assert (refused.status, refused.json()["reason"]) == (409, "paused")
    assert "the storage moves" in refused.json()["description"]
    assert [each["kind"] for each in person.get("/pauses")["pauses"]] == [made["kind"]]
    assert person.send("DELETE", path).status == 204
    assert person.send("DELETE", path).status == 204
    assert person.get("/pauses")["pauses"] == []
    assert _claim(person, job, _START).status == 201


def test_a_drained_scheduler_finishes_what_runs_and_claims_nothing(person: Person, clock: FakeClock) -> None:
    first, second = person.job(job_schedule=_DAILY), person.job(job_schedule=_DAILY)
    clock.advance(3600)
    assert _claim(person, first, _START).status == 201
    assert person.send("PUT", "/pauses/clients/node", {"draining": True}).json()["draining"]
    assert _claim(person, second, _START).json()["reason"] == "draining"
    assert person.get("/clients/node/health")["draining"]


@pytest.mark.parametrize("of", ["project", "clients/node"])
def test_the_originals_schedulers_see_only_what_runs_while_client_or_project_is_paused(person: Person, of: str) -> None:
    job, running = person.job(job_schedule=_DAILY), person.job(job_schedule=_DAILY)
    report = {"job_schedule": {"status": "running"}, "session_id": "", "session_tag": 0}
    assert person.send("PATCH", f"/jobs/{running}", report).status == 200
    assert set(_polled(person)) == {job, running}
    person.send("PUT", f"/pauses/{of}")
    assert _polled(person) == [running]
    everybody = person.get("/jobs?limit=10", {"match": [{"client_id": "node"}]})["jobs"]
    assert {each["job_id"] for each in everybody} == {job, running}
    person.send("DELETE", f"/pauses/{of}")
    assert set(_polled(person)) == {job, running}


def test_the_originals_scheduler_is_told_to_stop_a_paused_job_and_to_start_it_again(person: Person) -> None:
    job = person.job(job_schedule=_DAILY)
    person.send("PUT", f"/pauses/jobs/{job}")
    assert person.get(f"/jobs/{job}")["job_schedule"]["event"] == "stop"
    person.send("DELETE", f"/pauses/jobs/{job}")
    assert person.get(f"/jobs/{job}")["job_schedule"]["event"] == "start"


def test_the_next_run_can_be_left_out_and_then_the_one_after_it(person: Person, clock: FakeClock) -> None:
    job = person.job(job_schedule=_DAILY)
    assert person.send("POST", f"/jobs/{job}/skip").json() == {"job_id": job, "skipped": _START}
    assert person.send("POST", f"/jobs/{job}/skip").json()["skipped"] == _START + 86_400
    told = person.get(f"/jobs/{job}/preview?count=3")["runs"]
    assert [each["skipped"] for each in told] == [True, True, False]
    clock.advance(3600)
    assert _claim(person, job, _START).json()["reason"] == "skipped"
    clock.advance(2 * 86_400)
    assert _claim(person, job, _START + 2 * 86_400).status == 201


def test_a_job_that_is_not_due_again_has_no_run_to_leave_out(person: Person) -> None:
    job = person.job(job_schedule={"schedule_date": "2015-01-01T00:00:00"})
    assert person.send("POST", f"/jobs/{job}/skip").status == 422
    assert person.send("POST", "/jobs/none/skip").status == 404


def test_a_clients_health_is_what_its_scheduler_told_and_when_it_asked_last(person: Person, clock: FakeClock) -> None:
    fresh = person.get("/clients/node/health")
    assert (fresh["seen"], fresh["silent"], fresh["version"]) == (None, False, None)
    _polled(person)
    assert person.get("/clients/node/health")["seen"] == int(clock.now())
    told = {"version": "0.1.0", "time": int(clock.now()) + 7, "spool": 3}
    assert person.send("PUT", "/clients/node/health", told).status == 204
    clock.advance(1801)
    health = person.get("/clients/node/health")
    assert (health["version"], health["clock_offset"], health["spool"], health["silent"]) == ("0.1.0", 7, 3, True)
    _polled(person)
    after = person.get("/clients/node/health")
    assert (after["silent"], after["version"], after["spool"]) == (False, "0.1.0", 3)


def test_pauses_and_health_stay_within_their_project(person: Person) -> None:
    job = person.job()
    person.send("PUT", "/pauses/project")
    stranger = Person(person.call, "elsewhere", user="other")
    assert stranger.get("/pauses") == {"pauses": []}
    for method, path in (
        ("PUT", f"/pauses/jobs/{job}"),
        ("PUT", "/pauses/clients/node"),
        ("GET", "/clients/node/health"),
        ("PUT", "/clients/node/health"),
        ("POST", f"/jobs/{job}/skip"),
    ):
        assert stranger.send(method, path, {} if method == "PUT" else None).status == 404, path


@pytest.mark.parametrize("document", [[], {"reason": 5}, {"reason": "x" * 300}, {"colour": "red"}, {"draining": "yes"}])
def test_a_pause_that_is_written_wrongly_is_a_400(person: Person, document: object) -> None:
    assert person.send("PUT", "/pauses/project", document).status == 400
