"""Connections that are kept, by origin, and used by many threads."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from urllib.parse import urlsplit

from freezer.http.answer import Answer, Buffer
from freezer.http.connection import Connection
from freezer.http.route import Certificate, Route, find_route

_KEPT = 32  # idle connections to one origin at most


class Connections:
    """``trust``, ``certificate``: :func:`freezer.http.route.find_route`; ``timeout``: the longest silence in seconds.

    Errors are :class:`OSError` and :class:`http.client.HTTPException`, for :func:`freezer.http.line_error`.
    """

    def __init__(self, trust: str | None, timeout: float, certificate: Certificate | None = None) -> None:
        self._trust = trust
        self._certificate = certificate
        self._timeout = timeout
        self._lock = threading.Lock()
        self._routes: dict[str, Route] = {}
        self._idle: dict[str, list[Connection]] = {}
        weakref.finalize(self, _close_all, self._idle)

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: Buffer | None, *, patience: float = 1.0
    ) -> Answer:
        """The answer to one request, which may take ``patience`` times the usual silence."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection = self._take(origin)
        try:
            answer, goes_on = connection.ask(method, target, headers, body, patience)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            if goes_on and len(idle) < _KEPT:
                idle.append(connection)
                return answer
        connection.close()
        return answer

    def close(self) -> None:
        with self._lock:
            _close_all(self._idle)

    def _take(self, origin: str) -> Connection:
        """An idle connection that the server has not ended meanwhile, or a new one."""
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                if not idle:
                    if origin not in self._routes:
                        self._routes[origin] = find_route(origin, self._trust, self._certificate)
                    return Connection(self._routes[origin], self._timeout)
                connection = idle.pop()
            if connection.is_quiet():
                return connection
            connection.close()


def _close_all(idle: dict[str, list[Connection]]) -> None:
    while idle:
        for connection in idle.popitem()[1]:
            connection.close()
