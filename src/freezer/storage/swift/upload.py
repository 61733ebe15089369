"""Large objects, written as segments of which several are on their way at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress

from freezer.errors import PermanentError, StorageError
from freezer.storage.contract import Buffer

PARALLEL = 2
"""Segments on their way at most; each is kept in memory until Swift has acknowledged it."""


class _Segment:
    """One segment and, while it is on its way, the call that sends it."""

    __slots__ = ("call", "data", "number")

    def __init__(self, number: int, data: bytes) -> None:
        self.number = number
        self.data = data
        self.call: Future[None] | None = None


class SwiftUpload:
    """An object growing in segments.

    ``store`` sends a segment (number, bytes), ``publish`` writes the manifest of segments of these sizes, ``discard``
    removes so many segments. ``whole``, if given, stores an object of a single segment without any of these; so the
    first segment waits for the second. ``label`` names the object in messages. A segment that fails is kept, the next
    call raises its error, and the call after that sends it again: so whoever repeats a failed call gets on.
    """

    def __init__(
        self,
        label: str,
        store: Callable[[int, bytes], None],
        publish: Callable[[list[int]], None],
        discard: Callable[[int], None],
        whole: Callable[[bytes], None] | None,
    ) -> None:
        self._label = label
        self._store = store
        self._publish = publish
        self._discard = discard
        self._whole = whole
        self._sizes: list[int] = []
        self._end = 0
        self._unsettled: list[_Segment] = []
        self._pool: ThreadPoolExecutor | None = ThreadPoolExecutor(PARALLEL, "swift-segment")
        self._committed = False

    def write(self, offset: int, segment: Buffer) -> None:
        self._check_open()
        if offset != self._end:
            raise PermanentError(f"{self._label}: segment at {offset}, but {self._end} bytes are written")
        if self._whole is None or len(self._sizes) > 1:
            self._settle(PARALLEL - 1)
        data = bytes(segment)
        if data:
            self._unsettled.append(_Segment(len(self._sizes), data))
            self._sizes.append(len(data))
            self._end += len(data)
            if self._whole is None or len(self._sizes) > 1:
                self._send()

    def commit(self) -> None:
        self._check_open()
        if self._whole is not None and len(self._sizes) == 1:
            self._whole(self._unsettled[0].data)
        else:
            self._settle(0)
            self._publish(self._sizes)
        self._committed = True
        self._close()

    def abort(self) -> None:
        if self._pool is None:
            return
        self._close()
        if not self._committed:
            self._unsettled.clear()
            with suppress(StorageError):  # what stays is nobody's, and a sweep finds it
                self._discard(len(self._sizes))

    def _send(self) -> None:
        """Put every segment on its way that is not, or has failed."""
        assert self._pool is not None
        for segment in self._unsettled:
            if segment.call is None:
                segment.call = self._pool.submit(self._store, segment.number, segment.data)

    def _settle(self, most: int) -> None:
        """Return when at most ``most`` segments are on their way; raise the error of one that failed."""
        self._send()
        while True:
            for segment in list(self._unsettled):
                call = segment.call
                assert call is not None
                if not call.done():
                    continue
                error = call.exception()
                if error is not None:
                    segment.call = None
                    raise error
                self._unsettled.remove(segment)
            if len(self._unsettled) <= most:
                return
            wait([segment.call for segment in self._unsettled if segment.call], return_when=FIRST_COMPLETED)

    def _check_open(self) -> None:
        if self._pool is None:
            raise PermanentError(f"{self._label}: the upload has ended already")

    def _close(self) -> None:
        """End the threads; what is on its way arrives first, so that nothing comes after it was discarded."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            pool.shutdown(wait=True, cancel_futures=True)
