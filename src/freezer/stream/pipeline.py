"""The write side: plain blocks in, segments of stored bytes out to every sink."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from freezer.crypto.contract import Buffer, Sealer
from freezer.errors import FreezerError
from freezer.stream.compression import Codec, Level, block_size, compressor, working_memory
from freezer.stream.crew import Crew, Stopped
from freezer.stream.delivery import Delivery, Sink
from freezer.stream.digest import Digest, StreamSummary

SEGMENT_SIZE = 32 * 1024 * 1024
QUEUE_SIZE = 2

_MAX_WORKERS = 8  # one producer cannot feed more
_WORKER_MEMORY = 64 * 1024 * 1024  # for all of them together, so that the whole agent stays below 128 MiB


class _Job:
    """One block on its way; ``stored`` is its compressed form as soon as there is one."""

    __slots__ = ("block", "stored", "used")

    def __init__(self, block: bytearray, used: int) -> None:
        self.block = block
        self.used = used
        self.stored: Buffer | None = None


class Pipeline:
    """Compresses, seals, hashes, cuts and delivers one stream.

    One thread, the producer, calls everything: ``acquire`` a block, fill it, ``submit`` it, again and again, then
    ``finish``; or ``abort`` at any time. What goes wrong in any thread is raised by the producer's next call. Memory:
    ``queue_size`` segments, and about ``workers + 2`` blocks with their compressed forms.

    ``cancelled`` is asked in every call and while one waits; when it says yes the call raises :class:`FreezerError`.
    A sink that fails is dropped and listed in ``failures``; the stream goes on while one is left.
    ``landed`` is told of every so many blocks more that all sinks have stored, but for what a cipher holds back.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        *,
        compression: Codec,
        level: Level = Level.DEFAULT,
        seal: Sealer | None = None,
        segment_size: int = SEGMENT_SIZE,
        queue_size: int = QUEUE_SIZE,
        workers: int | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        if not sinks or segment_size < 1:
            raise ValueError("a pipeline needs a sink and a segment size")
        self._codec, self._level = compression, level
        self._seal = seal
        self._cancelled = cancelled
        self._block_size = block_size(compression)
        workers = 0 if compression is Codec.NONE else max(1, workers or default_workers(compression, level))
        self._free: list[bytearray] = []
        self._unmade = workers + 2
        self._raw: deque[_Job] = deque()  # to be compressed
        self._order: deque[_Job] = deque()  # to be packed, as submitted
        self._closed = False
        self._finished = False
        self._plain_size = 0
        self._digest = Digest()
        self._crew = Crew("pipeline")
        self.landed: Callable[[int], None] = lambda _: None
        self._ends: deque[int] = deque()  # of the blocks that are stored, or on their way: where they end
        self._delivery = Delivery(self._crew, sinks, segment_size, queue_size, self._on_landed)
        for number in range(workers):
            self._crew.start(f"compress-{number}", self._compress)
        self._crew.start("pack", self._pack)

    @property
    def failures(self) -> Mapping[int, BaseException]:
        """What the sinks that failed raised, by their index in ``sinks``."""
        return self._delivery.failures

    def acquire(self) -> bytearray:
        """A block to be filled, of the codec's block size; its content is undefined. Waits until one is free."""
        self._wait_for(lambda: self._free or self._unmade)
        with self._crew.changed:
            if self._free:
                return self._free.pop()
            self._unmade -= 1
        return bytearray(self._block_size)

    def submit(self, block: bytearray, used: int) -> None:
        """Send the first ``used`` bytes of an acquired block on; the block must not be touched afterwards."""
        self._check()
        self._plain_size += used
        job = _Job(block, used)
        if self._codec is Codec.NONE:
            job.stored = memoryview(block)[:used]
        with self._crew.changed:
            self._order.append(job)
            if job.stored is None:
                self._raw.append(job)
            self._crew.changed.notify_all()

    def finish(self) -> StreamSummary:
        """Wait until all sinks have everything; the sinks are not committed."""
        if not self._plain_size:
            self.submit(bytearray(), 0)  # nothing is stored as one empty block: no codec accepts no bytes at all
        self._check()
        with self._crew.changed:
            self._closed = True
            self._crew.changed.notify_all()
        self._wait_for(lambda: not self._crew.running)
        self._delivery.tell(self._digest.size)
        self._finished = True
        return StreamSummary(self._plain_size, self._digest.size, self._digest.hexdigest(), self._delivery.segments)

    def abort(self, timeout: float = 10.0) -> None:
        """Stop all threads and wait until they have ended, but no longer than ``timeout`` seconds for a sink that
        hangs; no sink is called again. Harmless after ``finish`` and a second time."""
        self._crew.dismiss(timeout)

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._finished:
            self.abort()

    def _check(self) -> None:
        self._wait_for(lambda: True)

    def _wait_for(self, ready: Callable[[], object]) -> None:
        self._poll()
        with contextlib.suppress(Stopped), self._crew.changed:
            self._crew.wait_for(ready, poll=self._poll)
            return
        if self._crew.error is None or isinstance(self._crew.error, Stopped):
            raise FreezerError("the stream was aborted")
        raise self._crew.error

    def _poll(self) -> None:
        if self._cancelled():
            raise FreezerError("cancelled")

    def _compress(self) -> None:
        compress = compressor(self._codec, self._level)
        changed = self._crew.changed
        while True:
            with changed:
                self._crew.wait_for(lambda: self._raw or self._closed)
                if not self._raw:
                    return
                job = self._raw.popleft()
            stored = compress(memoryview(job.block)[: job.used])
            with changed:
                job.stored = stored
                changed.notify_all()

    def _pack(self) -> None:
        if self._seal is not None:
            self._store(self._seal.header)
        while (job := self._next_packed()) is not None:
            assert job.stored is not None
            for piece in (job.stored,) if self._seal is None else self._seal.update(job.stored):
                self._store(piece)
            with self._crew.changed:
                self._ends.append(self._digest.size)
                self._free.append(job.block)
                self._crew.changed.notify_all()
        if self._seal is not None:
            self._store(self._seal.finish())
        self._delivery.finish()

    def _next_packed(self) -> _Job | None:
        with self._crew.changed:
            self._crew.wait_for(lambda: self._order[0].stored is not None if self._order else self._closed)
            return self._order.popleft() if self._order else None

    def _on_landed(self, offset: int) -> None:
        blocks = 0
        while self._ends and self._ends[0] <= offset:
            self._ends.popleft()
            blocks += 1
        if blocks:
            self.landed(blocks)

    def _store(self, data: Buffer) -> None:
        self._digest.update(data)
        self._delivery.write(data)


def default_workers(codec: Codec, level: Level = Level.DEFAULT) -> int:
    """As many compressing threads as there are processors to use, within reason and memory."""
    memory = 2 * block_size(codec) + working_memory(codec, level)
    return max(1, min(processors(), _MAX_WORKERS, _WORKER_MEMORY // memory))


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
