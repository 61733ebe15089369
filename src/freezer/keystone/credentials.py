"""Who we are in a cloud: from variables to :class:`Credentials`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from freezer.errors import UsageError
from freezer.keystone.clouds import cloud_variables
from freezer.secret import Secret

METHODS = {
    "password": "password",
    "v3password": "password",
    "token": "token",
    "v3token": "token",
    "v3applicationcredential": "application credential",
    "v3trust": "password",
    "token_file": "token file",
}
"""``OS_AUTH_TYPE``, and what it means."""

_SCOPE = {
    "project_id": ("OS_PROJECT_ID", "OS_TENANT_ID"),
    "project_name": ("OS_PROJECT_NAME", "OS_TENANT_NAME"),
    "project_domain_id": ("OS_PROJECT_DOMAIN_ID", "OS_DEFAULT_DOMAIN_ID"),
    "project_domain_name": ("OS_PROJECT_DOMAIN_NAME", "OS_DEFAULT_DOMAIN_NAME"),
    "domain_id": ("OS_DOMAIN_ID",),
    "domain_name": ("OS_DOMAIN_NAME",),
}
_USER = {
    "username": ("OS_USERNAME", "OS_USER_NAME"),
    "user_id": ("OS_USER_ID",),
    "user_domain_id": ("OS_USER_DOMAIN_ID", "OS_DEFAULT_DOMAIN_ID"),
    "user_domain_name": ("OS_USER_DOMAIN_NAME", "OS_DEFAULT_DOMAIN_NAME"),
}
_APPLICATION = {
    "application_credential_id": ("OS_APPLICATION_CREDENTIAL_ID",),
    "application_credential_name": ("OS_APPLICATION_CREDENTIAL_NAME",),
}
_SIGNS = {
    "application credential": "OS_APPLICATION_CREDENTIAL_SECRET",
    "token": "OS_TOKEN",
    "token file": "OS_TOKEN_FILE",
}
"""What is given by whoever does not say how it logs in, unless there is a password."""
_VERSION = re.compile(r"/v(\d+)(?:\.\d+)?/*\Z")
_INTERFACE = re.compile(r"(public|internal|admin)(?:URL)?\Z")
_YES = {"1", "true", "yes", "on", "t", "y"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """``auth_url`` ends in ``/v3``. ``identity`` are keystoneauth1's words for who and what for, without the secret;
    the ``secret`` of the method ``token file`` is its path. ``verify``: whether certificates are checked; ``ca_file``
    and ``certificate`` (with ``key``) are PEM files."""

    auth_url: str
    method: str
    identity: Mapping[str, str]
    secret: Secret
    region: str | None = None
    interface: str = "public"
    verify: bool = True
    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None
    source: str = field(default="the environment", compare=False)

    @property
    def user(self) -> str:
        """Who we are, for messages."""
        return self._first("username", "user_id", "application_credential_id", "application_credential_name") or "?"

    @property
    def scope(self) -> str:
        """What for, for messages."""
        if self.method == "token file":
            return f"the token in {self.secret.reveal().decode()}"
        if "trust_id" in self.identity:
            return f"trust {self.identity['trust_id']}"
        if project := self._first("project_name", "project_id"):
            return f"project {project}"
        if domain := self._first("domain_name", "domain_id"):
            return f"domain {domain}"
        return "no project"

    def _first(self, *names: str) -> str | None:
        return next((self.identity[name] for name in names if name in self.identity), None)


def read_credentials(
    variables: Mapping[str, str], *, source: str, trust: str | None = None, insecure: bool = False, home: str = ""
) -> Credentials:
    """Credentials from ``OS_…`` variables, which ``source`` (for messages) has; :class:`UsageError` if some lack.

    ``OS_CLOUD`` names a cloud of ``clouds.yaml``, whose values then stand behind those of the variables. ``trust`` and
    ``insecure`` are the options of these names and win.
    """
    given = given_variables(variables, home)
    method = _method(given)
    trust = trust or given.get("OS_TRUST_ID")
    return Credentials(
        auth_url=_auth_url(given, source),
        method=method,
        identity=_identity(given, method, trust, source),
        secret=Secret.from_text(_secret(given, method, source)),
        region=given.get("OS_REGION_NAME"),
        interface=interface_of(given, source),
        verify=not insecure and not is_yes(given.get("OS_INSECURE")),
        ca_file=given.get("OS_CACERT"),
        certificate=given.get("OS_CERT"),
        key=given.get("OS_KEY"),
        source=source,
    )


def given_variables(variables: Mapping[str, str], home: str) -> dict[str, str]:
    """The ``OS_…`` variables that are not empty; ``OS_CLOUD`` adds those of its cloud behind them."""
    given = {name: value.strip() for name, value in variables.items() if name.startswith("OS_") and value.strip()}
    if "OS_CLOUD" in given:
        return cloud_variables(given["OS_CLOUD"], given.get("OS_CLIENT_CONFIG_FILE"), home) | given
    return given


def is_yes(text: str | None) -> bool:
    """Whether a variable says yes; ``False`` and ``0`` do not."""
    return text is not None and text.strip().lower() in _YES


def _method(given: Mapping[str, str]) -> str:
    named = given.get("OS_AUTH_TYPE") or given.get("OS_AUTH_METHOD")
    if named is None:
        for method, sign in _SIGNS.items():
            if sign in given and "OS_PASSWORD" not in given:
                return method
        return "password"
    if named not in METHODS:
        raise UsageError(f"OS_AUTH_TYPE {named} is not supported, only {', '.join(METHODS)}")
    return METHODS[named]


def _auth_url(given: Mapping[str, str], source: str) -> str:
    url = _needed(given, ("OS_AUTH_URL",), source).rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"OS_AUTH_URL {url} is no URL: it must begin with http:// or https://")
    version = _VERSION.search(url)
    if version is None:
        return url + "/v3"
    if version[1] != "3":
        raise UsageError(
            f"OS_AUTH_URL {url} is that of identity v{version[1]}, which clouds no longer have",
            hint=f"use {_VERSION.sub('', url)}/v3",
        )
    return url


def _identity(given: Mapping[str, str], method: str, trust: str | None, source: str) -> dict[str, str]:
    if method == "application credential":
        words = _chosen(given, _APPLICATION) | _chosen(given, _USER)
        if "application_credential_id" in words:
            return {"application_credential_id": words["application_credential_id"]}
        _needed(given, ("OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME"), source)
        return _with_domain(words, "user", "username")
    if method == "token file":
        return {}  # the token was made for a project
    words = {}
    if method == "password":
        _needed(given, ("OS_USERNAME", "OS_USER_ID"), source)
        words = _with_domain(_chosen(given, _USER), "user", "username")
    if trust is not None:
        return words | {"trust_id": trust}
    scope = _chosen(given, _SCOPE)
    if not scope.keys() & {"project_id", "project_name", "domain_id", "domain_name"}:
        _needed(given, ("OS_PROJECT_NAME", "OS_PROJECT_ID"), source)
    return words | _with_domain(scope, "project", "project_name")


def _with_domain(words: dict[str, str], owner: str, name: str) -> dict[str, str]:
    """``words`` with the domain that a name needs: the one given (an id before a name), otherwise ``default``."""
    id, domain_name = f"{owner}_domain_id", f"{owner}_domain_name"
    if name not in words or f"{owner}_id" in words:
        return {key: value for key, value in words.items() if key not in (id, domain_name, name)}
    if id in words:
        return {key: value for key, value in words.items() if key != domain_name}
    return words if domain_name in words else words | {id: "default"}


def _chosen(given: Mapping[str, str], table: Mapping[str, Sequence[str]]) -> dict[str, str]:
    found = {word: next((given[name] for name in names if name in given), None) for word, names in table.items()}
    return {word: value for word, value in found.items() if value is not None}


def _secret(given: Mapping[str, str], method: str, source: str) -> str:
    names = {
        "password": "OS_PASSWORD",
        "token": "OS_TOKEN",
        "application credential": "OS_APPLICATION_CREDENTIAL_SECRET",
        "token file": "OS_TOKEN_FILE",
    }
    return _needed(given, (names[method],), source)


def interface_of(given: Mapping[str, str], source: str) -> str:
    """``public``, ``internal`` or ``admin``; :class:`UsageError` for anything else."""
    text = given.get("OS_INTERFACE") or given.get("OS_ENDPOINT_TYPE") or "public"
    match = _INTERFACE.match(text)
    if match is None:
        raise UsageError(f"OS_INTERFACE {text} in {source} is none of public, internal and admin")
    return match[1]


def _needed(given: Mapping[str, str], names: Sequence[str], source: str) -> str:
    for name in names:
        if name in given:
            return given[name]
    raise UsageError(
        f"{' or '.join(names)} is missing in {source}",
        hint="source your cloud's openrc file, or name a cloud of clouds.yaml with OS_CLOUD",
    )
