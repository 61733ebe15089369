"""Requests to Swift: a token that is renewed once when it is refused, failures of lines as our errors."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPException
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from freezer.errors import PermissionDenied
from freezer.http import Answer, Connections, line_error
from freezer.storage.contract import Buffer

TIMEOUT = 60.0
"""Seconds of silence after which a line is given up."""

_UNAUTHORIZED = 401
_ADDRESS = "Keystone tells this address: check OS_REGION_NAME and OS_INTERFACE, or ask your cloud's operator"


class Access(Protocol):
    """What gives us Swift's address and tokens for it (:class:`freezer.keystone.access.CloudAccess`)."""

    @property
    def trust(self) -> str | None: ...

    def token(self) -> str: ...

    def renew(self, refused: str) -> str: ...

    def address(self, service: str, name: str) -> str: ...

    def close(self) -> None: ...


class Wire:
    """One account of one Swift."""

    def __init__(self, access: Access, timeout: float = TIMEOUT) -> None:
        self._access = access
        self._connections = Connections(access.trust, timeout)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Buffer = b"",
    ) -> Answer:
        """The answer, whatever its status, to a request about ``path`` below the account.

        :class:`TransientError` if there is none, or not all of it; :class:`PermissionDenied` if the token is refused
        and a new one too.
        """
        base = self._access.address("object-store", "Swift")
        url = f"{base}/{path}" + (f"?{urlencode(query)}" if query else "")
        token = self._access.token()
        answer = self._send(method, url, token, headers or {}, body)
        if answer.status == _UNAUTHORIZED:
            answer = self._send(method, url, self._access.renew(token), headers or {}, body)
            if answer.status == _UNAUTHORIZED:
                raise PermissionDenied(
                    f"Swift at {_place(url)} refuses our token, and a new one too",
                    hint="the user, trust or application credential may have been switched off",
                )
        return answer

    def close(self) -> None:
        self._connections.close()
        self._access.close()

    def _send(self, method: str, url: str, token: str, headers: Mapping[str, str], body: Buffer) -> Answer:
        all_headers = {"X-Auth-Token": token, "Accept-Encoding": "identity", **headers}
        try:
            return self._connections.ask(method, url, all_headers, body if method == "PUT" else None)
        except (OSError, HTTPException) as error:
            raise line_error(f"Swift at {_place(url)}", error, authorities="OS_CACERT", hint=_ADDRESS) from error


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
