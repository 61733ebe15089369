"""Large objects, written in segments."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from freezer.errors import ObjectNotFound, PermanentError, TransientError
from freezer.storage.contract import Buffer, check_next
from freezer.storage.files.names import temp_path
from freezer.storage.local import durable
from freezer.storage.local.errnos import storage_error
from freezer.storage.local.lock import let_go


class LocalUpload:
    """An object growing in a temporary beside its future place. ``label`` names it in messages."""

    def __init__(self, root: bytes, path: bytes, mode: int, label: str) -> None:
        """Create the temporary in a folder that exists; OSError if that fails."""
        self._root = root
        self._path = path
        self._label = label
        self._end = 0
        self._temp = temp_path(os.path.dirname(path))
        self._fd = durable.create(self._temp, mode)

    def write(self, offset: int, segment: Buffer) -> None:
        self._check_open()
        check_next(offset, self._end, self._label)
        try:
            os.lseek(self._fd, offset, os.SEEK_SET)
            durable.write_all(self._fd, segment)
        except OSError as error:
            raise storage_error(error, f"{self._label}: cannot write at {offset}") from error
        size = memoryview(segment).nbytes
        self._end += size
        self._start_writing_out(offset, size)

    def commit(self) -> None:
        self._check_open()
        try:
            os.ftruncate(self._fd, self._end)  # a segment that failed half-way may stick out
            durable.sync_file(self._fd)
            self._close()
            durable.replace(self._temp, self._path)
        except OSError as error:
            self.abort()
            failure = storage_error(error, f"{self._label}: cannot complete it")
            if isinstance(failure, TransientError | ObjectNotFound):
                # After a failed fsync another one "succeeds" although the bytes are lost: no second try.
                raise PermanentError(failure.message) from error
            raise failure from error

    def abort(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            let_go(fd)
        durable.discard(self._temp)
        durable.prune_folders(self._root, os.path.dirname(self._path))

    def _check_open(self) -> None:
        if self._fd < 0:
            raise PermanentError(f"{self._label}: the upload has ended already")

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _start_writing_out(self, offset: int, size: int) -> None:
        """Let the medium work while the next segment is made; otherwise all of it waits for the fsync at the end, and
        the backup pushes everything else out of the page cache. Advice only, so failing to give it is no failure."""
        if sys.platform == "linux":
            with suppress(OSError):
                os.posix_fadvise(self._fd, offset, size, os.POSIX_FADV_DONTNEED)
