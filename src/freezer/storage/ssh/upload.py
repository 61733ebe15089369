"""Large objects, written in segments over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from isal import isal_zlib

from freezer.errors import ObjectNotFound, PermanentError, StorageError
from freezer.storage.contract import Buffer
from freezer.storage.local.durable import temp_path
from freezer.storage.ssh import publish
from freezer.storage.ssh.failures import writing_error
from freezer.storage.ssh.publish import parent
from freezer.storage.ssh.session import Session
from freezer.storage.ssh.transfer import read_range, write_at
from freezer.storage.ssh.wire import Open

_SYNC_EVERY = 256 * 1024 * 1024  # bytes: what has to be compared, at most, after a lost connection


class SshUpload:
    """An object growing in a temporary beside its future place. ``label`` names it in messages.

    A server that lost its power in between may have lost acknowledged bytes too. So after a lost connection everything
    since the last fsync is read back and compared by its CRC-32 before the upload goes on.
    """

    def __init__(self, connect: Callable[[], Session], root: bytes, path: bytes, mode: int, label: str) -> None:
        """Create the temporary in a folder that exists; OSError if that fails."""
        self._connect = connect
        self._root = root
        self._path = path
        self._label = label
        self._end = 0
        self._synced = 0
        self._crc = 0  # of what is between those two
        self._ended = False
        self._committing = False
        self.temp = temp_path(parent(path))
        self._session = connect()
        self._file: bytes | None = self._session.open(self.temp, publish.CREATE | Open.READ, mode)

    def write(self, offset: int, segment: Buffer) -> None:
        self._check_open()
        if offset != self._end:
            raise PermanentError(f"{self._label}: segment at {offset}, but {self._end} bytes are written")
        try:
            file = self._resumed()
            write_at(self._session, file, offset, segment)
            if offset + memoryview(segment).nbytes - self._synced >= _SYNC_EVERY and self._session.can_sync:
                self._session.sync(file)
                self._synced, self._crc = offset + memoryview(segment).nbytes, 0
            else:
                self._crc = isal_zlib.crc32(segment, self._crc)
        except OSError as error:
            attempt = f"{self._label}: cannot write at {offset}"
            raise writing_error(error, attempt, self._session, self._root) from error
        self._end = offset + memoryview(segment).nbytes

    def commit(self) -> None:
        self._check_open()
        try:
            self._finish()
        except OSError as error:
            failure = writing_error(error, f"{self._label}: cannot complete it", self._session, self._root)
            self.abort()
            if isinstance(failure, ObjectNotFound):
                raise PermanentError(failure.message) from error
            raise failure from error
        self._ended = True

    def abort(self) -> None:
        """What a dead connection keeps us from removing is collected by ``sweep``."""
        if self._ended:
            return
        self._ended = True
        if not self._session.alive:
            with suppress(StorageError):
                self._session = self._connect()
                self._file = None
        if not self._session.alive:
            return
        if self._file is not None:
            self._session.let_go(self._file)
        self._session.discard(self.temp)
        with suppress(StorageError):
            publish.prune_folders(self._session, self._root, parent(self._path))

    def _finish(self) -> None:
        try:
            file = self._resumed()
        except FileNotFoundError:
            if self._committing and self._is_in_place():
                return
            raise
        if self._session.fstat(file).size != self._end:
            self._session.truncate(file, self._end)  # a segment that failed half-way sticks out
        self._session.sync(file)
        self._file = None
        self._session.close_handle(file)
        self._committing = True
        publish.replace(self._session, self.temp, self._path)

    def _is_in_place(self) -> bool:
        """Whether an earlier ``commit``, whose answer was lost, has had its effect: nobody else takes our temporary."""
        self._session = self._connect()
        publish.sync_folder(self._session, parent(self._path))
        return self._session.lstat(self._path).size == self._end

    def _resumed(self) -> bytes:
        """The open temporary, in a new connection if the old one is gone."""
        if self._file is not None and self._session.alive:
            return self._file
        self._file = None
        self._session = self._connect()
        file = self._session.open(self.temp, Open.READ | Open.WRITE)
        crc, at = 0, self._synced
        for piece in read_range(self._session, file, self._synced, self._end - self._synced):
            crc = isal_zlib.crc32(piece, crc)
            at += len(piece)
        if (at, crc) != (self._end, self._crc):
            self._session.let_go(file)
            raise PermanentError(
                f"{self._label}: the server lost bytes that it had acknowledged, after {self._synced}",
                hint="run the backup again; did the server restart?",
            )
        self._file = file
        return file

    def _check_open(self) -> None:
        if self._ended:
            raise PermanentError(f"{self._label}: the upload has ended already")
