"""Who asks, and where."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from freezer.errors import UsageError
from freezer.http.route import Certificate
from freezer.secret import Secret

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Identity(Protocol):
    """``trust`` and ``certificate``: :func:`freezer.http.route.find_route`."""

    @property
    def trust(self) -> str | None: ...

    @property
    def certificate(self) -> Certificate | None: ...

    def headers(self) -> dict[str, str]:
        """What proves who we are."""
        ...

    def refresh(self, refused: Mapping[str, str]) -> bool:
        """Whether there are other headers, now that the API refused these."""
        ...

    def address(self, service: str, name: str) -> str:
        """The URL of the service of this type."""
        ...

    def project(self) -> str | None:
        """The id of the project that we act for; None if only the API knows."""
        ...

    def close(self) -> None: ...


class Standalone:
    """Somebody whom the API knows without Keystone: by ``login``, a name and a password (HTTP Basic), or by a
    ``token`` that the API itself has given; with neither, nobody in particular.

    :class:`UsageError` if a secret would travel in clear to another machine.
    """

    def __init__(
        self,
        url: str,
        project: str | None,
        login: tuple[str, Secret] | None = None,
        *,
        token: Secret | None = None,
        trust: str | None = "",
        certificate: Certificate | None = None,
    ) -> None:
        parts = urlsplit(url)
        secret = "password" if login is not None else "token" if token is not None else None
        if secret and parts.scheme == "http" and parts.hostname not in _LOOPBACK and trust is not None:
            raise UsageError(
                f"the {secret} would go to {url} in clear",
                hint="use the API's https:// address; --insecure sends it all the same",
            )
        self._url = url
        self._project = project
        self._login = login
        self._token = token
        self.trust = trust
        self.certificate = certificate

    def headers(self) -> dict[str, str]:
        if self._token is not None:
            return {"X-Auth-Token": self._token.reveal().decode("latin-1")}
        if self._login is None:
            return {}
        name, password = self._login
        words = name.encode("utf-8") + b":" + password.reveal()
        return {"Authorization": "Basic " + base64.b64encode(words).decode()}

    def refresh(self, refused: Mapping[str, str]) -> bool:
        return False

    def address(self, service: str, name: str) -> str:
        return self._url

    def project(self) -> str | None:
        return self._project

    def close(self) -> None:
        """Nothing is held."""


class Elsewhere:
    """``identity``, but the API is at ``url`` whatever the catalogue says."""

    def __init__(self, identity: Identity, url: str) -> None:
        self._identity = identity
        self._url = url

    @property
    def trust(self) -> str | None:
        return self._identity.trust

    @property
    def certificate(self) -> Certificate | None:
        return self._identity.certificate

    def headers(self) -> dict[str, str]:
        return self._identity.headers()

    def refresh(self, refused: Mapping[str, str]) -> bool:
        return self._identity.refresh(refused)

    def address(self, service: str, name: str) -> str:
        return self._url

    def project(self) -> str | None:
        return self._identity.project()

    def close(self) -> None:
        self._identity.close()
