"""Who we are in a cloud, from what the environment says."""

from __future__ import annotations

import pytest

from freezer.errors import UsageError
from freezer.keystone.credentials import read_credentials

BASE = {"OS_AUTH_URL": "https://c:5000/v3/", "OS_USERNAME": "me", "OS_PASSWORD": "pw", "OS_PROJECT_NAME": "mine"}


def credentials(changed=None, without=(), **options):
    given = {name: value for name, value in (BASE | (changed or {})).items() if name not in without}
    return read_credentials(given, source="the environment", **options)


def test_a_password_and_names_in_the_default_domain():
    found = credentials()
    assert found.auth_url == "https://c:5000/v3"
    assert (found.method, found.secret.reveal()) == ("password", b"pw")
    assert found.identity == {
        "username": "me",
        "user_domain_id": "default",
        "project_name": "mine",
        "project_domain_id": "default",
    }
    assert (found.region, found.interface, found.verify) == (None, "public", True)


@pytest.mark.parametrize("old", [{"OS_TENANT_NAME": "mine"}, {"OS_TENANT_ID": "7"}])
def test_old_names_of_the_project_are_understood(old):
    found = credentials(old, without=("OS_PROJECT_NAME",))
    assert found.scope in ("project mine", "project 7")


def test_ids_need_no_domain_and_win_over_names():
    found = credentials({"OS_USER_ID": "u1", "OS_PROJECT_ID": "p1", "OS_USER_DOMAIN_NAME": "D"})
    assert found.identity == {"user_id": "u1", "project_id": "p1"}


def test_a_domain_that_is_named_is_taken():
    found = credentials({"OS_USER_DOMAIN_NAME": "Staff", "OS_PROJECT_DOMAIN_ID": "d9", "OS_PROJECT_DOMAIN_NAME": "x"})
    assert found.identity["user_domain_name"] == "Staff"
    assert found.identity["project_domain_id"] == "d9"
    assert "project_domain_name" not in found.identity


def test_a_trust_takes_the_place_of_the_project():
    for found in (credentials(trust="t1"), credentials({"OS_TRUST_ID": "t1"})):
        assert found.identity == {"username": "me", "user_domain_id": "default", "trust_id": "t1"}
        assert found.scope == "trust t1"


def test_an_application_credential_has_its_project_in_it():
    given = {"OS_APPLICATION_CREDENTIAL_ID": "a1", "OS_APPLICATION_CREDENTIAL_SECRET": "s"}
    found = credentials(given, without=("OS_PASSWORD",))
    assert (found.method, found.identity) == ("application credential", {"application_credential_id": "a1"})


def test_an_unversioned_url_gets_the_version():
    assert credentials({"OS_AUTH_URL": "http://c/identity"}).auth_url == "http://c/identity/v3"


def test_insecure_is_an_option_or_a_variable():
    assert not credentials(insecure=True).verify
    assert not credentials({"OS_INSECURE": "True"}).verify
    assert credentials({"OS_INSECURE": "false"}).verify


@pytest.mark.parametrize(
    ("changed", "without", "message"),
    [
        ({}, ("OS_AUTH_URL",), "OS_AUTH_URL is missing"),
        ({}, ("OS_USERNAME",), "OS_USERNAME or OS_USER_ID is missing"),
        ({}, ("OS_PASSWORD",), "OS_PASSWORD is missing"),
        ({"OS_PASSWORD": "  "}, (), "OS_PASSWORD is missing"),
        ({}, ("OS_PROJECT_NAME",), "OS_PROJECT_NAME or OS_PROJECT_ID is missing"),
        ({"OS_AUTH_URL": "http://c/v2.0/"}, (), "identity v2"),
        ({"OS_AUTH_URL": "c:5000"}, (), "no URL"),
        ({"OS_AUTH_TYPE": "v3kerberos"}, (), "v3kerberos is not supported"),
        ({"OS_INTERFACE": "publicity"}, (), "none of public, internal and admin"),
    ],
)
def test_what_is_missing_or_wrong_is_named_without_the_secret(changed, without, message):
    with pytest.raises(UsageError, match=message) as caught:
        credentials(changed, without)
    assert "pw" not in caught.value.message


def test_clouds_yaml_is_read_and_variables_win(tmp_path):
    file = tmp_path / "clouds.yaml"
    file.write_text(
        "clouds:\n  mine:\n    auth:\n      auth_url: http://c/v3\n      username: me\n      password: '1'\n"
        "      project_id: 4711\n    region_name: R\n    interface: internal\n    verify: false\n"
    )
    (tmp_path / "secure.yaml").write_text("clouds:\n  mine:\n    auth: {password: better}\n")
    given = {"OS_CLOUD": "mine", "OS_CLIENT_CONFIG_FILE": str(file), "OS_REGION_NAME": "Other"}
    found = read_credentials(given, source="the environment")
    assert found.identity == {"username": "me", "user_domain_id": "default", "project_id": "4711"}
    assert (found.secret.reveal(), found.region, found.interface, found.verify) == (
        b"better",
        "Other",
        "internal",
        False,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clouds:\n  other: {}\n", "no such cloud .it has: other."),
        ("clouds: [\n", "is not YAML"),
        ("nothing: here\n", "no section 'clouds'"),
        ("clouds:\n  mine:\n    auth: text\n", "auth must be a mapping"),
    ],
)
def test_a_clouds_yaml_without_our_cloud_is_told(tmp_path, text, message):
    file = tmp_path / "clouds.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_credentials({"OS_CLOUD": "mine", "OS_CLIENT_CONFIG_FILE": str(file)}, source="the environment")


def test_clouds_yaml_is_looked_for_in_the_home_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"there is no clouds\.yaml"):
        read_credentials({"OS_CLOUD": "mine"}, source="the environment", home=str(tmp_path))
    place = tmp_path / ".config" / "openstack"
    place.mkdir(parents=True)
    (place / "clouds.yaml").write_text("clouds:\n  mine:\n    auth: {auth_url: 'http://c', token: t, project_id: p}\n")
    found = read_credentials({"OS_CLOUD": "mine"}, source="the environment", home=str(tmp_path))
    assert (found.method, found.auth_url) == ("token", "http://c/v3")
