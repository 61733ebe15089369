"""Progress of storing that counts what is stored, not what is on its way."""

from __future__ import annotations

import threading
from collections import deque

from freezer.engine.contract import BlockSink
from freezer.progress import Progress


class Acknowledged:
    """``progress``, which is told of bytes only once every storage has stored the block that they are in.

    An engine that writes into :meth:`watching` a sink, and counts a block's bytes after it has submitted it, is given
    this as its progress; :meth:`landed` is told how many blocks more have arrived.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._waiting: deque[tuple[int, int]] = deque()  # the number of a block, bytes in it
        self._submitted = 0
        self._stored = 0

    def watching(self, sink: BlockSink) -> BlockSink:
        """``sink``, whose blocks are numbered."""
        return _Watched(sink, self)

    def submitted(self) -> None:
        """Another block is on its way."""
        self._submitted += 1

    def landed(self, blocks: int) -> None:
        """So many blocks more are stored."""
        with self._lock:
            self._stored += blocks
            self._pass_on()

    def phase(self, name: str, *, total_bytes: int | None = None, total_items: int | None = None) -> None:
        self._progress.phase(name, total_bytes=total_bytes, total_items=total_items)

    def advance(self, *, done_bytes: int = 0, done_items: int = 0) -> None:
        if done_items:
            self._progress.advance(done_items=done_items)
        if done_bytes:
            with self._lock:
                self._waiting.append((self._submitted, done_bytes))
                self._pass_on()

    def current(self, name: str | bytes) -> None:
        self._progress.current(name)

    def complete(self) -> None:
        self._progress.complete()

    def _pass_on(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._stored:
            self._progress.advance(done_bytes=self._waiting.popleft()[1])


class _Watched:
    def __init__(self, sink: BlockSink, progress: Acknowledged) -> None:
        self._sink = sink
        self._progress = progress

    def acquire(self) -> bytearray:
        return self._sink.acquire()

    def submit(self, block: bytearray, used: int) -> None:
        self._progress.submitted()
        self._sink.submit(block, used)
