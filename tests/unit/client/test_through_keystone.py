"""Whoever Keystone knows is known to the API: by any plugin, with a token that is renewed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer.client.opening import open_api
from freezer.errors import ApiDenied, ApiUnavailable
from support.small_api import PROJECT, SmallApi
from support.small_keystone import SmallKeystone


@pytest.fixture
def keystone() -> Iterator[SmallKeystone]:
    api = SmallApi()
    keystone = SmallKeystone(api, ann="word")
    yield keystone
    keystone.close()
    api.close()


@pytest.fixture
def given(keystone: SmallKeystone) -> dict[str, str]:
    return {"OS_AUTH_URL": keystone.url, "OS_USERNAME": "ann", "OS_PASSWORD": "word", "OS_PROJECT_NAME": "home"}


# password goes through code of ours; one-time codes through keystoneauth's own loader, as all other plugins do
TOTP = {
    "OS_AUTH_TYPE": "v3totp",
    "OS_PASSCODE": "word",
    "OS_USER_DOMAIN_NAME": "Default",
    "OS_PROJECT_DOMAIN_NAME": "Default",
}


@pytest.mark.parametrize("method", [{}, TOTP])
def test_the_catalogue_says_where_the_api_is(
    keystone: SmallKeystone, given: dict[str, str], method: dict[str, str], tmp_path: Path
) -> None:
    with open_api({**given, **method}, home=str(tmp_path)) as api:
        assert api.jobs.find() == []
        assert api.project() == PROJECT
    assert len(keystone.tokens) == 1


@pytest.mark.parametrize("method", [{}, TOTP])
def test_a_token_that_has_expired_is_renewed_once(
    keystone: SmallKeystone, given: dict[str, str], method: dict[str, str], tmp_path: Path
) -> None:
    with open_api({**given, **method}, home=str(tmp_path)) as api:
        api.jobs.find()
        keystone.expire()
        assert api.jobs.create({"client_id": "node"})
    assert len(keystone.tokens) == 2


def test_a_wrong_password_is_no_matter_of_the_api(given: dict[str, str], tmp_path: Path) -> None:
    with (
        open_api({**given, "OS_PASSWORD": "wrong"}, home=str(tmp_path)) as api,
        pytest.raises(ApiDenied, match="the name or the password is wrong"),
    ):
        api.jobs.find()


def test_a_keystone_that_is_away_makes_the_api_unavailable(given: dict[str, str], tmp_path: Path) -> None:
    away = {**given, "OS_AUTH_URL": "http://127.0.0.1:9/v3"}
    with open_api(away, home=str(tmp_path)) as api, pytest.raises(ApiUnavailable):
        api.jobs.find()


def test_an_address_of_our_own_wins_over_the_catalogue(
    keystone: SmallKeystone, given: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = SmallApi()
    with open_api({**given, "OS_BACKUP_URL": elsewhere.url + "/v2"}, home=str(tmp_path)) as api:
        api.jobs.find()
    assert [request.name for request in elsewhere.requests] == [f"v2/{PROJECT}/jobs"]
    elsewhere.close()


def test_a_fixed_token_needs_no_keystone(tmp_path: Path) -> None:
    server = SmallApi()
    server.token = "fixed"
    given = {"OS_AUTH_TYPE": "admin_token", "OS_ENDPOINT": f"{server.url}/v2/{PROJECT}", "OS_TOKEN": "fixed"}
    with open_api(given, home=str(tmp_path)) as api:
        assert api.jobs.find() == []
    server.close()
