"""One connection to a web server, which is never waited for without end.

Written on ``http.client`` rather than on a larger library because of two limits that those do not have: a body may take
as long as its size demands, a line that carries next to nothing is given up.
"""

from __future__ import annotations

import http.client
import io
import selectors
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import BinaryIO, cast

from freezer.http.answer import Answer, Buffer
from freezer.http.route import Route
from freezer.pace import Pace

_CONNECTING = 20.0  # seconds for a connection to come about
_PIECE = 256 * 1024  # bytes sent in one call


class Connection:
    """A connection along ``route``. Through a proxy, ``https`` is a tunnel and ``http`` names the whole URL.

    ``timeout`` is the longest silence in seconds. Errors are :class:`OSError` and :class:`http.client.HTTPException`.
    """

    def __init__(self, route: Route, timeout: float) -> None:
        origin, end = route.origin, route.proxy or route.origin
        port = end.port or (443 if end.scheme == "https" else 80)
        connecting = min(timeout, _CONNECTING)
        self._timeout = timeout
        self._awaiting = timeout
        self._prefix = ""
        self._extra: dict[str, str] = {}
        self._http: http.client.HTTPConnection
        if route.context is not None:
            context = route.context
            self._http = http.client.HTTPSConnection(end.hostname or "", port, timeout=connecting, context=context)
        else:
            self._http = http.client.HTTPConnection(end.hostname or "", port, timeout=connecting)
        if route.proxy is not None:
            if route.context is not None:
                self._http.set_tunnel(origin.hostname or "", origin.port or 443, route.proxy_login)
            else:
                self._prefix, self._extra = f"{origin.scheme}://{origin.netloc}", route.proxy_login
        self._http.response_class = self._response  # type: ignore[assignment]

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: Buffer | None, patience: float
    ) -> tuple[Answer, bool]:
        """The answer, and whether another request may follow it. ``headers`` may have a ``host``, in lower case.

        ``patience``: how many times the usual silence the answer may take.
        """
        self._awaiting = self._timeout * patience
        if self._http.sock is None:
            self._http.connect()
        self._http.sock.settimeout(self._timeout)
        self._http.putrequest(method, self._prefix + target, skip_host="host" in headers, skip_accept_encoding=True)
        for name, value in {**headers, **self._extra}.items():
            self._http.putheader(name, value)
        if body is not None:
            self._http.putheader("Content-Length", str(memoryview(body).nbytes))
        self._http.endheaders()
        refused: OSError | None = None
        try:
            if body is not None:
                self._send(memoryview(body).cast("B"))
        except (BrokenPipeError, ConnectionResetError) as error:
            refused = error  # a server that refuses need not read on before it says so
        try:
            response = self._http.getresponse()
            answer = Answer(response.status, cast(Mapping[str, str], response.headers), response.read())
        except (OSError, http.client.HTTPException):
            if refused is not None:
                raise refused from None
            raise
        return answer, refused is None and not response.will_close

    def is_quiet(self) -> bool:
        """Whether nothing has come that nobody asked for, the connection's end for one."""
        if self._http.sock is None:
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(self._http.sock, selectors.EVENT_READ)
            return not selector.select(0)

    def close(self) -> None:
        with suppress(OSError):
            self._http.close()

    def _send(self, body: memoryview) -> None:
        pace = Pace(self._timeout)
        for start in range(0, len(body), _PIECE):
            self._http.sock.settimeout(_positive(pace.left(start)))
            self._http.sock.sendall(body[start : start + _PIECE])

    def _response(
        self, connection: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> http.client.HTTPResponse:
        timed = _Timed(connection, self._awaiting)
        return http.client.HTTPResponse(cast(socket.socket, timed), debuglevel, method, url)


class _Timed(io.RawIOBase):
    """What comes from ``connection``; TimeoutError if that is too little for too long."""

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        self._connection = connection
        self._raw = connection.makefile("rb", buffering=0)  # which keeps the socket open for as long as it is needed
        self._pace = Pace(timeout)
        self._received = 0

    def makefile(self, _mode: str) -> BinaryIO:
        return cast(BinaryIO, io.BufferedReader(self))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._connection.settimeout(_positive(self._pace.left(self._received)))
        size = self._raw.readinto(buffer) or 0
        self._received += size
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise TimeoutError("timed out")
    return seconds
