"""The markers by which :mod:`freezer.storage.files.lease` keeps others away, as files on an SFTP server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from freezer.storage.ssh.publish import CREATE
from freezer.storage.ssh.sending import write_at
from freezer.storage.ssh.session import Session
from freezer.storage.ssh.wire import Open


class Markers:
    """Markers directly below ``root``; ``connect`` gives the connection, a new one if the last one died."""

    def __init__(self, connect: Callable[[], Session], root: bytes) -> None:
        self._connect = connect
        self._root = root

    def markers(self, prefix: bytes) -> Iterator[tuple[bytes, int]]:
        session = self._connect()
        for entry in session.entries(self._root):
            if not entry.name.startswith(prefix):
                continue
            size = entry.attributes.size
            if size is None:
                try:
                    size = session.lstat(self._path(entry.name)).size
                except FileNotFoundError:
                    continue
            yield entry.name, size or 0

    def create(self, marker: bytes) -> None:
        session = self._connect()
        session.close_handle(session.open(self._path(marker), CREATE, 0o600))

    def grow(self, marker: bytes, size: int) -> None:
        session = self._connect()
        handle = session.open(self._path(marker), Open.WRITE)
        try:
            write_at(session, handle, size, b".")
        finally:
            session.let_go(handle)

    def remove(self, marker: bytes) -> None:
        self._connect().remove(self._path(marker))

    def _path(self, marker: bytes) -> bytes:
        return self._root + b"/" + marker
