"""From ``OS_…`` variables to an :class:`Api`."""

from __future__ import annotations

import os
from collections.abc import Mapping

from freezer.client.api import Api
from freezer.client.identity import Elsewhere, Identity, Standalone
from freezer.client.wire import TIMEOUT, Wire
from freezer.clock import Clock, SystemClock
from freezer.errors import UsageError
from freezer.keystone.credentials import METHODS, given_variables, interface_of, is_yes, read_credentials
from freezer.secret import Secret

_NONE = ("none", "noauth")
_BASIC = ("http_basic", "basic")


def open_api(variables: Mapping[str, str], *, home: str, clock: Clock | None = None, timeout: float = TIMEOUT) -> Api:
    """The API as ``variables`` say: keystoneauth's, ``OS_CLOUD``, and ``OS_BACKUP_URL`` for its address if that is not
    to come from the catalogue. Without ``OS_AUTH_TYPE``, ``OS_AUTH_URL`` and ``OS_CLOUD`` the API itself is asked to
    know us: by HTTP Basic if there is an ``OS_USERNAME``, by ``OS_TOKEN``, as nobody in particular otherwise.

    Nothing is asked before it is needed. :class:`UsageError` if variables lack or contradict each other.
    """
    given = given_variables(variables, home)
    version = given.get("OS_BACKUP_API_VERSION", "2")
    if version.removeprefix("v").removesuffix(".0") != "2":
        raise UsageError(f"OS_BACKUP_API_VERSION {version} is not supported, only 2")
    return Api(Wire(_identity(given), clock or SystemClock(), timeout))


def is_keystone(variables: Mapping[str, str], home: str = "") -> bool:
    """Whether it is a Keystone that ``variables`` let know us."""
    given = given_variables(variables, home)
    return _method(given, _url(given)) not in (*_NONE, *_BASIC)


def _url(given: Mapping[str, str]) -> str | None:
    return given.get("OS_BACKUP_URL") or given.get("OS_BACKUP_ENDPOINT_OVERRIDE") or given.get("OS_ENDPOINT_OVERRIDE")


def _identity(given: Mapping[str, str]) -> Identity:
    for name in ("OS_CACERT", "OS_CERT", "OS_KEY"):
        if name in given and not os.path.exists(given[name]):
            raise UsageError(f"{name} {given[name]} does not exist")
    url = _url(given)
    method = _method(given, url)
    if method in (*_NONE, *_BASIC):
        return _standalone(given, url or given.get("OS_ENDPOINT"), basic=method in _BASIC)
    identity = _keystone(given, method)
    return identity if url is None else Elsewhere(identity, url)


def _method(given: Mapping[str, str], url: str | None) -> str | None:
    named = given.get("OS_AUTH_TYPE") or given.get("OS_AUTH_METHOD")
    if named is None and url is not None and "OS_AUTH_URL" not in given:
        return "http_basic" if "OS_USERNAME" in given else "none"
    return named


def _standalone(given: Mapping[str, str], url: str | None, *, basic: bool) -> Standalone:
    if url is None:
        raise UsageError("OS_BACKUP_URL is missing: without Keystone nobody else knows where the API is")
    login = None
    if basic:
        for name in ("OS_USERNAME", "OS_PASSWORD"):
            if name not in given:
                raise UsageError(f"{name} is missing, which HTTP Basic needs")
        login = given["OS_USERNAME"], Secret.from_text(given["OS_PASSWORD"])
    token = given.get("OS_TOKEN")
    certificate = given.get("OS_CERT")
    return Standalone(
        url,
        given.get("OS_PROJECT_ID") or given.get("OS_TENANT_ID"),
        login,
        token=Secret.from_text(token) if token and not basic else None,
        trust=None if is_yes(given.get("OS_INSECURE")) else given.get("OS_CACERT", ""),
        certificate=(certificate, given["OS_KEY"]) if certificate and "OS_KEY" in given else certificate,
    )


def _keystone(given: Mapping[str, str], method: str | None) -> Identity:
    try:
        if method is None or method in METHODS:
            from freezer.keystone.access import CloudAccess

            # the cloud of clouds.yaml is among them already
            variables = {name: value for name, value in given.items() if name != "OS_CLOUD"}
            return CloudAccess(read_credentials(variables, source="the environment, options and clouds.yaml"))
        from freezer.keystone.plugins import load_plugin
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Keystone needs {error.name}, which is not installed", hint="pip install 'freezer[client]'"
        ) from None
    interface = interface_of(given, "the environment")
    return load_plugin(method, given, region=given.get("OS_REGION_NAME"), interface=interface)
