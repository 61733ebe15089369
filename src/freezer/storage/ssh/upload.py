"""Large objects, written in segments over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

from isal import isal_zlib

from freezer.errors import ObjectNotFound, PermanentError, StorageError
from freezer.storage.contract import Buffer, check_next
from freezer.storage.files.names import temp_path
from freezer.storage.ssh import publish, wire
from freezer.storage.ssh.channel import Replies
from freezer.storage.ssh.failures import writing_error
from freezer.storage.ssh.fetching import read_range
from freezer.storage.ssh.lanes import Lanes
from freezer.storage.ssh.publish import parent
from freezer.storage.ssh.sending import Ends, Sending
from freezer.storage.ssh.session import Session, attributes, handle
from freezer.storage.ssh.wire import Open, Type

_SYNC_EVERY = 256 * 1024 * 1024  # bytes: what has to be compared, at most, after a lost connection
_WIDE = 1024 * 1024  # bytes: smaller segments go over one connection, and have arrived at once
_LAG = 4 * 1024 * 1024  # bytes that may be on their way over each connection: beyond what ssh itself lets be in flight


class SshUpload:
    """An object growing in a temporary beside its future place. ``label`` names it in messages.

    So that the line is never idle, the last bytes of a large segment are still on their way when ``write`` returns:
    they are kept until the server has acknowledged them, and sent again if a connection is lost. A server that lost
    its power in between may have lost acknowledged bytes too; so after a lost connection everything that was
    acknowledged since the last fsync is read back and compared by its CRC-32 before the upload goes on.
    """

    def __init__(
        self,
        connect: Callable[[], Session],
        lanes: Lanes,
        root: bytes,
        path: bytes,
        mode: int,
        label: str,
    ) -> None:
        """Create the temporary in a folder that exists; OSError if that fails."""
        self._connect = connect
        self._lanes = lanes
        self._beside: dict[Session, bytes] = {}  # further connections, and the temporary's handles there
        self._root = root
        self._path = path
        self._label = label
        self._synced = 0
        self._crc = 0  # of what has arrived after that
        self._sending = Sending(landed=self._landed)
        self._ended = False
        self._committing = False
        self.temp = temp_path(parent(path))
        self._session = connect()
        self._file: bytes | None = self._session.open(self.temp, publish.CREATE | Open.READ, mode)

    def write(self, offset: int, segment: Buffer) -> None:
        self._check_open()
        check_next(offset, self._sending.taken, self._label)
        size = memoryview(segment).nbytes
        try:
            file = self._resumed()
            self._sync_now_and_then(file)
            ends = self._ends(file, size)
            self._sending.send(ends, segment, _LAG * len(ends) if size >= _WIDE else 0)
        except OSError as error:
            attempt = f"{self._label}: cannot write at {self._sending.arrived}"
            raise writing_error(error, attempt, self._session, self._root) from error

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

    @property
    def in_flight(self) -> int:
        """Bytes taken that the server has not acknowledged."""
        return self._sending.taken - self._sending.arrived

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
        self._let_go_beside()
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
        self._sending.settle(self._ends(file, self.in_flight))
        self._complete(file)
        self._committing = True
        publish.replace(self._session, self.temp, self._path)

    def _complete(self, file: bytes) -> None:
        """Put the temporary on the medium as it is to be, and close it, in one round trip."""
        self._file = None
        size = self._session.ask(Type.FSTAT, wire.string(file))
        replies: Replies = SimpleQueue()
        count = self._session.send_sync_and_close(file, replies)
        self._let_go_beside()
        self._session.settle(replies, count)
        if attributes(size()).size != self._sending.taken:  # a segment that failed half-way sticks out
            file = self._session.open(self.temp, Open.WRITE)
            self._session.truncate(file, self._sending.taken)
            self._session.sync_and_close(file)

    def _is_in_place(self) -> bool:
        """Whether an earlier ``commit``, whose answer was lost, has had its effect: nobody else takes our temporary."""
        self._session = self._connect()
        publish.sync_folder(self._session, parent(self._path))
        return self._session.lstat(self._path).size == self._sending.taken

    def _resumed(self) -> bytes:
        """The open temporary, in a new connection if the old one is gone."""
        if self._file is not None and self._session.alive:
            return self._file
        self._file = None
        self._session = self._connect()
        file = self._session.open(self.temp, Open.READ | Open.WRITE)
        crc, at, arrived = 0, self._synced, self._sending.arrived
        for piece in read_range(self._session, file, at, arrived - at):
            crc = isal_zlib.crc32(piece, crc)
            at += len(piece)
        if (at, crc) != (arrived, self._crc):
            self._session.let_go(file)
            raise PermanentError(
                f"{self._label}: the server lost bytes that it had acknowledged, after {self._synced}",
                hint="run the backup again; did the server restart?",
            )
        self._file = file
        return file

    def _sync_now_and_then(self, file: bytes) -> None:
        if self._sending.arrived - self._synced >= _SYNC_EVERY and self._session.can_sync:
            arrived = self._sending.arrived
            self._session.sync(file)
            self._synced, self._crc = arrived, 0

    def _landed(self, data: memoryview) -> None:
        self._crc = isal_zlib.crc32(data, self._crc)

    def _ends(self, file: bytes, size: int) -> Ends:
        """The connections that a segment of ``size`` bytes goes over, and the temporary's handles there."""
        lanes = self._lanes.all(self._session)[1:] if size >= _WIDE else []
        named = (wire.string(self.temp), wire.uint(Open.WRITE), wire.mode_only(None))
        opening = []
        for lane in lanes:
            if lane not in self._beside:
                with suppress(StorageError):
                    opening.append((lane, lane.ask(Type.OPEN, *named)))
        for lane, opened in opening:
            with suppress(StorageError):
                self._beside[lane] = handle(opened())
        return [(self._session, file), *((lane, self._beside[lane]) for lane in lanes if lane in self._beside)]

    def _let_go_beside(self) -> None:
        """Close the further handles, all in one round trip."""
        closing = []
        while self._beside:
            lane, file = self._beside.popitem()
            with suppress(StorageError):
                closing.append(lane.ask(Type.CLOSE, wire.string(file)))
        for closed in closing:
            with suppress(StorageError):
                closed()

    def _check_open(self) -> None:
        if self._ended:
            raise PermanentError(f"{self._label}: the upload has ended already")
