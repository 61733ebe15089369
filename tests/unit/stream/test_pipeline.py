from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freezer.clock import SystemClock
from freezer.crypto.cfb import CfbDecryptor, CfbEncryptor
from freezer.crypto.chainkey import ChainKey, KdfParameters
from freezer.crypto.contract import Buffer, Sealer, Unsealer
from freezer.crypto.passphrase import Passphrase
from freezer.crypto.sealed import SealReader, SealWriter
from freezer.errors import FreezerError, StorageFull, TransientError
from freezer.storage.retry import Retry, RetryPolicy
from freezer.storage.throttle import ThrottledStorage, TokenBucket
from freezer.stream.compression import Codec, Level, block_size, working_memory
from freezer.stream.decompression import looks_like
from freezer.stream.pipeline import Pipeline, default_workers
from freezer.stream.source import ByteSource
from freezer.testing.memory import MemoryStorage

PASS = Passphrase.from_line(b"sesame\n")
KEY = ChainKey.new(PASS, KdfParameters(memory_kib=64, iterations=1, lanes=1))


class Kept:
    """A sink that keeps everything and insists on the contract."""

    def __init__(self, segment_size: int = 1 << 30) -> None:
        self.stored = bytearray()
        self.sizes: list[int] = []
        self.segment_size = segment_size

    def write(self, offset: int, segment: Buffer) -> None:
        assert offset == len(self.stored)
        assert 0 < len(segment) <= self.segment_size
        self.stored += segment
        self.sizes.append(len(segment))


class Broken(Kept):
    """A sink that is full after so many segments."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def write(self, offset: int, segment: Buffer) -> None:
        if len(self.sizes) == self.after:
            raise StorageFull("the disk is full")
        super().write(offset, segment)


class Stuck(Kept):
    """A sink that hangs until released."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()
        self.reached = threading.Event()

    def write(self, offset: int, segment: Buffer) -> None:
        self.reached.set()
        self.release.wait(120)


def feed(pipeline: Pipeline, data: bytes, step: int | None = None) -> None:
    at = 0
    while at < len(data):
        block = pipeline.acquire()
        used = min(step or len(block), len(block), len(data) - at)
        block[:used] = data[at : at + used]
        pipeline.submit(block, used)
        at += used


def within(seconds: float, work: Callable[[], object]) -> None:
    """Fail, rather than hang, if ``work`` takes longer."""
    outcome: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    if outcome:
        raise outcome[0]


def seals(kind: str, codec: Codec) -> tuple[Sealer | None, Unsealer | None]:
    if kind == "cfb":
        return CfbEncryptor(PASS.openssl), CfbDecryptor(PASS.openssl, lambda head: looks_like(codec, head))
    if kind == "sealed":
        return SealWriter(KEY, b"about", frame_size=1024), SealReader(PASS, b"about")
    return None, None


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("kind", ["none", "cfb", "sealed"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=5000),
    step=st.integers(200, 3000),
    segment=st.integers(100, 3000),
    workers=st.integers(1, 3),
    queue=st.integers(1, 3),
    chunk=st.integers(50, 4000),
)
def test_any_stream_comes_back(
    codec: Codec, kind: str, data: bytes, step: int, segment: int, workers: int, queue: int, chunk: int
) -> None:
    sealer, unsealer = seals(kind, codec)
    sink = Kept(segment)
    with Pipeline(
        [sink], compression=codec, seal=sealer, segment_size=segment, queue_size=queue, workers=workers
    ) as pipeline:
        feed(pipeline, data, step)
        summary = pipeline.finish()
    assert (summary.plain_size, summary.stored_size) == (len(data), len(sink.stored))
    assert summary.sha256 == hashlib.sha256(sink.stored).hexdigest()
    assert sink.sizes == [segment] * (len(sink.stored) // segment) + [len(sink.stored) % segment] * (
        len(sink.stored) % segment > 0
    )
    assert summary.segments == len(sink.sizes)
    stored = bytes(sink.stored)
    chunks = (stored[start : start + chunk] for start in range(0, len(stored), chunk))
    with ByteSource(
        chunks, codec=codec, unsealer=unsealer, stored_size=summary.stored_size, sha256=summary.sha256
    ) as source:
        assert source.read_exact(len(data)) == data
        source.finish()


def test_blocks_keep_their_order_whatever_their_compression_takes() -> None:
    # Noise compresses much slower than zeros.
    parts = [os.urandom(1 << 20) if number % 3 == 0 else bytes([number]) * (1 << 20) for number in range(24)]
    sink = Kept()
    with Pipeline([sink], compression=Codec.GZIP, workers=4) as pipeline:
        feed(pipeline, b"".join(parts))
        pipeline.finish()
    with ByteSource([bytes(sink.stored)], codec=Codec.GZIP) as source:
        assert [source.read_exact(1 << 20) for _ in parts] == parts
        source.finish()


def test_every_sink_gets_the_same_bytes() -> None:
    sinks = [Kept(), Kept(), Kept()]
    with Pipeline(sinks, compression=Codec.ZSTD, segment_size=1000) as pipeline:
        feed(pipeline, os.urandom(50_000), 7000)
        pipeline.finish()
    assert sinks[0].stored == sinks[1].stored == sinks[2].stored
    assert not pipeline.failures


def test_a_sink_that_fails_is_listed_and_the_others_go_on() -> None:
    sinks = [Kept(), Broken(2), Kept()]
    with Pipeline(sinks, compression=Codec.NONE, segment_size=1000, queue_size=1) as pipeline:
        data = os.urandom(50_000)
        feed(pipeline, data, 7000)
        summary = pipeline.finish()
    assert list(pipeline.failures) == [1]
    assert isinstance(pipeline.failures[1], StorageFull)
    assert sinks[0].stored == sinks[2].stored == data
    assert len(sinks[1].stored) == 2000
    assert summary.stored_size == len(data)


@pytest.mark.parametrize("codec", [Codec.NONE, Codec.GZIP])
def test_when_all_sinks_have_failed_the_producer_hears_of_it(codec: Codec) -> None:
    def run() -> None:
        with Pipeline([Broken(1), Broken(3)], compression=codec, segment_size=1000, queue_size=1) as pipeline:
            feed(pipeline, os.urandom(50_000), 1000)
            pipeline.finish()

    with pytest.raises(StorageFull, match="the disk is full"):
        within(60, run)


def test_a_failure_in_the_last_segment_is_raised_by_finish() -> None:
    with Pipeline([Broken(0)], compression=Codec.GZIP) as pipeline:
        feed(pipeline, b"data")
        with pytest.raises(StorageFull):
            pipeline.finish()


def test_a_failing_sealer_stops_everything() -> None:
    class Failing:
        header = b"header"

        def update(self, data: Buffer) -> Iterator[bytes]:
            raise RuntimeError("no more entropy")

        def finish(self) -> bytes:
            return b""

    def run() -> None:
        with Pipeline([Kept()], compression=Codec.GZIP, seal=Failing()) as pipeline:
            for _ in range(100):
                feed(pipeline, bytes(1 << 20))
            pipeline.finish()

    with pytest.raises(RuntimeError, match="no more entropy"):
        within(60, run)


def test_a_producer_that_fails_leaves_no_thread_and_no_finished_stream() -> None:
    sink = Kept()
    pipeline = Pipeline([sink], compression=Codec.GZIP, segment_size=100)

    def run() -> None:
        with pipeline:
            feed(pipeline, os.urandom(3 << 20))
            raise OSError("unreadable")

    with pytest.raises(OSError, match="unreadable"):
        run()
    written = len(sink.stored)
    with pytest.raises(FreezerError, match="aborted"):
        pipeline.acquire()
    assert len(sink.stored) == written


def test_abort_does_not_wait_for_ever_for_a_sink_that_hangs() -> None:
    sink = Stuck()
    pipeline = Pipeline([sink], compression=Codec.NONE, segment_size=1000, queue_size=1)
    feed(pipeline, bytes(3000), 1000)
    assert sink.reached.wait(60)
    within(30, lambda: pipeline.abort(timeout=0.1))
    with pytest.raises(FreezerError, match="aborted"):
        pipeline.finish()
    sink.release.set()


@pytest.mark.parametrize("where", ["acquire", "finish"])
def test_cancelling_wakes_a_producer_that_waits(where: str) -> None:
    sink = Stuck()
    cancelled = threading.Event()
    pipeline = Pipeline(
        [sink], compression=Codec.NONE, segment_size=1000, queue_size=1, cancelled=cancelled.is_set, workers=1
    )

    def run() -> None:
        if where == "acquire":
            feed(pipeline, bytes(100_000), 1000)
        feed(pipeline, bytes(1000), 1000)
        pipeline.finish()

    threading.Timer(0.2, cancelled.set).start()
    with pytest.raises(FreezerError, match="cancelled"):
        within(30, run)
    sink.release.set()
    pipeline.abort()


def test_abort_is_harmless_after_finish_and_twice() -> None:
    pipeline = Pipeline([Kept()], compression=Codec.GZIP)
    pipeline.finish()
    pipeline.abort()
    pipeline.abort()


def test_abort_does_not_wait_for_a_speed_limit() -> None:
    bucket = TokenBucket(100, SystemClock())
    upload = ThrottledStorage(MemoryStorage(SystemClock()), upload=bucket, download=None).open_write("object")
    pipeline = Pipeline([upload], compression=Codec.NONE, segment_size=5000, queue_size=1)
    feed(pipeline, bytes(5000))
    time.sleep(0.1)
    within(30, pipeline.abort)
    assert not pipeline.failures


def test_abort_does_not_wait_for_the_next_try_of_a_storage() -> None:
    class Away(Kept):
        def write(self, offset: int, segment: Buffer) -> None:
            tried.set()
            retry(self._fail)

        def _fail(self) -> None:
            raise TransientError("nobody answers")

    tried = threading.Event()
    retry = Retry(RetryPolicy(first_delay=600), SystemClock(), lambda: 0)
    pipeline = Pipeline([Away()], compression=Codec.NONE, segment_size=1000)
    feed(pipeline, bytes(1000))
    assert tried.wait(60)
    within(30, pipeline.abort)


def test_a_slow_sink_holds_the_producer_back() -> None:
    sink = Stuck()
    pipeline = Pipeline([sink], compression=Codec.NONE, segment_size=1 << 20, queue_size=1)
    submitted = 0

    def produce() -> None:
        nonlocal submitted
        try:
            for _ in range(100):
                pipeline.submit(pipeline.acquire(), 1 << 20)
                submitted += 1
        except FreezerError:
            pass

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    assert sink.reached.wait(60)
    time.sleep(0.2)
    assert submitted <= 4
    pipeline.abort(timeout=0.1)
    sink.release.set()
    thread.join(60)


def test_workers_are_bounded_by_processors_and_memory() -> None:
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for codec in Codec:
        for level in Level:
            workers = default_workers(codec, level)
            assert 1 <= workers <= min(8, processors)
            assert workers == 1 or workers * (2 * block_size(codec) + working_memory(codec, level)) <= 64 << 20


MEMORY = """
import resource, sys
from freezer.stream.compression import Codec, block_size
from freezer.stream.pipeline import Pipeline
class Null:
    def write(self, offset, segment): pass
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
codec = Codec(sys.argv[1])
noise = open("/dev/urandom", "rb").read(block_size(codec))
before = peak()
with Pipeline([Null()], compression=codec, segment_size=8 << 20, queue_size=2, workers=2) as pipeline:
    for _ in range(int(sys.argv[2]) * (1 << 20) // len(noise)):
        block = pipeline.acquire()
        block[:] = noise
        pipeline.submit(block, len(block))
    pipeline.finish()
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts as Linux does")
@pytest.mark.parametrize(("codec", "limit"), [(Codec.NONE, 28), (Codec.GZIP, 36), (Codec.ZSTD, 60)])
def test_memory_is_bounded_by_segments_and_blocks(codec: Codec, limit: int) -> None:
    # 16 MiB of segments, four blocks with results that are no smaller, and what the compressors need.
    command = [sys.executable, "-c", MEMORY, codec, "128"]
    grown = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert grown <= limit, f"{grown} MiB for blocks of {block_size(codec)} bytes"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts as Linux does")
def test_a_short_stream_does_not_pay_for_a_whole_segment() -> None:
    script = MEMORY.replace("segment_size=8 << 20", "segment_size=64 << 20")
    command = [sys.executable, "-c", script, Codec.GZIP, "1"]
    assert int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) <= 12
