"""Requests to Swift: connections that are kept, a token that is renewed once when it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from freezer.errors import PermissionDenied, TransientError
from freezer.keystone.failures import certificate_error, connection_error
from freezer.storage.contract import Buffer

_TIMEOUT = urllib3.Timeout(connect=20.0, read=60.0)
_CONNECTIONS = 16
_UNAUTHORIZED = 401


class Access(Protocol):
    """What gives us Swift's address and tokens for it (:class:`freezer.keystone.access.CloudAccess`)."""

    @property
    def trust(self) -> str | None: ...

    def token(self) -> str: ...

    def renew(self, refused: str) -> str: ...

    def address(self, service: str, name: str) -> str: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (looked up without regard to case) and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """One account of one Swift."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._pool: urllib3.PoolManager | None = None

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
        if self._pool is not None:
            self._pool.clear()
        self._access.close()

    def _send(self, method: str, url: str, token: str, headers: Mapping[str, str], body: Buffer) -> Answer:
        if self._pool is None:
            self._pool = _make_pool(url, self._access.trust)
        all_headers = {"X-Auth-Token": token, "Accept-Encoding": "identity", **headers}
        try:
            answer = self._pool.request(
                method,
                url,
                headers=all_headers,
                body=memoryview(body) if method == "PUT" else None,
                timeout=_TIMEOUT,
                retries=False,
                redirect=False,
            )
        except SSLError as error:
            raise certificate_error(f"Swift at {_place(url)}", error) from error
        except HTTPError as error:
            raise connection_error(f"Swift at {_place(url)}", error) from error
        except OSError as error:
            raise TransientError(f"Swift at {_place(url)}: {error.strerror or error}") from error
        return Answer(answer.status, answer.headers, answer.data)


def _make_pool(url: str, trust: str | None) -> urllib3.PoolManager:
    """Connections to ``url``'s host, through the proxy that the environment names for it, if any."""
    parts = urlsplit(url)
    checked = "CERT_NONE" if trust is None else "CERT_REQUIRED"
    if trust is None:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    if proxy:
        return urllib3.ProxyManager(proxy, maxsize=_CONNECTIONS, cert_reqs=checked, ca_certs=trust)
    return urllib3.PoolManager(maxsize=_CONNECTIONS, cert_reqs=checked, ca_certs=trust)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
