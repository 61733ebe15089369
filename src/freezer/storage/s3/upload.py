"""Objects written in segments: a small one in one piece, others as parts of which several are on their way at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Protocol

from freezer.errors import PermanentError, StorageError
from freezer.storage.contract import Buffer, check_next

PARALLEL = 8
"""Parts on their way at most."""

WINDOW = 64 * 1024 * 1024
"""Bytes in memory at most, until S3 has acknowledged them; more only if a single part is larger."""

MIN_PART = 5 * 1024 * 1024
"""Bytes of the smallest part that S3 takes, but for the last."""


class Target(Protocol):
    """The object. ``begin`` gives an id, ``store`` sends a part and gives its tag, ``whole`` stores all at once."""

    def begin(self) -> str: ...

    def store(self, id: str, number: int, data: bytes) -> str: ...

    def complete(self, id: str, tags: Sequence[str], size: int) -> None: ...

    def discard(self, id: str) -> None: ...

    def whole(self, data: bytes) -> None: ...


class Sizes:
    """How large parts have to be so that their number suffices: they grow with what is stored already.

    10,000 parts hold more than 5 TiB then, and are not larger than the segments they are made of for the first 37 GiB
    (with segments of 32 MiB). Swift's S3 interface takes 1000: 534 GiB, and the first 5.6.
    """

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self._flat = 1200 if parts >= 10_000 else parts * 180 // 1000

    def least(self, stored: int) -> int:
        """Bytes of the next part at least, after so many."""
        return max(MIN_PART, stored // self._flat)


class _Part:
    """One part and, while it is on its way, the call that sends it."""

    __slots__ = ("call", "data", "number")

    def __init__(self, number: int, data: bytes) -> None:
        self.number = number
        self.data = data
        self.call: Future[str] | None = None


class S3Upload:
    """An object growing in segments, which are joined to parts and never split.

    A part that fails is kept, the next call raises its error, and the call after that sends it again: so whoever
    repeats a failed call gets on. ``label`` names the object in messages.
    """

    def __init__(self, label: str, target: Target, sizes: Sizes) -> None:
        self._label = label
        self._target = target
        self._sizes = sizes
        self._id = ""
        self._end = 0
        self._sent = 0
        self._gathered: list[bytes] = []
        self._unsettled: list[_Part] = []
        self._tags: list[str] = []
        self._pool: ThreadPoolExecutor | None = ThreadPoolExecutor(PARALLEL, "s3-part")
        self._committed = False

    def write(self, offset: int, segment: Buffer) -> None:
        self._check_open()
        check_next(offset, self._end, self._label)
        size = memoryview(segment).nbytes
        # What can fail comes before the segment is ours.
        if self._is_part() and not self._id:
            self._id = self._target.begin()
        self._settle(WINDOW - self._waiting() - size, PARALLEL - 2)
        if self._is_part():
            self._cut()
        if size:
            self._gathered.append(bytes(segment))
            self._end += size
        if self._id and self._is_part():
            self._cut()

    def commit(self) -> None:
        self._check_open()
        if not self._id:
            self._target.whole(b"".join(self._gathered))
        else:
            self._cut()
            self._settle(0, 0)
            self._target.complete(self._id, self._tags, self._end)
        self._committed = True
        self._close()

    @property
    def in_flight(self) -> int:
        """Bytes taken that S3 has not acknowledged."""
        parts = sum(len(part.data) for part in self._unsettled if part.call is None or not part.call.done())
        return parts + sum(map(len, self._gathered))

    def abort(self) -> None:
        if self._pool is None:
            return
        self._close()
        if not self._committed:
            self._gathered.clear()
            self._unsettled.clear()
            if self._id:
                with suppress(StorageError):  # what stays is an unfinished upload, and a sweep finds it
                    self._target.discard(self._id)

    def _waiting(self) -> int:
        return self._end - self._sent

    def _is_part(self) -> bool:
        """Whether what was gathered is enough for a part."""
        return self._waiting() >= self._sizes.least(self._sent)

    def _cut(self) -> None:
        """Make a part of what was gathered and put it on its way."""
        if self._gathered:
            data = b"".join(self._gathered)  # no copy of a single one
            self._gathered = []
            self._tags.append("")
            self._unsettled.append(_Part(len(self._tags), data))
            self._sent += len(data)
        self._send()

    def _send(self) -> None:
        """Put every part on its way that is not, or has failed."""
        assert self._pool is not None
        for part in self._unsettled:
            if part.call is None:
                part.call = self._pool.submit(self._target.store, self._id, part.number, part.data)

    def _settle(self, most_bytes: int, most: int) -> None:
        """Return when at most so many bytes and parts are on their way; raise the error of one that failed."""
        self._send()
        while True:
            for part in list(self._unsettled):
                call = part.call
                assert call is not None
                if not call.done():
                    continue
                error = call.exception()
                if error is not None:
                    part.call = None
                    raise error
                self._tags[part.number - 1] = call.result()
                self._unsettled.remove(part)
            left = len(self._unsettled)
            if not left or (left <= most and sum(len(part.data) for part in self._unsettled) <= most_bytes):
                return
            wait([part.call for part in self._unsettled if part.call], return_when=FIRST_COMPLETED)

    def _check_open(self) -> None:
        if self._pool is None:
            raise PermanentError(f"{self._label}: the upload has ended already")

    def _close(self) -> None:
        """End the threads; what is on its way arrives first, so that nothing comes after it was given up."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            pool.shutdown(wait=True, cancel_futures=True)
