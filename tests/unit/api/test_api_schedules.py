"""Schedules of jobs and sessions: what is taken, and what is told about them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from support.api import Person, serving


@pytest.fixture
def person(tmp_path: Path) -> Person:
    someone = Person(serving(tmp_path), "home")
    someone.client()
    return someone


_NEVER = {"schedule_month": "2", "schedule_day": "30"}


def test_a_schedule_that_never_comes_is_refused_wherever_it_is_told(person: Person) -> None:
    action = {"freezer_action": {"action": "backup", "path_to_backup": "/etc"}}
    job = {"client_id": "node", "job_actions": [action], "job_schedule": _NEVER}
    known = person.job(job_schedule={"schedule_month": "2"})
    session = person.made("/sessions", {"schedule": {}})["session_id"]
    for method, path, document in (
        ("POST", "/jobs", job),
        ("POST", f"/jobs/{known}", job),
        ("PATCH", f"/jobs/{known}", {"job_schedule": {"schedule_day": "30"}}),
        ("POST", "/sessions", {"schedule": _NEVER}),
        ("POST", f"/sessions/{session}", {"schedule": _NEVER, "session_tag": 1}),
        ("PATCH", f"/sessions/{session}", {"schedule": _NEVER}),
    ):
        answer = person.send(method, path, document)
        assert answer.status == 400, (path, answer)
        assert "never comes" in answer.json()["description"]
        assert answer.json()["path"] in (["job_schedule"], ["schedule"])
    assert person.get(f"/jobs/{known}")["job_schedule"]["schedule_month"] == "2"


def test_zone_window_jitter_and_deadline_are_kept(person: Person) -> None:
    wanted = {
        "schedule_hour": "3",
        "schedule_timezone": "Europe/Berlin",
        "schedule_window": "22:00-06:00",
        "schedule_jitter": "1 minute",
        "schedule_start_deadline": "2 hours",
    }
    kept = person.get(f"/jobs/{person.job(job_schedule=wanted)}")["job_schedule"]
    assert {key: kept[key] for key in wanted} == {**wanted, "schedule_jitter": "1 minutes"}


def test_a_preview_tells_the_next_instants_of_a_job_in_its_zone_and_in_others(person: Person) -> None:
    job = person.job(job_schedule={"schedule_hour": "3", "schedule_timezone": "Europe/Berlin"})
    after = int(datetime(2046, 10, 28, tzinfo=UTC).timestamp())  # the night on which clocks are put back
    found = person.get(f"/jobs/{job}/preview?count=2&after={after}")
    assert found["timezone"] == "Europe/Berlin"
    assert [each["local"] for each in found["runs"]] == ["2046-10-28T03:00:00+01:00", "2046-10-29T03:00:00+01:00"]
    assert found["runs"][0]["utc"] == "2046-10-28T02:00:00Z"
    assert found["runs"][0]["due"] == after + 7200
    elsewhere = person.get(f"/jobs/{job}/preview?count=1&after={after}&timezone=Asia/Tokyo")
    assert elsewhere["runs"][0]["local"] == "2046-10-28T11:00:00+09:00"


def test_a_preview_of_a_schedule_needs_no_job(person: Person) -> None:
    document = {"schedule": {"schedule_interval": "1 hour"}, "after": 2_000_000_000, "count": 3}
    found = [each["due"] for each in person.send("POST", "/schedule-preview", document).json()["runs"]]
    assert [b - a for a, b in pairwise(found)] == [3600, 3600]
    started = {"schedule_interval": "1 days", "schedule_start_date": "2030-01-01T00:00:00"}
    runs = person.send("POST", "/schedule-preview", {"schedule": started, "count": 1}).json()["runs"]
    assert runs[0]["utc"] == "2030-01-01T00:00:00Z"


def test_the_jitter_of_a_preview_is_that_of_the_job(person: Person) -> None:
    schedule = {"schedule_hour": "3", "schedule_jitter": "2 hours"}
    job = person.job(job_schedule=schedule)
    document = {"schedule": schedule, "job_id": job, "count": 5}
    told = person.send("POST", "/schedule-preview", document).json()["runs"]
    assert told == person.get(f"/jobs/{job}/preview?count=5")["runs"]
    assert told != person.send("POST", "/schedule-preview", {**document, "job_id": "other"}).json()["runs"]


def test_a_job_that_is_never_due_again_has_an_empty_preview(person: Person) -> None:
    job = person.job(job_schedule={"schedule_date": "2015-06-02T16:20:00"})
    assert person.get(f"/jobs/{job}/preview")["runs"] == []


@pytest.mark.parametrize(
    "query",
    ["count=0", "count=101", "count=-1", "count=x", "after=-5", "after=9999999999999", "timezone=Mars", "timezone="],
)
def test_a_preview_asked_for_wrongly_is_a_400_that_names_the_parameter(person: Person, query: str) -> None:
    answer = person.send("GET", f"/jobs/{person.job()}/preview?{query}")
    assert answer.status == 400, answer
    assert query.partition("=")[0] in str(answer.json())


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({}, None),
        ([], None),
        ({"schedule": None}, ["schedule"]),
        ({"schedule": {"schedule_hour": 3}}, ["schedule", "schedule_hour"]),
        ({"schedule": {"schedule_hour": "99"}}, ["schedule", "schedule_hour"]),
        ({"schedule": {"colour": "red"}}, ["schedule"]),
        ({"schedule": {}, "count": 5000}, ["count"]),
        ({"schedule": {}, "colour": "red"}, None),
        ({"schedule": _NEVER}, ["schedule"]),
    ],
)
def test_a_schedule_to_be_previewed_that_is_wrong_is_a_400(person: Person, document: object, path: object) -> None:
    answer = person.send("POST", "/schedule-preview", document)
    assert answer.status == 400, answer
    assert answer.json().get("path") == path


def test_previews_stay_within_their_project_and_are_new(person: Person) -> None:
    job = person.job()
    stranger = Person(person.call, "elsewhere", roles="member", user="other")
    missing = stranger.send("GET", f"/jobs/{job}/preview")
    assert missing.status == 404
    assert person.send("GET", "/jobs/nonesuch/preview").status == 404
    assert person.call.send("GET", f"/v1/jobs/{job}/preview", None, **person.headers()).status == 404
