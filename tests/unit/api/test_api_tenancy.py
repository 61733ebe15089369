"""Who sees and changes what: every route, asked by everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from support.api import Person
from support.people import person, shared

_ACTION = {"freezer_action": {"action": "backup", "path_to_backup": "/etc", "storage": "local"}}


@dataclass(frozen=True)
class House:
    """A project with one thing of each kind in it."""

    owner: Person
    job: str
    action: str
    session: str
    backup: str

    def path(self, template: str) -> str:
        return template.format(
            client="node", job=self.job, action=self.action, session=self.session, backup=self.backup
        )


def _house() -> House:
    owner = person()
    owner.client()
    session = owner.made("/sessions", {"schedule": {}})["session_id"]
    job = owner.job()
    assert owner.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204
    action = owner.made("/actions", _ACTION)["action_id"]
    backup = owner.made("/backups", {"backup_name": "b", "container": "c", "hostname": "h"})["backup_id"]
    return House(owner, job, action, session, backup)


_JOB = {"client_id": "node", "job_actions": []}
# route, method, body, and the answer to: member, reader, service, administrator of another project
_MATRIX: list[tuple[str, str, Any, int, int, int, int]] = [
    ("/clients", "GET", None, 200, 200, 200, 200),
    ("/clients", "POST", {"client_id": "other"}, 201, 403, 403, 201),
    ("/clients/{client}", "GET", None, 200, 200, 200, 200),
    ("/clients/{client}", "PATCH", {"description": "d"}, 200, 403, 403, 200),
    ("/actions", "GET", None, 200, 200, 200, 200),
    ("/actions", "POST", _ACTION, 201, 403, 403, 201),
    ("/actions/{action}", "GET", None, 200, 200, 200, 200),
    ("/actions/{action}", "PATCH", {"max_retries": 1}, 200, 403, 403, 200),
    ("/actions/{action}", "POST", _ACTION, 201, 403, 403, 201),
    ("/jobs", "GET", None, 200, 200, 200, 200),
    ("/jobs", "POST", _JOB, 201, 403, 403, 201),
    ("/jobs/{job}", "GET", None, 200, 200, 200, 200),
    ("/jobs/{job}", "PATCH", {"description": "d"}, 200, 403, 403, 200),
    ("/jobs/{job}/event", "POST", {"start": None}, 202, 403, 403, 202),
    ("/sessions", "GET", None, 200, 200, 200, 200),
    ("/sessions", "POST", {"schedule": {}}, 201, 403, 403, 201),
    ("/sessions/{session}", "GET", None, 200, 200, 200, 200),
    ("/sessions/{session}", "PATCH", {"description": "d"}, 200, 403, 403, 200),
    ("/sessions/{session}", "POST", {"schedule": {}, "session_tag": 0}, 201, 403, 403, 201),
    (
        "/sessions/{session}/action",
        "POST",
        {"end": {"job_id": "{job}", "current_tag": 0, "result": "fail"}},
        202,
        403,
        202,
        202,
    ),
    ("/sessions/{session}/jobs/{job}", "PUT", None, 204, 403, 403, 204),
    ("/sessions/{session}/jobs/{job}", "DELETE", None, 204, 403, 403, 204),
    ("/backups", "GET", None, 200, 200, 200, 200),
    ("/backups", "POST", {"backup_name": "b", "container": "c", "hostname": "h"}, 201, 403, 201, 201),
    ("/backups/{backup}", "GET", None, 200, 200, 200, 200),
    ("/backups/{backup}", "PATCH", {"status": "error"}, 200, 403, 200, 200),
    ("/jobs/{job}", "POST", _JOB, 201, 403, 403, 201),
    ("/jobs/{job}", "DELETE", None, 204, 403, 403, 204),
    ("/sessions/{session}", "DELETE", None, 204, 403, 403, 204),
    ("/actions/{action}", "DELETE", None, 204, 403, 403, 204),
    ("/backups/{backup}", "DELETE", None, 204, 403, 204, 204),
    ("/clients/{client}", "DELETE", None, 204, 403, 403, 204),
]
_ROUTES = [pytest.param(*row, id=f"{row[1]} {row[0]}") for row in _MATRIX]


def _filled(house: House, body: Any) -> Any:
    if isinstance(body, dict):
        return {key: _filled(house, each) for key, each in body.items()}
    return house.job if body == "{job}" else body


@pytest.mark.parametrize(("route", "method", "body", "member", "reader", "service", "admin"), _ROUTES)
def test_every_role_gets_what_it_may_have(
    route: str, method: str, body: Any, member: int, reader: int, service: int, admin: int
) -> None:
    for roles, expected in (("reader", reader), ("service", service), ("admin", admin), ("member", member)):
        house = _house()
        project = house.owner.project
        inside = roles in {"member", "reader"}
        who = person(roles, project=project) if inside else person(roles, at=project)
        answer = who.send(method, house.path(route), _filled(house, body))
        assert answer.status == expected, (roles, answer)


@pytest.mark.parametrize(("route", "method", "body"), [row[:3] for row in _MATRIX])
@pytest.mark.parametrize("roles", ["member,reader", "reader", "", "custom"])
def test_another_project_is_forbidden(route: str, method: str, body: Any, roles: str) -> None:
    house = _shared_house()
    answer = person(roles, at=house.owner.project).send(method, house.path(route), _filled(house, body))
    assert answer.status == 403


@pytest.mark.parametrize(
    ("route", "method", "body"), [row[:3] for row in _MATRIX if "{" in row[0] and row[1] != "POST"]
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_what_belongs_to_others_is_not_there_below_ones_own_path(
    route: str, method: str, body: Any, version: str
) -> None:
    house = _shared_house()
    answer = person(version=version).send(method, house.path(route), _filled(house, body))
    assert answer.status == 404


@pytest.mark.parametrize("kind", ["clients", "actions", "jobs", "sessions", "backups"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_lists_and_searches_show_nothing_of_others(kind: str, version: str) -> None:
    _shared_house()
    mallory = person(version=version)
    for search in (None, {"match": [{"_all": "b"}]}, {"match": [{"client_id": "node"}]}, {"match_not": [{"foo": 1}]}):
        shown = mallory.get(f"/{kind}?limit=1000", search)[kind]
        # Other tests may have registered clients that serve everybody.
        assert [each for each in shown if not each.get("client", {}).get("is_central")] == []


_HOUSES: list[House] = []


def _shared_house() -> House:
    if not _HOUSES:
        _HOUSES.append(_house())
    return _HOUSES[0]


def test_ids_of_others_can_neither_be_taken_nor_replaced() -> None:
    house = _shared_house()
    mallory = person()
    mallory.client()
    assert mallory.send("POST", "/jobs", {**_JOB, "job_id": house.job}).status == 409
    assert mallory.send("POST", f"/jobs/{house.job}", _JOB).status == 409
    assert mallory.send("POST", f"/actions/{house.action}", _ACTION).status == 409
    assert mallory.send("POST", f"/sessions/{house.session}", {"schedule": {}, "session_tag": 0}).status == 409


def test_jobs_cannot_use_clients_actions_or_sessions_of_others() -> None:
    house = _shared_house()
    mallory = person()
    assert mallory.send("POST", "/jobs", _JOB).status == 422
    mallory.client()
    assert mallory.send("POST", "/jobs", {**_JOB, "job_actions": [{"action_id": house.action}]}).status == 422
    mine = mallory.job()
    assert mallory.send("PUT", f"/sessions/{house.session}/jobs/{mine}").status == 404
    session = mallory.made("/sessions", {"schedule": {}})["session_id"]
    assert mallory.send("PUT", f"/sessions/{session}/jobs/{house.job}").status == 404


def test_a12_all_projects_is_for_administrators_and_services() -> None:
    house = _shared_house()
    for roles in ("admin", "service"):
        found = person(roles).get("/jobs?all_projects=True&limit=1000", {"match": [{"job_id": house.job}]})["jobs"]
        assert [each["job_id"] for each in found] == [house.job]
        assert person(roles).get("/jobs?limit=1000")["jobs"] == []
        assert len(person(roles).get("/jobs?all_projects=True&limit=1")["jobs"]) == 1
    assert person().send("GET", "/jobs?all_projects=True").status == 403
    assert house.owner.send("GET", "/jobs?all_projects=False").status == 200


def test_a_token_without_a_project_sees_and_makes_nothing() -> None:
    nobody = Person(shared(), "", "", "u", "v1")
    assert nobody.get("/jobs")["jobs"] == []
    assert nobody.send("POST", "/sessions", {"schedule": {}}).status == 400


def test_v1_shows_a_user_its_own_and_v2_its_team() -> None:
    project = person().project
    alice, bob = person(project=project, version="v1"), person(project=project, version="v1")
    alice.client()
    job = alice.job()
    assert bob.send("GET", f"/jobs/{job}").status == 404
    shown = alice.get(f"/jobs/{job}")
    assert shown["project_id"] is None
    assert person(project=project).get(f"/jobs/{job}")["project_id"] == project
