"""What central schedulers ask for: the work of many projects, and of nobody else."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from freezer.model.runs import run_id
from support.api import Person, serving
from support.run_places import Place, Worker, fence, place

_POLL = {"match_not": [{"status": "completed"}]}


@pytest.fixture
def server(tmp_path: Path) -> Place:
    return place(tmp_path)


@pytest.fixture
def center(server: Place) -> Person:
    """A service that has a central client of its own."""
    boss = Person(server.server, f"services-{uuid.uuid4().hex[:8]}", "admin,member,service", user="freezer")
    boss.client("center", is_central=True)
    return boss


def _tenant(server: Place) -> Person:
    return Person(server.server, uuid.uuid4().hex)


def _asked(center: Person, path: str) -> list[str]:
    return [each["job_id"] for each in center.get(path)["jobs"]]


def test_a_central_client_is_told_of_its_jobs_in_every_project_and_of_nobody_elses(
    server: Place, center: Person
) -> None:
    alice, bob = _tenant(server), _tenant(server)
    jobs = [alice.central_job("center"), bob.central_job("center"), center.job("center")]
    bob.client("another")
    bob.job("another")
    assert _asked(center, "/jobs?served_by=center&limit=1000") == jobs
    assert [each["project_id"] for each in center.get("/jobs?served_by=center")["jobs"]] == [
        alice.project,
        bob.project,
        center.project,
    ]


def test_a_tenant_that_calls_its_own_client_as_the_central_one_gets_none_of_its_jobs_run_by_it(
    server: Place, center: Person
) -> None:
    alice, mallory = _tenant(server), _tenant(server)
    mallory.client("second")
    mallory.job("second")  # reads a path of the machine: of mallory's own
    center.client("second", is_central=True)
    good = alice.central_job("second")
    assert _asked(center, "/jobs?served_by=second&limit=1000") == [good]
    asked = {**_POLL, "match": [{"client_id": "second"}]}
    found = center.get("/jobs?all_projects=True&limit=1000", asked)["jobs"]
    assert [each["job_id"] for each in found] == [good]


def test_only_administrators_and_services_look_into_other_projects(server: Place, center: Person) -> None:
    member = Person(server.server, center.project)
    assert member.send("GET", "/jobs?served_by=center").status == 403
    assert member.send("GET", "/runs?served_by=center").status == 403
    assert member.send("GET", "/clients/center/free-runs").status == 403
    assert _tenant(server).send("GET", "/jobs?served_by=center").status == 404
    member.client("mine")
    job = member.job("mine")
    assert _asked(member, "/jobs?served_by=mine") == [job]
    assert member.send("GET", "/jobs?served_by=nobody").status == 404


def _claimed(who: Person, at: Person, job: str, holder: str) -> Any:
    """A run of an event, held by the service in that project."""
    worker = Worker(Person(who.call, who.project, "service", user=who.user, at=at.project))
    assert at.send("POST", f"/jobs/{job}/event", {"start": None}).status == 202
    run = worker.person.made("/runs", {"job_id": job, "cause": "event", "holder": holder})
    return worker, run


def test_what_a_dead_scheduler_leaves_is_free_for_the_others(server: Place, center: Person) -> None:
    alice, bob = _tenant(server), _tenant(server)
    first, second = alice.central_job("center"), bob.central_job("center")
    worker, dead = _claimed(center, alice, first, "one")
    _claimed(center, bob, second, "two")
    assert center.get("/clients/center/free-runs")["runs"] == []
    server.lapse(dead)
    (free,) = center.get("/clients/center/free-runs")["runs"]
    assert free == {
        "run_id": dead["run_id"],
        "project_id": alice.project,
        "job_id": first,
        "cause": "event",
        "number": dead["event_number"],
    }
    assert run_id(free["job_id"], free["cause"], free["number"]) == free["run_id"]
    again = worker.person.made(
        "/runs", {"job_id": first, "cause": "event", "event_number": free["number"], "holder": "two"}
    )
    assert (again["run_id"], again["fence"]) == (dead["run_id"], 2)
    assert center.get("/clients/center/free-runs")["runs"] == []


def test_a_run_that_was_given_back_is_free_when_its_pause_is_over_and_never_when_it_is(
    server: Place, center: Person
) -> None:
    alice = _tenant(server)
    job = alice.central_job("center")
    worker, run = _claimed(center, alice, job, "one")
    worker.told(run, state="waiting", retry_after=3600)
    assert center.get("/clients/center/free-runs")["runs"] == []
    _, other = _claimed(center, alice, job, "one")
    assert worker.person.send("PATCH", f"/runs/{other['run_id']}", {**fence(other), "state": "waiting"}).status == 200
    assert [each["run_id"] for each in center.get("/clients/center/free-runs")["runs"]] == [other["run_id"]]
    assert [each["run_id"] for each in center.get("/clients/center/free-runs?limit=1")["runs"]] == [other["run_id"]]


def test_runs_of_a_central_client_are_listed_over_all_projects(server: Place, center: Person) -> None:
    alice, bob = _tenant(server), _tenant(server)
    held = [_claimed(center, each, each.central_job("center"), "one")[1]["run_id"] for each in (alice, bob)]
    bob.client("mine")
    _claimed(bob, bob, bob.job("mine"), "bob")
    assert [each["run_id"] for each in center.get("/runs?served_by=center")["runs"]] == held


def test_p10_a_central_scheduler_begins_and_ends_its_jobs_part_in_their_own_session(
    server: Place, center: Person
) -> None:
    alice = _tenant(server)
    job = alice.central_job("center")
    session = alice.made("/sessions", {"schedule": {"schedule_interval": "1 days"}})["session_id"]
    assert alice.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204
    service = Person(center.call, center.project, "service", user=center.user, at=alice.project)
    begun = service.send("POST", f"/sessions/{session}/action", {"start": {"job_id": job, "current_tag": 0}})
    assert (begun.status, begun.json()["session_tag"]) == (202, 1)
    stranger = Person(center.call, "elsewhere", "member,reader", at=alice.project)
    assert stranger.send("POST", f"/sessions/{session}/action", {"start": {}}).status == 403


def test_an_option_of_another_mode_is_no_way_around_the_list(tmp_path: Path) -> None:
    # A server of its own: everybody sees a central client.
    call, name = serving(tmp_path), "center"
    boss, alice = Person(call, "adm", "admin,member"), Person(call, "p")
    boss.client(name, is_central=True)
    action = {"action": "backup", "mode": "cindernative", "cindernative_vol_id": "v", "backup_name": "b"}
    answer = alice.send(
        "POST", "/jobs", {"client_id": name, "job_actions": [{"freezer_action": {**action, "nova_inst_id": "x"}}]}
    )
    assert answer.status == 422
    assert "nova_inst_id has no meaning in mode cindernative" in answer.json()["description"]
    assert alice.send("POST", "/jobs", {"client_id": name, "job_actions": [{"freezer_action": action}]}).status == 201
