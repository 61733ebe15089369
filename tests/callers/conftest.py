"""The original's clients, scheduler and acceptance tests, unmodified, on our API as a program. What cannot be fetched
is skipped with the reason; in CI it is a failure."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import originals
import pytest
from originals import Original, Somebody

from servers import keystone
from servers.session import api
from support.fetching import fetched
from support.served import FORKING, Server, served


@pytest.fixture(scope="session")
def clients() -> Path:
    """The programs of today's clients."""
    return fetched("python-freezerclient 6.5.0", originals.clients)


@pytest.fixture(scope="session")
def first_version() -> Path:
    """The programs of the last release that speaks v1."""
    return fetched("freezer 18.0.0", originals.first_version)


@pytest.fixture(scope="session")
def about() -> Mapping[str, Any]:
    """Where the API and its Keystone are."""
    return api()


@pytest.fixture(scope="session")
def projects(about: Mapping[str, Any]) -> Mapping[str, str]:
    """The ids of Keystone's projects, by their names."""
    admin = keystone.Admin(about["auth_url"])
    return {name: admin.find("project", name) for name in (*keystone.PROJECTS, "admin")}


@pytest.fixture(scope="session")
def keystone_user(about: Mapping[str, Any], projects: Mapping[str, str]) -> Callable[[str], Somebody]:
    """Makes somebody whom Keystone knows: ``demo``, ``other``, ``reader`` or ``admin``."""

    def make(name: str) -> Somebody:
        project = keystone.USERS[name][0] if name in keystone.USERS else name
        password = keystone.ADMIN if name == "admin" else name
        return Somebody(_login(about["auth_url"], name, password, project), projects[project])

    return make


@pytest.fixture(scope="session")
def basic_user(about: Mapping[str, Any]) -> Callable[[str], Somebody]:
    """Makes somebody whom the API knows by a password: ``demo``, ``other`` or ``admin``."""

    def make(name: str) -> Somebody:
        known, project = ("root", "demo") if name == "admin" else (name, name)
        env = _login(f"{about['basic']}/identity/v3", known, known, project)
        return Somebody({**env, "OS_CACERT": about["ca"]}, project)

    return make


def _login(auth_url: str, user: str, password: str, project: str) -> dict[str, str]:
    return {
        "OS_AUTH_URL": auth_url,
        "OS_IDENTITY_API_VERSION": "3",
        "OS_USERNAME": user,
        "OS_PASSWORD": password,
        "OS_PROJECT_NAME": project,
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
    }


@pytest.fixture(scope="session")
def _freezerclient(clients: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served([clients / "python", "-I", FORKING, "freezerclient"], tmp_path_factory.mktemp("freezer")) as server:
        yield server


@pytest.fixture(scope="session")
def _openstackclient(clients: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served([clients / "python", "-I", FORKING, "openstackclient"], tmp_path_factory.mktemp("osc")) as server:
        yield server


@pytest.fixture
def original(
    request: pytest.FixtureRequest,
    keystone_user: Callable[[str], Somebody],
    basic_user: Callable[[str], Somebody],
    tmp_path: Path,
) -> Callable[[str, str], Original]:
    """Makes ``freezer`` or ``openstack`` of the original, used by demo through ``keystone`` or ``basic``."""

    def make(program: str, way: str) -> Original:
        server = request.getfixturevalue({"freezer": "_freezerclient", "openstack": "_openstackclient"}[program])
        people = {"keystone": keystone_user, "basic": basic_user}[way]
        return Original(program, server, people("demo"), tmp_path)

    return make


@pytest.fixture
def unique() -> str:
    """A word that no other test has used."""
    return f"n{uuid.uuid4().hex[:10]}"
