"""Cutting stored bytes into segments and giving each segment to every sink."""

from __future__ import annotations

import mmap
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from freezer.clock import Interrupted
from freezer.crypto.contract import Buffer
from freezer.stream.crew import Crew


class Sink(Protocol):
    """Where segments go; every upload of a storage is one."""

    def write(self, offset: int, segment: Buffer) -> None:
        """Store ``segment`` at ``offset``; segments come in order and without gaps. The buffer is taken back on
        return."""
        ...


@runtime_checkable
class Lagging(Protocol):
    """A sink that has not stored everything yet when ``write`` returns."""

    @property
    def in_flight(self) -> int:
        """Bytes that it has taken and that are not acknowledged."""
        ...


class _Segment:
    __slots__ = ("data", "memory", "offset", "waiting")

    def __init__(self, offset: int, memory: mmap.mmap, used: int, waiting: int) -> None:
        self.offset = offset
        self.memory = memory
        self.data = memoryview(memory)[:used].toreadonly()
        self.waiting = waiting  # sinks that have not dealt with it yet


class Delivery:
    """One thread per sink, at most ``queue_size`` segments in memory.

    Buffers are anonymous mappings, so that a stream of 1 MiB does not touch the pages of a 32 MiB segment. A sink that
    raises gets nothing more and is listed in ``failures``; only when all have failed does the crew stop. ``landed`` is
    told up to which offset all the others have stored the stream, by one thread at a time.
    """

    def __init__(
        self,
        crew: Crew,
        sinks: Sequence[Sink],
        segment_size: int,
        queue_size: int,
        landed: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._crew = crew
        self._landed = landed
        self._lagging = {index: sink for index, sink in enumerate(sinks) if isinstance(sink, Lagging)}
        self._segment_size = segment_size
        self._unmade = max(1, queue_size)
        self._free: list[mmap.mmap] = []
        self._queues: list[deque[_Segment | None]] = [deque() for _ in sinks]
        self._failures: dict[int, BaseException] = {}
        self._memory: mmap.mmap | None = None
        self._used = 0
        self._offset = 0
        self.segments = 0
        for index, sink in enumerate(sinks):
            crew.start(f"sink-{index}", lambda index=index, sink=sink: self._deliver(index, sink))  # type: ignore[misc]

    @property
    def failures(self) -> Mapping[int, BaseException]:
        """What the sinks that failed raised, by their index."""
        return self._failures

    def write(self, data: Buffer) -> None:
        """Append ``data`` to the stream; waits while all segments are on their way."""
        view = memoryview(data)
        while view:
            if self._memory is None:
                self._memory = self._take()
            room = min(self._segment_size - self._used, len(view))
            self._memory[self._used : self._used + room] = view[:room]
            self._used += room
            view = view[room:]
            if self._used == self._segment_size:
                self._send()

    def finish(self) -> None:
        """Send the last segment; the threads end after it."""
        if self._memory is not None:
            self._send()
        with self._crew.changed:
            for queue in self._queues:
                queue.append(None)
            self._crew.changed.notify_all()

    def tell(self, offset: int) -> None:
        """Tell ``landed``, now that all sinks have taken the stream up to ``offset``."""
        lag = max((sink.in_flight for index, sink in self._lagging.items() if index not in self._failures), default=0)
        self._landed(offset - lag)

    def _take(self) -> mmap.mmap:
        with self._crew.changed:
            self._crew.wait_for(lambda: self._free or self._unmade)
            if self._free:
                return self._free.pop()
            self._unmade -= 1
        return mmap.mmap(-1, self._segment_size)

    def _send(self) -> None:
        assert self._memory is not None
        segment = _Segment(self._offset, self._memory, self._used, len(self._queues))
        self._offset += self._used
        self._memory, self._used = None, 0
        self.segments += 1
        with self._crew.changed:
            for queue in self._queues:
                queue.append(segment)
            self._crew.changed.notify_all()

    def _deliver(self, index: int, sink: Sink) -> None:
        queue = self._queues[index]
        while True:
            with self._crew.changed:
                self._crew.wait_for(lambda: queue)
                segment = queue.popleft()
            if segment is None:
                return
            if index not in self._failures:
                self._try(index, sink, segment)
            with self._crew.changed:
                segment.waiting -= 1
                if not segment.waiting:
                    self._free.append(segment.memory)
                    self.tell(segment.offset + len(segment.data))
                    self._crew.changed.notify_all()

    def _try(self, index: int, sink: Sink, segment: _Segment) -> None:
        try:
            sink.write(segment.offset, segment.data)
        except Interrupted:
            raise
        except Exception as error:  # a storage may raise anything; the others go on
            with self._crew.changed:
                self._failures[index] = error
                if len(self._failures) == len(self._queues):
                    raise
