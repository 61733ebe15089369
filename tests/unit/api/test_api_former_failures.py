"""What made the original fail, or passed it unseen, is refused with one line, or done."""

from __future__ import annotations

from typing import Any

import pytest

from support.api import Person
from support.people import person

_ACTION = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "backup_name": "b", "storage": "local"}


@pytest.fixture
def alice() -> Person:
    """Somebody with a client."""
    alice = person()
    alice.client()
    return alice


def _refused(answer: Any, said: str) -> None:
    assert answer.status == 400, answer
    assert said in answer.json()["description"]
    assert "\n" not in answer.json()["description"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"job_actions": None}, "is not of type 'array'"),
        ({"job_schedule": []}, "[] is not of type 'object'"),
        ({"job_actions": [{"freezer_action": {}}]}, "'action' is a required property"),
        ({"job_actions": [{"freezer_action": None}]}, "is not of type 'object'"),
        ({"action_defaults": []}, "action_defaults should be a dictionary"),
        ({"description": 5}, "5 is not of type 'string'"),
    ],
)
def test_a7_jobs_that_made_the_original_fail_are_refused(alice: Person, more: dict[str, Any], said: str) -> None:
    _refused(alice.send("POST", "/jobs", {"client_id": "node", "job_actions": [], **more}), said)


def test_a7_defaults_for_no_actions_are_refused_since_a_job_has_actions(alice: Person) -> None:
    answer = alice.send("POST", "/jobs", {"client_id": "node", "action_defaults": {"container": "x"}})
    _refused(answer, "'job_actions' is a required property")


@pytest.mark.parametrize("change", [{"session_name": "n"}, {"_version": 1}, {"action_defaults": {"container": "x"}}])
def test_a7_a_change_of_a_job_with_any_legal_key_is_no_failure(alice: Person, change: dict[str, Any]) -> None:
    job = alice.job()
    assert alice.send("PATCH", f"/jobs/{job}", change).status in {200, 400}
    assert alice.get(f"/jobs/{job}")["job_actions"]


def test_a7_sessions_name_what_is_not_there(alice: Person) -> None:
    session = alice.made("/sessions", {"schedule": {}})["session_id"]
    job = alice.job()
    _refused(alice.send("PATCH", f"/sessions/{session}", {"colour": "red"}), "'colour' was unexpected")
    assert alice.send("PUT", f"/sessions/{session}/jobs/none").status == 404
    assert alice.send("DELETE", f"/sessions/{session}/jobs/none").status == 404
    assert alice.send("DELETE", f"/sessions/none/jobs/{job}").status == 404
    assert alice.send("DELETE", f"/sessions/{session}/jobs/{job}").status == 204


@pytest.mark.parametrize("search", ["x", [1], 5])
def test_a7_a_search_that_is_none_is_refused(alice: Person, search: object) -> None:
    assert alice.send("GET", "/jobs", search).status == 400
    assert alice.send("GET", "/jobs?limit=99999999999999999999").status == 200


@pytest.mark.parametrize(
    "action",
    [
        {"start": {}},
        {"start": None},
        {"start": {"job_id": "j", "current_tag": "x"}},
        {"end": {}},
        {"end": {"job_id": "j", "current_tag": 0}},
        {"end": {"job_id": "j", "current_tag": 0, "result": "perhaps"}},
    ],
)
def test_a8_a_session_action_without_its_parameters_is_refused(alice: Person, action: dict[str, Any]) -> None:
    session = alice.made("/sessions", {"schedule": {}})["session_id"]
    answer = alice.send("POST", f"/sessions/{session}/action", action)
    assert answer.status == 400
    assert answer.json()["path"][0] in action


@pytest.mark.parametrize("body", [b"{", b'{"client_id": }', b"{'client_id': 'x'}", b'{"client_id": "x",}'])
def test_a9_malformed_json_is_refused_with_its_line(alice: Person, body: bytes) -> None:
    answer = alice.call("POST", f"/v2/{alice.project}/clients", {**alice.headers(), "Accept": "*/*"}, body)
    _refused(answer, "the body is no JSON: line 1, column ")


@pytest.mark.parametrize(
    ("aspect", "action"),
    [
        ("supported_engines", {"engine_name": "rsync"}),
        ("supported_engines", {"engine": "rsync"}),
        ("supported_modes", {"mode": "mysql"}),
        ("supported_storages", {"storage": "s3"}),
        ("supported_actions", {"action": "restore"}),
    ],
)
def test_a16_what_a_client_cannot_do_is_refused_however_it_is_spelt(
    alice: Person, aspect: str, action: dict[str, str]
) -> None:
    able = {"supported_actions": ["backup"], "supported_modes": ["fs"], "supported_storages": ["local"],
            "supported_engines": ["tar"]}  # fmt: skip
    alice.client("small", **able)
    document = {"client_id": "small", "job_actions": [{"freezer_action": {**_ACTION, **action}}]}
    answer = alice.send("POST", "/jobs", document)
    assert answer.status == 422
    assert f"does not support {aspect.removeprefix('supported_').removesuffix('s')}" in answer.json()["description"]
    changed = alice.send("PATCH", f"/jobs/{alice.job()}", {"client_id": "small", **document})
    assert changed.status == 422


def test_a16_a_job_cannot_be_given_to_a_client_that_is_not_there(alice: Person) -> None:
    answer = alice.send("PATCH", f"/jobs/{alice.job()}", {"client_id": "nobody"})
    assert (answer.status, answer.json()["description"]) == (422, "Client not found with ID nobody")


@pytest.mark.parametrize(
    "schedule",
    [
        {"schedule_date": "2026-02-31T00:00:00"},
        {"schedule_hour": "25"},
        {"schedule_month": "Foo"},
        {"schedule_interval": "1 days\n"},
        {"schedule_date": "2026-02-01T00:00:00\n"},
    ],
)
def test_a16_times_that_never_come_are_refused(alice: Person, schedule: dict[str, str]) -> None:
    answer = alice.send("POST", "/jobs", {"client_id": "node", "job_actions": [], "job_schedule": schedule})
    assert answer.status == 400
    assert answer.json()["path"][:2] == ["job_schedule", *schedule]


def test_a16_modes_that_nobody_has_and_names_with_a_line_end_are_refused(alice: Person) -> None:
    assert alice.send("POST", "/actions", {"freezer_action": {**_ACTION, "mode": "teleport"}}).status == 400
    assert alice.send("POST", "/clients", {"client_id": "node\n"}).status == 400
    assert alice.send("POST", "/clients", {"client_id": "n2", "hostname": "h\n"}).status == 400


@pytest.mark.parametrize("kind", ["clients", "actions", "jobs", "sessions", "backups"])
def test_a23_a_404_says_what_is_missing_and_nothing_of_the_program(alice: Person, kind: str) -> None:
    answer = alice.send("PATCH", f"/{kind}/none", {"description": "d"} if kind != "actions" else {"max_retries": 1})
    assert answer.status == 404
    assert answer.json()["description"] == f"{kind[:-1].capitalize()} not registered with ID none"


def test_a24_events_and_session_actions_work_by_v1_as_by_v2() -> None:
    alice = person(version="v1")
    alice.client()
    job = alice.job()
    session = alice.made("/sessions", {"schedule": {}, "hold_off": 0})["session_id"]
    assert alice.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204
    started = alice.send("POST", f"/sessions/{session}/action", {"start": {"job_id": job, "current_tag": 0}})
    assert (started.status, started.json()) == (202, {"result": "success", "session_tag": 1})
    event = alice.send("POST", f"/jobs/{job}/event", {"stop": None})
    assert (event.status, event.json()) == (202, {"result": "success"})
    assert alice.send("GET", "/jobs").status == 200
    assert alice.call.send("GET", "/").json()["versions"]
