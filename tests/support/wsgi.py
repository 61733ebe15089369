"""Calls a WSGI application as a server would, and servers over HTTP the same way."""

from __future__ import annotations

import http.client
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_SAFE = "%/?:@!$&'()*+,;=-._~"
"""What an address may contain as it is (RFC 3986); clients escape the rest."""


@dataclass(frozen=True)
class Answer:
    """Status, headers by lower-case name, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The document in the body; None if there is no body, a text that is no JSON as ``__text__``."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError:
            return {"__text__": self.body.decode()}


class Caller:
    """Sends requests."""

    base: str

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        raise NotImplementedError

    def send(self, method: str, path: str, document: object = None, **headers: str) -> Answer:
        """A request with a JSON document."""
        body = None if document is None else json.dumps(document).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self(method, path, {"Accept": "application/json", **given}, body)


@dataclass
class InProcess(Caller):
    """Calls ``application`` in this process."""

    application: WSGIApplication
    base: str = "http://api.test:9090"
    address: str = "127.0.0.1"
    database: str = ""
    _errors: io.StringIO = field(default_factory=io.StringIO)

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        parts = urlsplit(self.base + path)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(parts.path, "latin-1"),
            "QUERY_STRING": parts.query,
            "SERVER_NAME": "api.test",
            "SERVER_PORT": "9090",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self.address,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body or b""),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "HTTP_HOST": "api.test:9090",
        }
        if body is not None:
            environ["CONTENT_LENGTH"] = str(len(body))
        for name, value in (headers or {}).items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        told: list[Any] = []

        def start(status: str, answered: list[tuple[str, str]], _error: object = None) -> Any:
            told[:] = [status, answered]
            return None

        parts_of_body = self.application(environ, start)
        content = b"".join(parts_of_body)
        return Answer(int(told[0][:3]), {name.lower(): value for name, value in told[1]}, content)


@dataclass
class OverHttp(Caller):
    """Calls a server."""

    base: str

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        parts = urlsplit(self.base)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            connection.request(method, quote(path, safe=_SAFE), body, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()
