"""A Keystone that is ill: whatever it does, callers are refused or asked to come again; the server does not fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from freezer.api.config import read_settings
from freezer.api.server import make_application
from support.api import fresh_database
from support.small_http import Reply, Request, Server
from support.wsgi import Answer, InProcess

# What Keystone's middleware stands on uses modules that Python is about to remove.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

_CONFIGURATION = """
[database]
connection = {database}
[keystone_authtoken]
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
username = freezer
password = secret
project_name = service
user_domain_id = default
project_domain_id = default
http_request_max_retries = 0
http_connect_timeout = 1
"""
_DOMAIN = {"id": "default", "name": "Default"}


def _token(**more: object) -> dict[str, Any]:
    named = {"id": "demo", "name": "demo", "domain": _DOMAIN}
    token = {
        "methods": ["password"],
        "user": named,
        "project": named,
        "roles": [{"id": "member", "name": "member"}],
        "catalog": [],
        "issued_at": "2026-01-01T00:00:00.000000Z",
        "expires_at": "2100-01-01T00:00:00.000000Z",
    }
    return {"token": {**token, **more}}


@dataclass
class Keystone:
    """Answers questions about tokens with ``told``, a document or a whole answer; ``silent``: not before it is set."""

    told: object = field(default_factory=_token)
    login: int = 201
    silent: threading.Event | None = None

    def __post_init__(self) -> None:
        self.server = Server(self._answer, "")
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v3"

    def _answer(self, request: Request) -> Reply:
        if request.name.strip("/") == "v3":
            links = [{"rel": "self", "href": self.url}]
            return _json(200, {"version": {"id": "v3.14", "status": "stable", "links": links}})
        if request.method == "POST":
            point = {"id": "i", "interface": "internal", "region": "one", "region_id": "one", "url": self.url}
            catalog = [{"id": "k", "type": "identity", "name": "keystone", "endpoints": [point]}]
            return _json(self.login, _token(catalog=catalog), {"X-Subject-Token": "ours"})
        if self.silent is not None:
            self.silent.wait(20)
        return self.told if isinstance(self.told, Reply) else _json(200, self.told)


def _json(status: int, document: object, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(document).encode())


@pytest.fixture
def keystone() -> Iterator[Keystone]:
    ill = Keystone()
    yield ill
    if ill.silent is not None:
        ill.silent.set()
    ill.server.close()


def _ask(folder: Path, keystone: Keystone) -> Answer:
    config = folder / "freezer-api.conf"
    config.write_text(_CONFIGURATION.format(database=fresh_database(folder), url=keystone.url))
    api = InProcess(make_application(read_settings([str(config)])))
    return api.send("GET", "/v2/demo/jobs", X_Auth_Token="gAAAAany")


def test_a_keystone_that_is_well_lets_its_users_in(tmp_path: Path, keystone: Keystone) -> None:
    assert _ask(tmp_path, keystone).status == 200


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_keystone_that_fails_makes_callers_come_again(tmp_path: Path, keystone: Keystone, status: int) -> None:
    keystone.told = Reply(status, body=b"<h1>Bad Gateway</h1>")
    answer = _ask(tmp_path, keystone)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0


def test_a_keystone_that_says_nothing_makes_callers_come_again(tmp_path: Path, keystone: Keystone) -> None:
    keystone.silent = threading.Event()
    answer = _ask(tmp_path, keystone)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("login", [401, 403, 500])
def test_a_keystone_that_does_not_let_the_server_in_makes_callers_come_again(
    tmp_path: Path, keystone: Keystone, login: int
) -> None:
    keystone.login = login
    answer = _ask(tmp_path, keystone)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0


def test_a_token_that_keystone_does_not_know_is_refused(tmp_path: Path, keystone: Keystone) -> None:
    keystone.told = _json(404, {"error": {"code": 404, "title": "Not Found", "message": "no such token"}})
    assert _ask(tmp_path, keystone).status == 401


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"expires_at": "2020-01-01T00:00:00.000000Z"}, 401),  # Keystone's clock is years behind
        ({"issued_at": "2099-01-01T00:00:00.000000Z"}, 200),  # ahead
        ({"roles": []}, 403),
        ({"project": None}, 403),
        ({"user": {"id": "u" * 5000, "name": "n", "domain": _DOMAIN}}, 403),
    ],
)
def test_a_token_counts_for_what_it_says(
    tmp_path: Path, keystone: Keystone, more: dict[str, object], expected: int
) -> None:
    keystone.told = _token(**more)
    assert _ask(tmp_path, keystone).status == expected


@pytest.mark.parametrize(
    "told",
    [
        {},
        [],
        None,
        {"token": None},
        {"token": []},
        {"token": {}},
        _token(expires_at="soon"),
        _token(expires_at=None),
        _token(roles=None),
        _token(roles="admin"),
        _token(roles=[{}]),
        _token(user=None),
        _token(user={}),
        Reply(200, {"Content-Type": "application/json"}, b"{half"),
        Reply(200, body=b"<html>"),
        Reply(200, {"Content-Type": "application/json"}, b'{"token": {}}', length=5000),
    ],
    ids=str,
)
def test_an_answer_that_is_no_token_lets_nobody_in_and_is_no_failure(
    tmp_path: Path, keystone: Keystone, told: object
) -> None:
    keystone.told = told
    answer = _ask(tmp_path, keystone)
    assert answer.status in {401, 403, 503}, answer
    if answer.status == 503:
        assert int(answer.headers["retry-after"]) > 0
