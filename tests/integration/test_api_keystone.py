"""The API behind a real Keystone: who is let in, and what happens without it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from freezer.api.config import read_settings
from freezer.api.server import make_application
from servers import keystone
from servers.processes import free_ports
from servers.session import openstack
from support.api import fresh_database
from support.wsgi import InProcess

# What Keystone's middleware stands on uses modules that Python is about to remove.
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

_CONFIGURATION = """
[database]
connection = {database}
[keystone_authtoken]
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
username = swift
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default
http_request_max_retries = 0
"""


def _server(folder: Path, url: str) -> InProcess:
    config = folder / "freezer-api.conf"
    config.write_text(_CONFIGURATION.format(database=fresh_database(folder), url=url, password=keystone.SERVICE))
    return InProcess(make_application(read_settings([str(config)])))


@pytest.fixture(scope="module")
def url() -> str:
    return str(openstack()["auth_url"])


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, url: str) -> InProcess:
    return _server(tmp_path_factory.mktemp("api"), url)


@pytest.fixture(scope="module")
def projects(url: str) -> Mapping[str, str]:
    admin = keystone.Admin(url)
    return {name: admin.find("project", name) for name in keystone.PROJECTS}


def _token(url: str, user: str, password: str, project: str | None) -> str:
    identity: dict[str, Any] = {
        "methods": ["password"],
        "password": {"user": {"name": user, "domain": {"id": "default"}, "password": password}},
    }
    auth: dict[str, Any] = {"identity": identity}
    auth["scope"] = {"project": {"name": project, "domain": {"id": "default"}}} if project else "unscoped"
    body = json.dumps({"auth": auth}).encode()
    request = urllib.request.Request(f"{url}/auth/tokens", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(answer.headers["X-Subject-Token"])


def test_without_a_token_or_with_a_wrong_one_nobody_is_let_in(api: InProcess, url: str) -> None:
    for headers in ({}, {"X_Auth_Token": "gAAAAwrong"}):
        refused = api.send("GET", "/v2/any/jobs", **headers)
        assert refused.status == 401
        assert refused.headers["www-authenticate"] == f'Keystone uri="{url}"'
    assert api.send("GET", "/").status == 300
    assert api.send("GET", "/identity/v3").status == 401


@pytest.mark.parametrize(
    ("user", "project", "at", "reading", "writing"),
    [
        ("demo", "demo", "demo", 200, 201),
        ("reader", "demo", "demo", 200, 403),
        ("nobody", "demo", "demo", 403, 403),
        ("other", "other", "demo", 403, 403),
        ("admin", "admin", "demo", 200, 201),
        ("swift", "service", "demo", 200, 201),
    ],
)
def test_roles_are_keystones(
    api: InProcess, url: str, projects: Mapping[str, str], user: str, project: str, at: str, reading: int, writing: int
) -> None:
    password = {"admin": keystone.ADMIN, "swift": keystone.SERVICE}.get(user, user)
    token = _token(url, user, password, project)
    path = f"/v2/{projects[at]}/sessions"
    assert api.send("GET", path, X_Auth_Token=token).status == reading
    assert api.send("POST", path, {"schedule": {}}, X_Auth_Token=token).status == writing


def test_headers_of_callers_are_not_believed(api: InProcess, url: str, projects: Mapping[str, str]) -> None:
    token = _token(url, "demo", "demo", "demo")
    claimed = {"X_Project_Id": projects["other"], "X_Roles": "admin", "X_Identity_Status": "Confirmed"}
    assert api.send("GET", f"/v2/{projects['other']}/jobs", X_Auth_Token=token, **claimed).status == 403


def test_a_token_without_a_project_is_forbidden(api: InProcess, url: str, projects: Mapping[str, str]) -> None:
    token = _token(url, "demo", "demo", None)
    assert api.send("GET", f"/v2/{projects['demo']}/jobs", X_Auth_Token=token).status == 403


def test_while_keystone_is_away_callers_are_asked_to_come_again(tmp_path: Path) -> None:
    api = _server(tmp_path, f"http://127.0.0.1:{free_ports(1)[0]}/v3")
    answer = api.send("GET", "/v2/any/jobs", X_Auth_Token="gAAAAany")
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert api.send("GET", "/healthcheck").status == 200
