"""The markers by which :mod:`freezer.storage.files.lease` keeps others away, as files on an FTP server."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from freezer.storage.ftp.files import Files


class Markers:
    """Markers directly below ``root``; ``files`` opens a connection for one operation."""

    def __init__(self, files: Callable[[], AbstractContextManager[Files]], root: Callable[[Files], bytes]) -> None:
        self._files = files
        self._root = root

    def markers(self, prefix: bytes) -> Sequence[tuple[bytes, int]]:
        with self._files() as files:
            found = files.entries(self._root(files))
        return [(entry.name, entry.size) for entry in found if entry.name.startswith(prefix)]

    def create(self, marker: bytes) -> None:
        with self._files() as files:
            files.store(self._path(files, marker), b"")

    def grow(self, marker: bytes, size: int) -> None:
        with self._files() as files:
            path = self._path(files, marker)
            # APPE would make a removed one anew; what is as old as the last beat is ours. A beat that failed may have
            # had its effect, so it may be larger.
            if files.size(path) < size:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            files.append(path, b".")

    def remove(self, marker: bytes) -> None:
        with self._files() as files:
            files.remove(self._path(files, marker))

    def _path(self, files: Files, marker: bytes) -> bytes:
        return self._root(files) + b"/" + marker
