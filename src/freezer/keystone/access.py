"""A token and the addresses of services, through keystoneauth1."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from keystoneauth1 import exceptions
from keystoneauth1.exceptions.connection import SSLError
from keystoneauth1.identity import v3
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.session import Session
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from freezer.errors import PermanentError, PermissionDenied, StorageError, TransientError, UsageError
from freezer.keystone.credentials import Credentials
from freezer.keystone.failures import certificate_error, connection_error
from freezer.keystone.handed import HandedToken

_TIMEOUT = 60.0
_TOO_MANY = 429
_SERVER = 500


class CloudAccess:
    """What ``credentials`` give access to. Nothing is asked before it is needed; safe for several threads.

    :class:`UsageError` at once if a file that they name is not there.
    """

    def __init__(self, credentials: Credentials) -> None:
        for variable, path in (("OS_CACERT", credentials.ca_file), ("OS_CERT", credentials.certificate)):
            if path is not None and not os.path.exists(path):
                raise UsageError(f"{variable} {path} does not exist")
        self._credentials = credentials
        self._auth = _plugin(credentials)
        self._session = Session(
            auth=self._auth,
            verify=self.trust or False,
            cert=_certificate(credentials),
            timeout=_TIMEOUT,
            redirect=False,
        )
        self._lock = threading.Lock()
        self._addresses: dict[str, str] = {}

    @property
    def trust(self) -> str | None:
        """The PEM file of the authorities whose certificates are taken; None if nothing is checked."""
        credentials = self._credentials
        return (credentials.ca_file or DEFAULT_CA_BUNDLE_PATH) if credentials.verify else None

    @property
    def certificate(self) -> str | tuple[str, str] | None:
        """Our own certificate (with its key), for servers that ask for one."""
        return _certificate(self._credentials)

    def headers(self) -> dict[str, str]:
        """What proves to a service who we are."""
        return {"X-Auth-Token": self.token()}

    def refresh(self, refused: Mapping[str, str]) -> bool:
        """Whether there are other headers, now that a service refused these."""
        return self.renew(refused["X-Auth-Token"]) != refused["X-Auth-Token"]

    def project(self) -> str | None:
        """The id of the project that the token is for."""
        with self._lock, self._errors():
            project = self._auth.get_project_id(self._session)
        return None if project is None else str(project)

    def token(self) -> str:
        """A token that is valid now, as far as we know."""
        with self._lock, self._errors():
            return self._required(self._auth.get_token(self._session))

    def expires(self) -> float:
        """When the token that we have ends, in seconds since 1970."""
        with self._lock, self._errors():
            ends = self._auth.get_access(self._session).expires
        if ends is None:
            raise PermanentError(f"{self._place} does not say when its token expires")
        return float(ends.timestamp())

    def renew(self, refused: str) -> str:
        """A token other than ``refused``, which a service no longer takes."""
        with self._lock, self._errors():
            if self._auth.get_token(self._session) == refused:
                self._auth.invalidate()
            return self._required(self._auth.get_token(self._session))

    def address(self, service: str, name: str) -> str:
        """The URL of the service of this type (``name`` is for messages), in our region and by our interface."""
        with self._lock, self._errors():
            if service not in self._addresses:
                self._addresses[service] = self._find(service, name)
            return self._addresses[service]

    def ask(self, method: str, path: str, document: object = None) -> Any:
        """The document that Keystone itself answers; ``path`` is below ``/v3``. None if there is none."""
        with self._lock, self._errors():
            answer = self._session.request(self._credentials.auth_url + path, method, json=document)
        return answer.json() if answer.content else None

    def close(self) -> None:
        """Release connections."""
        self._session.session.close()

    def _find(self, service: str, name: str) -> str:
        region, interface = self._credentials.region, self._credentials.interface
        catalogue = self._auth.get_access(self._session).service_catalog
        if catalogue is None:
            raise PermanentError(f"{self._place} gives no catalogue of services without a project")
        found = {
            (str(endpoint.region_name), str(endpoint.interface).removesuffix("URL")): str(endpoint.url)
            for endpoints in catalogue.get_endpoints_data(service_type=service).values()
            for endpoint in endpoints
        }
        for (place, kind), url in sorted(found.items()):
            if region in (None, place) and kind == interface:
                return url.rstrip("/")
        if not found:
            raise PermanentError(
                f"the catalogue of {self._place} has no {name} ({service}) for {self._credentials.scope}",
                hint="ask your cloud's operator, or check OS_AUTH_URL and OS_PROJECT_NAME",
            )
        wanted = (f"region {region}, " if region else "") + f"interface {interface}"
        raise PermanentError(
            f"the catalogue of {self._place} has no {name} for {wanted}",
            hint="set OS_REGION_NAME and OS_INTERFACE to one of: "
            + "; ".join(f"{place}, {kind}" for place, kind in sorted(found)),
        )

    def _required(self, token: str | None) -> str:
        if token is None:
            raise PermissionDenied(f"{self._place} gave no token")
        return str(token)

    @property
    def _place(self) -> str:
        return f"Keystone at {self._credentials.auth_url}"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except exceptions.ClientException as error:
            raise self._error(error) from error

    def _error(self, error: exceptions.ClientException) -> StorageError:
        credentials = self._credentials
        place = self._place
        if isinstance(error, exceptions.Unauthorized):
            return self._refused()
        if isinstance(error, SSLError):
            return certificate_error(place, error)
        if isinstance(error, exceptions.ConnectFailure | exceptions.RetriableConnectionFailure):
            return connection_error(place, error, "check OS_AUTH_URL")
        if isinstance(error, exceptions.HttpError) and (error.http_status >= _SERVER or error.http_status == _TOO_MANY):
            return TransientError(f"{place} answers {error.http_status}: {error.message}")
        if isinstance(error, exceptions.NotFound) and credentials.method in ("token", "token file"):
            return self._refused()
        if isinstance(error, exceptions.NotFound) and "trust_id" in credentials.identity:
            return PermissionDenied(
                f"{place} knows no {credentials.scope} for user {credentials.user}",
                hint="the trust was deleted or is another user's: check OS_TRUST_ID",
            )
        if isinstance(error, exceptions.Forbidden):
            return PermissionDenied(f"{place} forbids user {credentials.user} to act for {credentials.scope}")
        return PermanentError(
            f"{place} does not answer as a Keystone does: {_one_line(error)}",
            hint="check OS_AUTH_URL: it is the address of identity v3",
        )

    def _refused(self) -> StorageError:
        """Why Keystone does not let us in; it says the same of a wrong password and of a wrong project."""
        credentials = self._credentials
        place = self._place
        if credentials.method == "token":
            return PermissionDenied(f"{place} refuses the token: it is wrong or has expired", hint="set a new OS_TOKEN")
        if credentials.method == "token file":
            return PermissionDenied(
                f"{place} refuses {credentials.scope}: it has expired, or whoever delegated it has taken it back",
                hint="whoever wrote it there must write a new one",
            )
        if credentials.method == "application credential":
            return PermissionDenied(
                f"{place} refuses the application credential {credentials.user}",
                hint="it has expired or was deleted, or the id or secret is wrong: check OS_APPLICATION_CREDENTIAL_ID "
                "and OS_APPLICATION_CREDENTIAL_SECRET",
            )
        domain = credentials.identity.get("user_domain_name") or credentials.identity.get("user_domain_id")
        who = f"user {credentials.user}" + (f" of domain {domain}" if domain else "")
        if self._user_is_right():
            return PermissionDenied(
                f"{place} knows no {credentials.scope} in which {who} has a role",
                hint="check OS_PROJECT_NAME (or OS_PROJECT_ID) and OS_PROJECT_DOMAIN_NAME",
            )
        return PermissionDenied(
            f"{place} refuses {who}: the name or the password is wrong",
            hint="check OS_USERNAME, OS_PASSWORD and OS_USER_DOMAIN_NAME",
        )

    def _user_is_right(self) -> bool:
        """Whether the user alone, without a project, is let in."""
        words: dict[str, Any] = {
            name: value for name, value in self._credentials.identity.items() if name.startswith("user")
        }
        password = self._credentials.secret.reveal().decode("utf-8", "surrogateescape")
        alone = v3.Password(auth_url=self._credentials.auth_url, password=password, unscoped=True, **words)
        try:
            return alone.get_token(self._session) is not None
        except exceptions.ClientException:
            return False


def _one_line(error: exceptions.ClientException) -> str:
    return " ".join(str(error).split())[:200]


def _plugin(credentials: Credentials) -> BaseIdentityPlugin:
    secret = credentials.secret.reveal().decode("utf-8", "surrogateescape")
    words: dict[str, Any] = dict(credentials.identity)
    if credentials.method == "password":
        return v3.Password(auth_url=credentials.auth_url, password=secret, **words)
    if credentials.method == "token file":
        return HandedToken(credentials.auth_url, secret)
    if credentials.method == "token":
        return v3.Token(auth_url=credentials.auth_url, token=secret, **words)
    return v3.ApplicationCredential(auth_url=credentials.auth_url, application_credential_secret=secret, **words)


def _certificate(credentials: Credentials) -> str | tuple[str, str] | None:
    if credentials.certificate is None or credentials.key is None:
        return credentials.certificate
    return credentials.certificate, credentials.key
