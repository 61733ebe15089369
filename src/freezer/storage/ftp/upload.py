"""Large objects, written in segments over as many connections as it takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress

from isal import isal_zlib

from freezer.clock import Clock
from freezer.errors import PermanentError, StorageError
from freezer.storage.contract import Buffer, check_next
from freezer.storage.ftp import publish
from freezer.storage.ftp.arrival import Arrival
from freezer.storage.ftp.failures import storage_error
from freezer.storage.ftp.files import Files
from freezer.storage.ftp.publish import parent

_SETTLED = 120.0  # seconds after which a server's system has put bytes on the medium by itself
_LAG = 64 * 1024 * 1024  # bytes that may be on their way over a long line when ``write`` returns
_PIECE = 4 * 1024 * 1024  # bytes of a copy that is let go at a time


class FtpUpload:
    """An object growing in a temporary, ``temp``, beside its future place. The first bytes make it. ``label`` names the
    object in messages.

    To a server nearby each segment is a transfer of its own, which it confirms. Over a line with a long round trip
    one transfer takes all segments, and another connection asks meanwhile how much has arrived; copies of what has
    not are kept. The size of all is compared in the end. After a lost connection the next call looks how far the
    broken transfer got, compares what is there beyond the confirmed bytes, and everything confirmed in the last two
    minutes, by reading it back (no hash command is common), and goes on behind it.
    """

    def __init__(
        self,
        files: Callable[[], AbstractContextManager[Files]],
        root: bytes,
        path: bytes,
        temp: bytes,
        *,
        label: str,
        clock: Clock,
        forget: Callable[[], None],
    ) -> None:
        """``temp`` is what the temporary will be called; ``files`` opens a connection for one operation; ``forget`` is
        called before the object changes."""
        self.temp = temp
        self._files = files
        self._root = root
        self._path = path
        self._label = label
        self._clock = clock
        self._forget = forget
        self._end = 0
        self._recent: deque[tuple[float, int, int, int]] = deque()  # confirmed when; offset, size, CRC-32
        self._tail: deque[tuple[int, bytes]] = deque()  # offset and content of what is not confirmed
        self._transfer: _Transfer | None = None
        self._arrival: Arrival | None = None
        self._made = False
        self._in_doubt = False
        self._ended = False
        self._committing = False

    def write(self, offset: int, segment: Buffer) -> None:
        self._check_open()
        check_next(offset, self._end, self._label)
        view = memoryview(segment).cast("B")
        try:
            self._send(view)
        except OSError as error:
            raise storage_error(error, f"{self._label}: cannot write at {offset}") from error

    def commit(self) -> None:
        self._check_open()
        try:
            self._finish()
        except OSError as error:
            failure = storage_error(error, f"{self._label}: cannot complete it")
            self.abort()
            raise PermanentError(failure.message) if isinstance(error, FileNotFoundError) else failure from error
        self._ended = True
        self.let_go()

    @property
    def in_flight(self) -> int:
        """Bytes taken that the server has not confirmed."""
        return sum(len(data) for _, data in self._tail)

    def abort(self) -> None:
        """What a dead connection keeps us from removing is collected by ``sweep``."""
        if self._ended:
            return
        self._ended = True
        self.let_go()
        with suppress(StorageError, OSError), self._files() as files:
            files.discard(self.temp)
            publish.prune_folders(files, self._root, parent(self._path))

    def _send(self, segment: memoryview, *, last: bool = False) -> None:
        """Take ``segment``, or nothing of it if that fails. ``last``: on return everything has arrived."""
        try:
            transfer, done = self._continued(segment)
            transfer.send(segment[done:])
            if last or not transfer.is_far or not self._can_lag_behind(segment):
                transfer.finish()
                self._confirm_all(segment)
        except BaseException:
            self._break_off()
            raise

    def _continued(self, segment: memoryview) -> tuple[_Transfer, int]:
        """The transfer that goes on, and how many bytes of ``segment`` have arrived already. What is missing before
        them is sent again."""
        if self._transfer is not None:
            return self._transfer, 0
        there = self._end
        if self._in_doubt:
            with self._files() as files:
                there = self._compared(files, segment)
        self._in_doubt = True
        self._transfer = _Transfer(self._files, self.temp, new=not self._made, if_far=self._followed)
        self._made = True
        for offset, data in self._tail:
            self._transfer.send(memoryview(data)[max(0, there - offset) :])
        return self._transfer, max(0, there - self._end)

    def _confirm_all(self, segment: memoryview) -> None:
        """The server has all that was taken, and ``segment``, which now is."""
        self._transfer, self._in_doubt = None, False
        while self._tail:
            self._remember(*self._tail.popleft())
        self._remember(self._end, segment)
        self._end += len(segment)

    def _can_lag_behind(self, segment: memoryview) -> bool:
        """Keep ``segment``, which is on its way, once what was sent long enough before has arrived; False, and nothing
        happens, if the server does not tell that."""
        arrival, end = self._followed(), self._end + len(segment)
        arrival.want(end)
        if not arrival.reach(end - _LAG):
            arrival.give_up()
            return False
        while self._tail and self._tail[0][0] + len(self._tail[0][1]) <= arrival.seen:
            self._remember(*self._tail.popleft())
        for start in range(0, len(segment), _PIECE):
            self._tail.append((self._end + start, bytes(segment[start : start + _PIECE])))
        self._end = end
        return True

    def _followed(self) -> Arrival:
        if self._arrival is None:
            self._arrival = Arrival(self._files, self.temp)
        return self._arrival

    def _compared(self, files: Files, segment: memoryview) -> int:
        """How long the temporary is; PermanentError if that is not the beginning of what was sent."""
        sent = [*self._tail, (self._end, segment)]
        try:
            there = files.size(self.temp)
        except FileNotFoundError:
            if sent[0][0]:
                raise
            self._made = False  # the broken transfer was the first, and came to nothing
            return 0
        whole = sent[0][0] <= there <= self._end + len(segment) and all(
            self._crc(files, offset, min(len(data), there - offset)) == isal_zlib.crc32(data[: there - offset])
            for offset, data in sent
            if offset < there
        )
        if not whole or any(self._crc(files, offset, size) != crc for _, offset, size, crc in self._recent):
            raise PermanentError(
                f"{self._label}: the server lost or changed bytes that it had confirmed",
                hint="run the backup again; did the server restart?",
            )
        return there

    def _crc(self, files: Files, offset: int, size: int) -> int:
        return isal_zlib.crc32(files.read(self.temp, offset, size) if size else b"")

    def _remember(self, offset: int, data: Buffer) -> None:
        """``data`` at ``offset`` has been confirmed."""
        now = self._clock.monotonic()
        while self._recent and self._recent[0][0] < now - _SETTLED:
            self._recent.popleft()
        view = memoryview(data)
        self._recent.append((now, offset, len(view), isal_zlib.crc32(view)))

    def _finish(self) -> None:
        if self._in_doubt or not self._made:
            self._send(memoryview(b""), last=True)
        with self._files() as files:
            self._replace(files)

    def _replace(self, files: Files) -> None:
        try:
            if not self._is_known_to_be_whole() and files.size(self.temp) != self._end:
                raise PermanentError(
                    f"{self._label}: the server has more or less bytes than were written",
                    hint="run the backup again; does somebody else write there?",
                )
        except FileNotFoundError:
            if self._committing and self._is_in_place(files):
                return
            raise
        self._committing = True
        self._forget()
        publish.replace(files, self.temp, self._path)

    def _is_known_to_be_whole(self) -> bool:
        """Whether the server has told already that it has all bytes, and no more."""
        arrival = self._arrival
        return not self._committing and arrival is not None and arrival.reach(self._end) and arrival.seen == self._end

    def _is_in_place(self, files: Files) -> bool:
        """Whether an earlier ``commit``, whose answer was lost, has had its effect: nobody else takes our temporary."""
        return files.size(self._path) == self._end

    def let_go(self) -> None:
        """Keep no connection; the next call takes others."""
        self._break_off()
        if self._arrival is not None:
            self._arrival.close()
            self._arrival = None

    def _break_off(self) -> None:
        if self._transfer is not None:
            self._transfer.break_off()
            self._transfer = None

    def _check_open(self) -> None:
        if self._ended:
            raise PermanentError(f"{self._label}: the upload has ended already")


class _Transfer:
    """Bytes on their way into the end of a file, over a connection that does nothing else meanwhile. Errors are those
    of :class:`Files`; after one it is over."""

    def __init__(
        self,
        files: Callable[[], AbstractContextManager[Files]],
        path: bytes,
        *,
        new: bool,
        if_far: Callable[[], object],
    ) -> None:
        """``new``: the bytes are the beginning of the file, whatever was in it. ``if_far`` is called before they are on
        their way over a long line."""
        with ExitStack() as stack:
            found = stack.enter_context(files())
            self.is_far = found.is_far
            if found.is_far:
                if_far()
            self._add = stack.enter_context(found.storing(path) if new else found.appending(path))
            self._open = stack.pop_all()

    def send(self, data: Buffer) -> None:
        with ExitStack() as stack:
            stack.push(self._open.__exit__)
            self._add(data)
            stack.pop_all()

    def finish(self) -> None:
        """On return the server has confirmed everything."""
        self._open.close()

    def break_off(self) -> None:
        """Whatever has arrived stays."""
        with suppress(StorageError, OSError, _BrokenOffError):
            self._open.__exit__(_BrokenOffError, _BrokenOffError(), None)


class _BrokenOffError(Exception):
    pass
