"""Machines join a project by an enrolment, once, with a key that they have made themselves."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import pytest

from freezer.testing.clock import FakeClock
from support.api import Person, serving
from support.people import person
from support.wsgi import Answer

_SECRET = "a secret of the machine"
_BACKUP = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "storage": "local", "engine_name": "tar"}


def _machine(name: str = "web7", **more: Any) -> dict[str, Any]:
    hash = hashlib.sha256(_SECRET.encode()).hexdigest()
    client = {"client_id": name, "hostname": f"{name}.example.org"}
    return {"client": client, "key_id": uuid.uuid4().hex, "key_hash": hash, **more}


def _offer(owner: Person, hours: int = 1) -> tuple[str, str]:
    offered = owner.made("/enrolments", {"hours": hours})
    return offered["enrolment_id"], offered["token"]


def _send(owner: Person, method: str, path: str, token: str, document: object = None) -> Answer:
    return owner.call.send(method, f"/v2/{owner.project}{path}", document, X_Auth_Token=token)


def _join(owner: Person, id: str, token: str, machine: dict[str, Any]) -> Answer:
    return _send(owner, "POST", f"/enrolments/{id}/machine", token, machine)


def _job(client: str = "web7") -> dict[str, Any]:
    return {
        "job_id": uuid.uuid4().hex,
        "client_id": client,
        "job_actions": [{"freezer_action": _BACKUP}],
        "job_schedule": {},
    }


def test_a_machine_joins_and_is_known_by_the_key_that_it_made() -> None:
    owner = person()
    id, token = _offer(owner)
    machine = _machine(jobs=[_job(), _job()])
    ids = [each["job_id"] for each in machine["jobs"]]
    answer = _join(owner, id, token, machine)
    assert (answer.status, answer.json()["client_id"], answer.json()["job_ids"]) == (201, "web7", ids)
    own = _send(owner, "GET", "/jobs", f"fzn1.{machine['key_id']}.{_SECRET}")
    assert {each["job_id"] for each in own.json()["jobs"]} == set(ids)
    assert owner.get("/clients/web7")["bound"] is True


def test_a_token_lets_one_machine_in_and_no_second() -> None:
    owner = person()
    id, token = _offer(owner)
    assert _join(owner, id, token, _machine()).status == 201
    answer = _join(owner, id, token, _machine("web8"))
    assert (answer.status, answer.json()["reason"]) == (409, "used")
    assert owner.send("GET", "/clients/web8").status == 404


def test_a_machine_that_never_got_the_answer_is_answered_the_same_again() -> None:
    owner = person()
    id, token = _offer(owner)
    machine = _machine(jobs=[_job()])
    first, second = (_join(owner, id, token, machine) for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.json() == second.json()
    assert len(owner.get("/jobs")["jobs"]) == 1


def test_an_enrolment_ends_after_its_hours(tmp_path: Path) -> None:
    clock = FakeClock(now=1_800_000_000)
    owner = Person(serving(tmp_path, clock, auth="none"), "p")
    id, token = _offer(owner)
    clock.sleep(3601)
    answer = _join(owner, id, token, _machine())
    assert (answer.status, answer.json()["reason"]) == (409, "expired")
    clock.sleep(90_000)
    _offer(owner)
    assert _join(owner, id, token, _machine()).status == 401, "it is forgotten after a day"


def test_what_was_refused_does_not_use_the_token_up() -> None:
    owner = person()
    owner.client("web7")
    id, token = _offer(owner)
    taken = _join(owner, id, token, _machine(jobs=[_job()]))
    assert (taken.status, taken.json()["description"]) == (409, "there is a client web7 already")
    foreign = _join(owner, id, token, _machine("web8", jobs=[_job(client="web7")]))
    assert foreign.status == 400
    assert _join(owner, id, token, _machine("web8", jobs=[_job(client="web8")])).status == 201


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [
        ("GET", "/clients", None),
        ("GET", "/jobs", None),
        ("POST", "/clients", {"client_id": "other"}),
        ("POST", "/jobs", {"client_id": "other", "job_actions": []}),
        ("POST", "/enrolments", {"hours": 1}),
        ("GET", "/changes", None),
    ],
)
def test_the_token_of_an_enrolment_is_good_for_joining_alone(method: str, path: str, document: object) -> None:
    owner = person()
    _, token = _offer(owner)
    assert _send(owner, method, path, token, document).status == 403


def test_a_token_opens_neither_another_enrolment_nor_another_project() -> None:
    owner, stranger = person(), person()
    _, token = _offer(owner)
    other, _ = _offer(owner)
    assert _join(owner, other, token, _machine()).status == 403
    theirs, _ = _offer(stranger)
    assert _join(stranger, theirs, token, _machine()).status == 403


def test_an_enrolment_is_taken_back() -> None:
    owner = person()
    id, token = _offer(owner)
    assert owner.send("DELETE", f"/enrolments/{id}").status == 204
    assert _join(owner, id, token, _machine()).status == 401
    assert owner.send("DELETE", f"/enrolments/{id}").status == 404


@pytest.mark.parametrize("token", ["fze1.", "fze1.x.y", f"fze1.{'a' * 32}.wrong", "fze1." + "a" * 4000])
def test_tokens_that_nobody_made_are_nobody(token: str) -> None:
    owner = person()
    id, _ = _offer(owner)
    assert _join(owner, id, token, _machine()).status == 401


def test_what_is_no_machine_is_refused_with_its_place() -> None:
    owner = person()
    id, token = _offer(owner)
    for document, path in (
        ({**_machine(), "key_id": "short"}, ["key_id"]),
        ({**_machine(), "key_hash": "x"}, ["key_hash"]),
        ({**_machine(), "client": {}}, []),
    ):
        answer = _join(owner, id, token, document)
        assert (answer.status, answer.json().get("path", [])) == (400, path), document
    central = _machine()
    central["client"]["is_central"] = True
    assert _join(owner, id, token, central).status == 403


def test_the_secret_of_an_enrolment_is_in_no_table(tmp_path: Path) -> None:
    call = serving(tmp_path, kind="sqlite")
    owner = Person(call, "p", "admin")
    _, token = _offer(owner)
    secret = token.rpartition(".")[2].encode()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret not in kept
