"""Large objects, written as segments of which two are on their way at once."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from freezer.errors import PermanentError, StorageError
from freezer.storage.contract import Buffer, check_next

PARALLEL = 2
"""Segments on their way at most."""


class _Slot:
    """Room for a copy of one segment, so that it can be sent while its writer goes on; its memory is used again."""

    def __init__(self) -> None:
        self._memory: mmap.mmap | None = None
        self._size = 0
        self.number = -1
        self.call: Future[None] | None = None

    @property
    def taken(self) -> bool:
        return self.number >= 0

    @property
    def data(self) -> memoryview:
        assert self._memory is not None
        return memoryview(self._memory)[: self._size]

    def take(self, number: int, segment: memoryview) -> None:
        if self._memory is None or len(self._memory) < len(segment):
            self._memory = mmap.mmap(-1, len(segment))  # whose pages are only there once they are written
        self._memory[: len(segment)] = segment
        self._size = len(segment)
        self.number = number

    def release(self) -> None:
        self.number, self.call = -1, None


class SwiftUpload:
    """An object growing in segments.

    ``store`` sends a segment (number, bytes), ``publish`` writes the manifest of segments of these sizes, ``discard``
    removes so many segments. ``whole``, if given, stores an object of a single segment without any of these; so the
    first segment waits for the second. ``label`` names the object in messages.

    Of two segments on their way one is a copy, which a thread sends, and the other is still the caller's, who waits. A
    copy that fails is kept, the next call raises its error, and the call after that sends it again: so whoever repeats
    a failed call gets on.
    """

    def __init__(
        self,
        label: str,
        store: Callable[[int, Buffer], None],
        publish: Callable[[list[int]], None],
        discard: Callable[[int], None],
        whole: Callable[[Buffer], None] | None,
    ) -> None:
        self._label = label
        self._store = store
        self._publish = publish
        self._discard = discard
        self._whole = whole
        self._sizes: list[int] = []
        self._tried = 0  # segments of which Swift may have something
        self._end = 0
        self._slot = _Slot()
        self._sender: ThreadPoolExecutor | None = ThreadPoolExecutor(PARALLEL - 1, "swift-segment")
        self._committed = False
        self._may_be_whole = False

    def write(self, offset: int, segment: Buffer) -> None:
        self._check_open()
        check_next(offset, self._end, self._label)
        view = memoryview(segment).cast("B")
        if not view:
            return
        number = len(self._sizes)
        self._tried = number + 1
        self._send()
        if self._slot.call is not None and self._slot.call.done():
            self._settle()
        if self._slot.taken:
            self._store(number, view)
        else:
            self._slot.take(number, view)
            if self._whole is None:
                self._send()
        self._sizes.append(len(view))
        self._end += len(view)

    def commit(self) -> None:
        self._check_open()
        if self._whole is not None and len(self._sizes) == 1:
            self._whole(self._slot.data)
        else:
            self._send()
            self._settle()
            self._may_be_whole = True
            self._publish(self._sizes)
        self._committed = True
        self._close()

    def abort(self) -> None:
        if self._sender is None:
            return
        self._close()
        # A manifest whose publishing was no success may be there all the same: its segments are not for us to judge.
        if not self._committed and not self._may_be_whole:
            with suppress(StorageError):  # what stays is nobody's, and a sweep finds it
                self._discard(self._tried)

    @property
    def in_flight(self) -> int:
        """Bytes taken that Swift has not acknowledged."""
        slot = self._slot
        arrived = slot.call is not None and slot.call.done()
        return len(slot.data) if slot.taken and not arrived else 0

    def _send(self) -> None:
        """Put the copy on its way if it is not, or has failed."""
        if self._slot.taken and self._slot.call is None:
            assert self._sender is not None
            self._slot.call = self._sender.submit(self._store, self._slot.number, self._slot.data)

    def _settle(self) -> None:
        """Return when the copy, if there is one, has arrived; raise the error if it has failed."""
        if self._slot.call is None:
            return
        error = self._slot.call.exception()
        if error is not None:
            self._slot.call = None
            raise error
        self._slot.release()

    def _check_open(self) -> None:
        if self._sender is None:
            raise PermanentError(f"{self._label}: the upload has ended already")

    def _close(self) -> None:
        """End the thread; what is on its way arrives first, so that nothing comes after it was discarded."""
        if self._sender is not None:
            sender, self._sender = self._sender, None
            sender.shutdown(wait=True, cancel_futures=True)
            self._slot = _Slot()
