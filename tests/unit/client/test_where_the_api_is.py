"""Addresses as they are found in catalogues, and variables as they are found in environments."""

from __future__ import annotations

from pathlib import Path

import pytest

from freezer.client.address import base_of, root_of
from freezer.client.opening import open_api
from freezer.errors import UsageError
from support.small_api import PROJECT, SmallApi


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://host:9090", "http://host:9090/v2/mine"),
        ("http://host:9090/", "http://host:9090/v2/mine"),
        ("https://host/backup", "https://host/backup/v2/mine"),
        ("http://host:9090/v2", "http://host:9090/v2/mine"),
        ("http://host:9090/v2/", "http://host:9090/v2/mine"),
        ("http://host:9090/v2/theirs", "http://host:9090/v2/theirs"),
        ("http://host/v2ray/v2/theirs/", "http://host/v2ray/v2/theirs"),
        ("http://host/v2ray", "http://host/v2ray/v2/mine"),
    ],
)
def test_what_an_address_lacks_is_added(given: str, base: str) -> None:
    assert base_of(given, lambda: "mine") == base
    assert not root_of(given).endswith(("v2", "theirs", "/"))


@pytest.mark.parametrize("given", ["", "host:9090", "ftp://host", "http://", "http://host/v1/x", "http://host?x=1"])
def test_other_addresses_are_refused(given: str) -> None:
    with pytest.raises(UsageError):
        base_of(given, lambda: "mine")


def test_an_address_alone_is_enough_for_an_api_that_asks_for_nothing(tmp_path: Path) -> None:
    server = SmallApi()
    with open_api({"OS_BACKUP_URL": server.url}, home=str(tmp_path)) as api:
        assert api.jobs.find() == []
        assert api.project() == PROJECT
    server.close()


def test_a_name_and_a_password_mean_http_basic(tmp_path: Path) -> None:
    server = SmallApi(login=("ann", "word"))
    given = {"OS_BACKUP_URL": server.url, "OS_USERNAME": "ann", "OS_PASSWORD": "word"}
    with open_api(given, home=str(tmp_path)) as api:
        assert api.jobs.find() == []
    server.close()


def test_a_token_that_the_api_gave_is_enough(tmp_path: Path) -> None:
    server = SmallApi()
    server.token = "given"
    with open_api({"OS_BACKUP_URL": server.url, "OS_TOKEN": "given"}, home=str(tmp_path)) as api:
        assert api.jobs.find() == []
    with pytest.raises(UsageError, match="the token would go to http://backup"):
        open_api({"OS_BACKUP_URL": "http://backup.example.org", "OS_TOKEN": "given"}, home=str(tmp_path))
    server.close()


def test_clouds_yaml_can_name_such_an_api(tmp_path: Path) -> None:
    server = SmallApi(login=("ann", "word"))
    file = tmp_path / "clouds.yaml"
    file.write_text(
        f"clouds:\n  home:\n    auth_type: http_basic\n"
        f"    auth: {{endpoint: '{server.url}', username: ann, password: word}}\n"
    )
    with open_api({"OS_CLOUD": "home", "OS_CLIENT_CONFIG_FILE": str(file)}, home=str(tmp_path)) as api:
        assert api.jobs.find() == []
    server.close()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "OS_AUTH_URL is missing"),
        ({"OS_AUTH_TYPE": "none"}, "OS_BACKUP_URL is missing"),
        ({"OS_BACKUP_URL": "http://127.0.0.1", "OS_CACERT": "/nothing"}, "OS_CACERT /nothing does not exist"),
        ({"OS_BACKUP_URL": "http://127.0.0.1", "OS_USERNAME": "ann"}, "OS_PASSWORD is missing"),
        ({"OS_BACKUP_URL": "http://127.0.0.1", "OS_BACKUP_API_VERSION": "1"}, "OS_BACKUP_API_VERSION 1"),
        ({"OS_AUTH_TYPE": "nonsense", "OS_AUTH_URL": "http://127.0.0.1"}, "nonsense is none of keystoneauth's plugins"),
        ({"OS_AUTH_TYPE": "admin_token", "OS_TOKEN": "t"}, "needs OS_ENDPOINT"),
    ],
)  # fmt: skip
def test_what_lacks_is_named(given: dict[str, str], text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=text):
        open_api(given, home=str(tmp_path))
