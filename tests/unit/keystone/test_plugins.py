"""Every plugin that keystoneauth has is loaded with its options from variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from keystoneauth1 import loading

from freezer.errors import UsageError
from freezer.keystone.clouds import cloud_variables
from freezer.keystone.plugins import PluginAccess, load_plugin

_URL = "https://cloud.example/v3"


def _loaded(name: str, **given: str) -> PluginAccess:
    return load_plugin(name, {"OS_AUTH_TYPE": name, **given}, region=None, interface="public")


def _given(loader: Any) -> dict[str, str]:
    """A value for everything that the plugin may be told, but for what excludes other things."""
    texts: dict[type, str] = {int: "7", float: "7"}
    names = {option.dest: texts.get(option.type, "word") for option in loader.get_options()}
    names = {name: text for name, text in names.items() if not name.startswith(("system_", "trust_", "domain_"))}
    return {f"OS_{name.upper()}": text for name, text in names.items()} | {"OS_AUTH_URL": _URL}


@pytest.mark.parametrize("name", sorted(loading.get_available_plugin_names()))
def test_a_plugin_is_given_all_that_variables_say(name: str) -> None:
    given = _given(loading.get_plugin_loader(name))
    if name == "v3multifactor":
        given["OS_AUTH_METHODS"] = "v3password, v3totp"
    access = _loaded(name, **given)
    assert isinstance(access, PluginAccess)
    access.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("v3totp", "needs OS_PASSCODE"),
        ("v3oidcpassword", "You have to specify either an 'access-token-endpoint' or a 'discovery-endpoint'"),
        ("v3oidcaccesstoken", "needs OS_IDENTITY_PROVIDER, OS_PROTOCOL, OS_ACCESS_TOKEN"),
        ("v3oauth2clientcredential", "You must provide an OAuth2.0 endpoint"),
        ("v3websso", "needs OS_IDENTITY_PROVIDER, OS_PROTOCOL"),
    ],
)
def test_a_plugin_that_lacks_something_says_what(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        _loaded(name, OS_AUTH_URL=_URL)
    assert raised.value.message.startswith(f"OS_AUTH_TYPE {name}")


def test_a_value_of_the_wrong_type_is_refused_by_its_variable() -> None:
    loader = loading.get_plugin_loader("v3websso")
    with pytest.raises(UsageError, match=r"OS_REDIRECT_PORT often: OS_AUTH_TYPE v3websso wants .* int"):
        _loaded("v3websso", **{**_given(loader), "OS_REDIRECT_PORT": "often"})


def test_a_plugin_whose_libraries_are_missing_says_what_to_install() -> None:
    every = {"v3kerberos": "kerberos", "v3samlpassword": "saml2", "v3oauth1": "oauth1"}
    missing = {name: extra for name, extra in every.items() if name not in loading.get_available_plugin_names()}
    for name, extra in missing.items():
        with pytest.raises(UsageError) as raised:
            _loaded(name, OS_AUTH_URL=_URL)
        assert raised.value.hint == f"pip install 'keystoneauth1[{extra}]'"


@pytest.mark.parametrize(
    ("methods", "said"), [("v3nonsense", "OS_AUTH_METHODS: v3nonsense is none"), ("", "methods is a required option")]
)
def test_methods_that_are_none_are_refused(methods: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _loaded("v3multifactor", OS_AUTH_URL=_URL, **({"OS_AUTH_METHODS": methods} if methods else {}))


def test_a_list_in_clouds_yaml_is_one_variable(tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text("clouds: {c: {auth_type: v3multifactor, auth: {auth_methods: [v3password, v3totp]}}}")
    assert cloud_variables("c", str(path), str(tmp_path))["OS_AUTH_METHODS"] == "v3password,v3totp"
