"""Any of keystoneauth1's plugins, by its name: federations, Kerberos, one-time passwords, OAuth 2, fixed tokens …

The usual ones go through :class:`freezer.keystone.access.CloudAccess`, which knows what to say when they fail.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from keystoneauth1 import exceptions, loading
from keystoneauth1.exceptions.connection import SSLError
from keystoneauth1.session import Session
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from freezer.errors import PermanentError, PermissionDenied, StorageError, TransientError, UsageError
from freezer.keystone.credentials import is_yes
from freezer.keystone.failures import certificate_error, connection_error

_TIMEOUT = 60.0
_SEVERAL = "auth_methods"
_QUOTED = re.compile(r"'(\w+)'")
_EXTRAS = {
    "v3kerberos": "kerberos",
    "v3fedkerb": "kerberos",
    "v3samlpassword": "saml2",
    "v3adfspassword": "saml2",
    "v3oauth1": "oauth1",
}
"""Plugins that need more than keystoneauth1 itself, and what of it to install."""

_TOO_MANY = 429
_SERVER = 500


class PluginAccess:
    """What the plugin ``auth`` gives access to within ``session``, perhaps another program's. Safe for several threads.

    ``place`` is for messages.
    """

    def __init__(
        self,
        session: Session,
        auth: Any,
        *,
        region: str | None = None,
        interface: str = "public",
        place: str = "the identity service",
    ) -> None:
        self._session = session
        self._auth = auth
        self._region = region
        self._interface = interface
        self._place = place
        self._lock = threading.Lock()

    @property
    def trust(self) -> str | None:
        """The PEM file of the authorities whose certificates are taken; None if nothing is checked."""
        verify = self._session.verify
        if verify is True:
            return str(DEFAULT_CA_BUNDLE_PATH)
        return str(verify) if verify else None

    @property
    def certificate(self) -> str | tuple[str, str] | None:
        """Our own certificate (with its key), for servers that ask for one."""
        certificate = self._session.cert
        return (str(certificate[0]), str(certificate[1])) if isinstance(certificate, tuple | list) else certificate

    def headers(self) -> dict[str, str]:
        """What proves to a service who we are; nothing for plugins that prove nothing."""
        with self._lock, self._errors():
            return dict(self._auth.get_headers(self._session) or {})

    def refresh(self, refused: Mapping[str, str]) -> bool:
        """Whether there are other headers, now that a service refused these."""
        with self._lock, self._errors():
            if dict(self._auth.get_headers(self._session) or {}) == refused:
                self._auth.invalidate()
            return dict(self._auth.get_headers(self._session) or {}) != refused

    def project(self) -> str | None:
        """The id of the project that the token is for, None if the plugin does not know."""
        with self._lock, self._errors():
            project = self._auth.get_project_id(self._session)
        return None if project is None else str(project)

    def address(self, service: str, name: str) -> str:
        """The URL of the service of this type (``name`` is for messages)."""
        with self._lock, self._errors():
            url = self._auth.get_endpoint(
                self._session, service_type=service, interface=self._interface, region_name=self._region
            )
        if url is None:
            where = (f"region {self._region}, " if self._region else "") + f"interface {self._interface}"
            raise PermanentError(
                f"{self._place} has no {name} ({service}) for {where}",
                hint="check OS_REGION_NAME and OS_INTERFACE, or ask your cloud's operator",
            )
        return str(url).rstrip("/")

    def close(self) -> None:
        """Release connections."""
        self._session.session.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except exceptions.ClientException as error:
            raise self._error(error) from error

    def _error(self, error: exceptions.ClientException) -> StorageError:
        text = " ".join(str(error).split())[:200]
        if isinstance(error, SSLError):
            return certificate_error(self._place, error)
        if isinstance(error, exceptions.ConnectFailure | exceptions.RetriableConnectionFailure):
            return connection_error(self._place, error, "check OS_AUTH_URL")
        if isinstance(error, exceptions.HttpError) and (error.http_status >= _SERVER or error.http_status == _TOO_MANY):
            return TransientError(f"{self._place} answers {error.http_status}: {error.message}")
        if isinstance(error, exceptions.Unauthorized | exceptions.Forbidden):
            return PermissionDenied(f"{self._place} does not let us in: {text}")
        return PermanentError(f"{self._place} cannot be used: {text}")


def load_plugin(name: str, given: Mapping[str, str], *, region: str | None, interface: str) -> PluginAccess:
    """The plugin ``name`` with its options from ``OS_…`` variables, in a session of its own; :class:`UsageError` if
    there is none of that name, or one of its options is missing."""
    loader = _loader(name)
    words = _words(name, _options(loader, given), given)
    try:
        auth = loader.load_from_options(**words)
    except exceptions.MissingRequiredOptions as error:
        raise _missing(name, [option.dest for option in error.options]) from None
    except TypeError as error:  # some plugins do not look what they are given
        raise _missing(name, _QUOTED.findall(str(error))) from None
    except exceptions.ClientException as error:
        raise UsageError(f"OS_AUTH_TYPE {name}: {' '.join(str(error).split())}") from None
    place = f"the identity service at {given['OS_AUTH_URL']}" if "OS_AUTH_URL" in given else "the identity service"
    return PluginAccess(_session(given, auth), auth, region=region, interface=interface, place=place)


def _missing(name: str, words: Iterable[str]) -> UsageError:
    return UsageError(f"OS_AUTH_TYPE {name} needs {', '.join(f'OS_{word.upper()}' for word in words)}")


def _loader(name: str) -> Any:
    loader: Any = None
    try:
        loader = loading.get_plugin_loader(name)
    except exceptions.NoMatchingPlugin:
        known = ", ".join(sorted(loading.get_available_plugin_names()))
        raise UsageError(f"OS_AUTH_TYPE {name} is none of keystoneauth's plugins: {known}") from None
    except (ImportError, AttributeError):  # some need a library already for being loaded
        pass
    if loader is None or not loader.available:
        hint = f"pip install 'keystoneauth1[{_EXTRAS[name]}]'" if name in _EXTRAS else None
        raise UsageError(f"OS_AUTH_TYPE {name} needs libraries that are not installed", hint=hint)
    return loader


def _options(loader: Any, given: Mapping[str, str]) -> list[Any]:
    """What may be told to the plugin; several methods at once have the options of each of them."""
    options = {option.dest: option for option in loader.get_options()}
    for method in _methods(given) if _SEVERAL in options else ():
        try:
            options |= {option.dest: option for option in loading.get_plugin_options(method)}
        except exceptions.NoMatchingPlugin:
            raise UsageError(f"OS_AUTH_METHODS: {method} is none of keystoneauth's plugins") from None
    return list(options.values())


def _words(name: str, options: Iterable[Any], given: Mapping[str, str]) -> dict[str, object]:
    """The values of ``options`` that were given, as the plugin takes them."""
    words: dict[str, object] = {}
    for option in options:
        names = [option.dest, *(each.dest for each in option.deprecated)]
        variable = next((key for key in (f"OS_{each.upper()}" for each in names) if key in given), None)
        if variable is None:
            continue
        try:
            words[option.dest] = _methods(given) if option.dest == _SEVERAL else option.type(given[variable])
        except ValueError:
            wanted = f"OS_AUTH_TYPE {name} wants a value of type {option.type.__name__}"
            raise UsageError(f"{variable} {given[variable]}: {wanted}") from None
    return words


def _methods(given: Mapping[str, str]) -> list[str]:
    return [method.strip() for method in given.get("OS_AUTH_METHODS", "").split(",") if method.strip()]


def _session(given: Mapping[str, str], auth: Any) -> Session:
    verify: bool | str = False if is_yes(given.get("OS_INSECURE")) else given.get("OS_CACERT", True)
    certificate = given.get("OS_CERT")
    pair = (certificate, given["OS_KEY"]) if certificate is not None and "OS_KEY" in given else certificate
    return Session(auth=auth, verify=verify, cert=pair, timeout=_TIMEOUT, redirect=False)
