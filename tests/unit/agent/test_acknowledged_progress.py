"""Bytes count once every storage has them, not when they were handed over."""

from __future__ import annotations

import threading

from freezer.agent.places.acknowledged import Acknowledged
from freezer.progress import NoProgress
from freezer.storage.wrapper import UploadWrapper
from freezer.stream.compression import Codec
from freezer.stream.pipeline import Pipeline


class Counter(NoProgress):
    def __init__(self) -> None:
        self.bytes = 0
        self.items = 0

    def advance(self, *, done_bytes: int = 0, done_items: int = 0) -> None:
        self.bytes += done_bytes
        self.items += done_items


class Gate:
    """A sink that stores a segment when it is let."""

    def __init__(self) -> None:
        self.let = threading.Semaphore(0)
        self.stored = 0

    def write(self, offset: int, segment: object) -> None:
        self.let.acquire()
        self.stored += 1


class Broken:
    def write(self, offset: int, segment: object) -> None:
        raise OSError("gone")


def _block(progress: Acknowledged, sink, size: int) -> None:
    block = sink.acquire()
    block[:size] = bytes(size)
    sink.submit(block, size)
    progress.advance(done_bytes=size)


def test_nothing_counts_before_its_block_has_landed() -> None:
    counter = Counter()
    progress = Acknowledged(counter)
    progress.advance(done_items=3)
    progress.submitted()
    progress.advance(done_bytes=10)
    progress.submitted()
    progress.advance(done_bytes=20)
    assert (counter.items, counter.bytes) == (3, 0)
    progress.landed(1)
    assert counter.bytes == 10
    progress.landed(1)
    assert counter.bytes == 30


def test_a_block_that_lands_before_its_bytes_are_counted_counts_at_once() -> None:
    counter = Counter()
    progress = Acknowledged(counter)
    progress.submitted()
    progress.landed(1)
    progress.advance(done_bytes=10)
    assert counter.bytes == 10


def test_the_slowest_sink_decides_and_a_broken_one_does_not() -> None:
    counter, fast, slow = Counter(), Gate(), Gate()
    progress = Acknowledged(counter)
    with Pipeline([fast, slow, Broken()], compression=Codec.NONE, segment_size=1000, queue_size=4) as pipeline:
        pipeline.landed = progress.landed
        sink = progress.watching(pipeline)
        for _ in range(3):
            _block(progress, sink, 1000)
        for _ in range(3):
            fast.let.release()
        _until(lambda: fast.stored == 3)
        assert counter.bytes == 0
        slow.let.release()
        _until(lambda: counter.bytes == 1000)
        slow.let.release(2)
        pipeline.finish()
    assert counter.bytes == 3000


class Lagging:
    """A sink that takes everything at once and has stored nothing of it for a while."""

    def __init__(self) -> None:
        self.in_flight = 0

    def write(self, offset: int, segment: memoryview) -> None:
        self.in_flight += len(segment)

    def commit(self) -> None:
        self.in_flight = 0

    def abort(self) -> None:
        pass


def test_what_a_sink_has_taken_but_not_stored_does_not_count() -> None:
    counter, sink = Counter(), Lagging()
    progress = Acknowledged(counter)
    with Pipeline([UploadWrapper(sink)], compression=Codec.NONE, segment_size=1000, queue_size=4) as pipeline:
        pipeline.landed = progress.landed
        watched = progress.watching(pipeline)
        for _ in range(3):
            _block(progress, watched, 1000)
        _until(lambda: sink.in_flight == 3000)
        sink.in_flight = 2000
        pipeline.finish()
    assert counter.bytes == 1000


def _until(ready) -> None:
    event = threading.Event()
    for _ in range(1000):
        if ready():
            return
        event.wait(0.005)
    raise AssertionError("it never came")
