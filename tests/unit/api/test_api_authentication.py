"""Who is let in: with passwords, with tokens, on loopback; and whom the official clients take this server for."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from freezer.api.auth.tokens import Claims, Signer, read_key
from freezer.api.config import ApiSettings
from freezer.api.serve import check_exposure
from freezer.errors import UsageError
from freezer.testing.clock import FakeClock
from support.api import serving
from support.wsgi import Answer, InProcess

_USERS = """
[users.alice]
project = "house"
roles = ["member", "reader"]

[users.reader]
project = "house"
roles = ["reader"]
"""


def _entry(name: str, password: str) -> str:
    return f"{name}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_800_000_000.0)


@pytest.fixture
def api(tmp_path: Path, clock: FakeClock) -> InProcess:
    (tmp_path / "htpasswd").write_text(_entry("alice", "secret") + _entry("reader", "other"))
    (tmp_path / "users.toml").write_text(_USERS)
    return serving(
        tmp_path,
        clock,
        auth="basic",
        passwords=str(tmp_path / "htpasswd"),
        users=str(tmp_path / "users.toml"),
        token_key=str(tmp_path / "key"),
    )


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _jobs(api: InProcess, **headers: str) -> Answer:
    return api.send("GET", "/v2/house/jobs", **headers)


def _login(api: InProcess, name: str, password: str, project: str | None = None) -> Answer:
    user = {"name": name, "password": password, "domain": {"id": "default"}}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if project:
        auth["scope"] = {"project": {"name": project, "domain": {"id": "default"}}}
    return api.send("POST", "/identity/v3/auth/tokens", {"auth": auth})


def test_without_a_password_only_the_open_paths_answer(api: InProcess) -> None:
    refused = _jobs(api)
    assert refused.status == 401
    assert refused.json()["error"]["message"] == "The request you have made requires authentication."
    assert api.send("GET", "/").status == 300
    assert api.send("GET", "/healthcheck").status == 200
    assert api.send("GET", "/v2").status == 401
    assert api.send("GET", "/nosuch").status == 401


def test_a_password_opens_the_users_own_project_with_its_roles(api: InProcess) -> None:
    assert _jobs(api, Authorization=_basic("alice", "secret")).status == 200
    assert api.send("GET", "/v2/other/jobs", Authorization=_basic("alice", "secret")).status == 403
    document = {"client_id": "n"}
    assert api.send("POST", "/v2/house/clients", document, Authorization=_basic("reader", "other")).status == 403


@pytest.mark.parametrize("header", ["Basic", "Basic x", "Bearer x", "Basic " + base64.b64encode(b"alice").decode(), ""])
def test_what_is_no_password_is_refused(api: InProcess, header: str) -> None:
    assert _jobs(api, Authorization=header).status == 401


@pytest.mark.parametrize(
    ("name", "password"), [("alice", "wrong"), ("alice", ""), ("nobody", "secret"), ("alice", "x" * 100)]
)
def test_a_wrong_password_is_refused(api: InProcess, name: str, password: str) -> None:
    assert _jobs(api, Authorization=_basic(name, password)).status == 401


def test_headers_of_keystone_are_worth_nothing_here(api: InProcess) -> None:
    claimed = {"X_Identity_Status": "Confirmed", "X_Roles": "admin", "X_Project_Id": "house", "X_User_Id": "x"}
    assert _jobs(api, **claimed).status == 401


def test_after_ten_failures_nobody_is_looked_up_for_five_minutes(api: InProcess, clock: FakeClock) -> None:
    for _ in range(10):
        assert _jobs(api, Authorization=_basic("alice", "wrong")).status == 401
    refused = _jobs(api, Authorization=_basic("alice", "secret"))
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) > 0
    assert _jobs(api, Authorization=_basic("reader", "other")).status == 200
    clock.advance(301)
    assert _jobs(api, Authorization=_basic("alice", "secret")).status == 200


def test_a_password_that_is_changed_is_refused_at_once_and_so_are_its_tokens(api: InProcess, tmp_path: Path) -> None:
    token = _login(api, "alice", "secret").headers["x-subject-token"]
    assert _jobs(api, Authorization=_basic("alice", "secret")).status == 200
    assert _jobs(api, X_Auth_Token=token).status == 200
    (tmp_path / "htpasswd").write_text(_entry("alice", "new-secret"))
    assert _jobs(api, Authorization=_basic("alice", "secret")).status == 401
    assert _jobs(api, X_Auth_Token=token).status == 401
    assert _jobs(api, Authorization=_basic("alice", "new-secret")).status == 200


def test_a_token_ends(api: InProcess, clock: FakeClock) -> None:
    token = _login(api, "alice", "secret").headers["x-subject-token"]
    clock.advance(25 * 3600)
    assert _jobs(api, X_Auth_Token=token).status == 401


def test_a_token_is_what_keystones_clients_expect(api: InProcess) -> None:
    answer = _login(api, "alice", "secret", "house")
    assert answer.status == 201
    token = answer.json()["token"]
    assert token["project"]["id"] == "house"
    assert {role["name"] for role in token["roles"]} == {"member", "reader"}
    backup = next(service for service in token["catalog"] if service["type"] == "backup")
    assert {endpoint["url"] for endpoint in backup["endpoints"]} == {api.base}
    subject = answer.headers["x-subject-token"]
    told = api.send("GET", "/identity/v3/auth/tokens", X_Auth_Token=subject, X_Subject_Token=subject)
    assert told.json()["token"]["user"]["id"] == "alice"
    projects = api.send("GET", "/identity/v3/auth/projects", X_Auth_Token=subject).json()["projects"]
    assert [each["id"] for each in projects] == ["house"]
    assert api.send("GET", "/identity/v3").json()["version"]["id"] == "v3.14"


def test_nobody_logs_in_to_anothers_project(api: InProcess) -> None:
    assert _login(api, "alice", "secret", "elsewhere").status == 401
    assert _login(api, "alice", "wrong").status == 401
    assert api.send("POST", "/identity/v3/auth/tokens", {"auth": {}}).status == 400
    assert api.send("GET", "/identity/v3/auth/projects").status == 401


def test_a_token_that_was_changed_is_none() -> None:
    signer = Signer(b"k" * 32)
    claims = Claims("alice", "f", 100)
    token = signer.sign(claims)
    assert signer.read(token, 99) == claims
    assert signer.read(token, 100) is None
    assert Signer(b"l" * 32).read(token, 99) is None
    head, payload, signature = token.split(".")
    for wrong in (
        "",
        "x",
        f"{head}.{payload}",
        f"{head}.{payload}A.{signature}",
        f"fz2.{payload}.{signature}",
        "fz1.é.é",
    ):
        assert signer.read(wrong, 99) is None


def test_the_key_of_tokens_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "key")
    key = read_key(path)
    assert read_key(path) == key
    assert os.stat(path).st_mode & 0o777 == 0o600
    os.chmod(path, 0o644)
    with pytest.raises(UsageError, match="can be read by others"):
        read_key(path)


@pytest.mark.parametrize(
    ("passwords", "users", "said"),
    [
        ("alice:plain\n", _USERS, "line 1 is no entry with a bcrypt hash"),
        ("alice:$2y$05$tooshort\n", _USERS, "line 1 is no entry with a bcrypt hash"),
        ("", "[users.alice]\nproject = 5", "users"),
        ("", '[users.alice]\nproject = "p"\nroles = ["king"]', "role king is none of"),
        ("", '[users.alice]\nproject = "p"\ncolour = "red"', "colour"),
        ("", "[users", "users.toml"),
    ],
)
def test_a_file_of_users_that_is_wrong_stops_the_server(tmp_path: Path, passwords: str, users: str, said: str) -> None:
    (tmp_path / "htpasswd").write_text(passwords)
    (tmp_path / "users.toml").write_text(users)
    paths = {
        "passwords": str(tmp_path / "htpasswd"),
        "users": str(tmp_path / "users.toml"),
        "token_key": str(tmp_path / "k"),
    }
    with pytest.raises(UsageError, match=said):
        serving(tmp_path, auth="basic", **paths)


def test_without_authentication_only_this_machine_is_answered(tmp_path: Path) -> None:
    api = serving(tmp_path)
    assert api.send("GET", "/v2/anything/jobs").status == 200
    api.address = "192.0.2.7"
    assert api.send("GET", "/v2/anything/jobs").status == 401


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:9090", 200),
        ("http://localhost", 200),
        ("https://example.org", 401),
        ("null", 401),
        ("http://[", 401),
        ("", 401),
    ],
)
def test_without_authentication_no_page_of_another_site_is_answered(tmp_path: Path, origin: str, expected: int) -> None:
    assert serving(tmp_path).send("GET", "/v2/anything/jobs", Origin=origin).status == expected


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"auth": "none", "bind_host": "0.0.0.0"}, "does not listen on"),
        ({"auth": "none", "bind_host": "example.org"}, "does not listen on"),
        ({"auth": "basic", "bind_host": "192.0.2.1"}, "without TLS"),
        ({"auth": "basic", "tls_certificate": "x"}, "belong together"),
        ({}, "nothing says how callers are authenticated"),
    ],
)
def test_a_server_that_would_let_strangers_in_is_not_started(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_exposure(ApiSettings(**settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"auth": "none"},
        {"auth": "none", "bind_host": "::1"},
        {"auth": "basic", "bind_host": "192.0.2.1", "behind_proxy": True},
        {"auth": "keystone"},
    ],
)
def test_a_server_that_is_safe_is_started(settings: dict[str, Any]) -> None:
    check_exposure(ApiSettings(**settings))
