"""Control connections that are kept, so that several threads get on at once."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from freezer.clock import Clock
from freezer.errors import StorageError
from freezer.storage.ftp.connection import Connection
from freezer.storage.ftp.diagnosis import TooMany
from freezer.storage.ftp.failures import Refused
from freezer.storage.ftp.server import Server

MOST = 8
"""Connections at most; servers may allow fewer."""

_IDLE = 5.0  # seconds after which we ask whether a connection still stands
_STALE = 30.0  # seconds after which a download that nobody continues is given up


class Pool:
    """Connections to one server. They are made when they are needed; a thread has one at a time.

    An idle connection may be amid a download, for whoever reads on where the last reader stopped.
    """

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._context: ssl.SSLContext | None = None
        self._changed = threading.Condition()
        self._idle: list[tuple[Connection, float]] = []  # and since when; the longest idle first
        self._count = 0
        self._most = MOST
        self._known = False

    @contextmanager
    def connection(self, stream: tuple[bytes, int] | None = None) -> Iterator[Connection]:
        """A connection that does nothing else, or one amid the download of this path at this offset (``stream``);
        :class:`StorageError` if there can be none."""
        taken = self._take(stream)
        try:
            yield taken
        finally:
            self._give_back(taken)

    def forget(self, path: bytes) -> None:
        """Nobody may read on in ``path``: it is about to change."""
        with self._changed:
            for connection, _ in self._idle:
                if connection.stream is not None and connection.stream.path == path:
                    connection.stream.path = b""

    def close(self) -> None:
        with self._changed:
            idle, self._idle = self._idle, []
            self._count -= len(idle)
        for connection, _ in idle:
            connection.close()

    def _take(self, stream: tuple[bytes, int] | None) -> Connection:
        while True:
            with self._changed:
                while not self._idle and self._count >= self._most:
                    self._changed.wait()
                found = self._pick(stream) if self._idle else None
                if found is None:
                    self._count += 1
            if found is None:
                connection = self._connect()
                if connection is not None:
                    return connection
            elif self._is_ready(*found, stream):
                return found[0]
            else:
                self._discard(found[0])

    def _pick(self, stream: tuple[bytes, int] | None) -> tuple[Connection, float] | None:
        """The idle connection that suits best; None if a new one is better."""

        def rank(number: int) -> tuple[bool, bool, int]:
            connection = self._idle[number][0]
            return (_is_at(connection, stream), connection.stream is None, number)

        best = max(range(len(self._idle)), key=rank)
        connection, since = self._idle[best]
        if connection.stream is not None and connection.stream.path and not _is_at(connection, stream):
            fresh = self._clock.monotonic() - since < _STALE
            if fresh and self._count < self._most:
                return None
        return self._idle.pop(best)

    def _is_ready(self, connection: Connection, since: float, stream: tuple[bytes, int] | None) -> bool:
        """Whether it stands, at ``stream`` or without any."""
        idle = self._clock.monotonic() - since
        try:
            if idle > _STALE or not _is_at(connection, stream):
                connection.cut()
            if idle > _IDLE and connection.stream is None:
                connection.ask(b"NOOP")
        except Refused:
            return True
        except StorageError:
            return False
        return connection.alive

    def _connect(self) -> Connection | None:
        """A new connection; None if we are to wait for one of those that we have."""
        try:
            if self._server.tls is not None and self._context is None:
                self._context = self._server.tls.context()
            connection = Connection(self._server, self._context, self._clock, known=self._known)
        except BaseException as error:
            with self._changed:
                self._count -= 1
                self._changed.notify()
                if isinstance(error, TooMany) and self._count:
                    self._most = self._count
                    return None
            raise
        self._known = True
        return connection

    def _give_back(self, connection: Connection) -> None:
        if not connection.settled:
            self._discard(connection)
            return
        with self._changed:
            self._idle.append((connection, self._clock.monotonic()))
            self._changed.notify()

    def _discard(self, connection: Connection) -> None:
        with suppress(OSError):
            connection.close()
        with self._changed:
            self._count -= 1
            self._changed.notify()


def _is_at(connection: Connection, stream: tuple[bytes, int] | None) -> bool:
    current = connection.stream
    return current is not None and (current.path, current.position) == stream
