from __future__ import annotations

import gzip
import hashlib
import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezer.clock import SystemClock
from freezer.crypto.chainkey import ChainKey, KdfParameters
from freezer.crypto.passphrase import Passphrase
from freezer.crypto.sealed import SealReader, SealWriter
from freezer.errors import DamagedError, PassphraseError, TransientError
from freezer.storage.throttle import ThrottledStorage, TokenBucket
from freezer.stream.compression import Codec, Level, compress_block
from freezer.stream.source import ByteSource
from freezer.testing.memory import MemoryStorage

MIB = 1 << 20
PASS = Passphrase.from_line(b"sesame\n")
KEY = ChainKey.new(PASS, KdfParameters(memory_kib=64, iterations=1, lanes=1))


def stored_gzip(*blocks: bytes) -> bytes:
    return b"".join(bytes(compress_block(Codec.GZIP, Level.DEFAULT, block)) for block in blocks)


@settings(deadline=None)
@given(
    data=st.binary(max_size=3000),
    calls=st.lists(st.tuples(st.sampled_from(["exact", "some", "skip", "end"]), st.integers(0, 900)), max_size=20),
    chunk=st.integers(1, 2000),
)
def test_every_way_of_reading_sees_the_same_bytes(data: bytes, calls: list[tuple[str, int]], chunk: int) -> None:
    at = 0
    chunks = [data[start : start + chunk] for start in range(0, len(data), chunk)]
    with ByteSource(chunks, codec=Codec.NONE) as source:
        for call, size in calls:
            if call == "end":
                assert source.at_end() == (at == len(data))
            elif call == "some":
                got = bytes(source.read_some(size))
                assert data.startswith(got, at)
                assert len(got) <= size
                assert bool(got) == (at < len(data) and size > 0)
                at += len(got)
            elif at + size <= len(data):
                if call == "exact":
                    assert source.read_exact(size) == data[at : at + size]
                else:
                    source.skip(size)
                at += size
        source.finish()


def test_many_small_reads_cross_every_boundary() -> None:
    data = bytes(range(256)) * 12_000
    with ByteSource([stored_gzip(data[:MIB], data[MIB:])], codec=Codec.GZIP) as source:
        assert b"".join(source.read_exact(512) for _ in range(len(data) // 512)) == data
        assert source.at_end()


def test_reading_past_the_end_says_truncated() -> None:
    for read in (ByteSource.read_exact, ByteSource.skip):
        with ByteSource([b"abc"], codec=Codec.NONE) as source, pytest.raises(DamagedError, match="truncated"):
            read(source, 4)


def test_gzip_cut_exactly_between_two_members_is_noticed_by_size_and_digest() -> None:
    first, second = stored_gzip(b"a" * 1000), stored_gzip(b"b" * 1000)
    whole = first + second
    with ByteSource([first], codec=Codec.GZIP) as source:
        source.finish()  # no codec error to see
    source = ByteSource([first], codec=Codec.GZIP, stored_size=len(whole))
    with source, pytest.raises(DamagedError, match=f"has {len(first)} bytes; {len(whole)} were written"):
        source.finish()
    with ByteSource([first], codec=Codec.GZIP, sha256=hashlib.sha256(whole).hexdigest()) as source:
        assert source.read_exact(1000) == b"a" * 1000
        with pytest.raises(DamagedError, match="SHA-256"):
            source.at_end()


def test_an_error_is_raised_where_it_happened_and_again_afterwards() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"good"
        raise TransientError("connection lost")

    with ByteSource(chunks(), codec=Codec.NONE) as source:
        assert source.read_exact(4) == b"good"
        for _ in range(2):
            with pytest.raises(TransientError, match="connection lost"):
                source.read_exact(1)


def test_what_comes_before_damage_is_delivered_and_nothing_after() -> None:
    blocks = [bytes([number]) * 10_000 for number in range(3)]
    stored = [bytearray(stored_gzip(block)) for block in blocks]
    stored[1][-5] ^= 1
    with ByteSource([b"".join(stored)], codec=Codec.GZIP) as source:
        assert source.read_exact(10_000) == blocks[0]
        with pytest.raises(DamagedError, match="checksum"):
            source.finish()


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_no_byte_of_a_damaged_sealed_frame_is_delivered(frame: int) -> None:
    writer = SealWriter(KEY, b"", frame_size=1024)
    plain = b"a" * 1024 + b"b" * 1024 + b"c" * 100
    stored = bytearray(writer.header + b"".join(writer.update(plain)) + writer.finish())
    stored[128 + frame * 1040 + 5] ^= 0x10
    chunks = [bytes(stored[start : start + 100]) for start in range(0, len(stored), 100)]
    with ByteSource(chunks, codec=Codec.NONE, unsealer=SealReader(PASS, b"")) as source:
        assert source.read_exact(frame * 1024) == plain[: frame * 1024]
        with pytest.raises(DamagedError, match=f"frame {frame}"):
            source.read_some(1)


def test_a_wrong_passphrase_is_the_first_thing_the_consumer_hears() -> None:
    writer = SealWriter(KEY, b"")
    stored = writer.header + b"".join(writer.update(gzip.compress(b"x"))) + writer.finish()
    reader = SealReader(Passphrase.from_line(b"wrong"), b"")
    with ByteSource([stored], codec=Codec.GZIP, unsealer=reader) as source, pytest.raises(PassphraseError):
        source.read_exact(1)


def test_closing_does_not_wait_for_a_speed_limit() -> None:
    clock = SystemClock()
    storage = ThrottledStorage(MemoryStorage(clock), upload=None, download=TokenBucket(1000, clock))
    storage.put("object", bytes(100_000))
    source = ByteSource((storage.get("object") for _ in range(2)), codec=Codec.NONE)
    clock.sleep(0.1)
    began = clock.monotonic()
    source.close()
    assert clock.monotonic() - began < 30  # 100 seconds at that rate


def test_reading_ahead_is_bounded() -> None:
    taken = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(MIB)

    with ByteSource(chunks(), codec=Codec.NONE) as source:
        source.read_exact(1)
        time.sleep(0.2)
        assert taken <= 9
        source.skip(20 * MIB)


def test_a_bomb_does_not_fill_the_memory() -> None:
    stored = gzip.compress(bytes(200 * MIB), 1)
    tracemalloc.start()
    try:
        with ByteSource([stored], codec=Codec.GZIP) as source:
            source.skip(100 * MIB)
            time.sleep(0.1)
            assert tracemalloc.get_traced_memory()[1] <= 12 * MIB
    finally:
        tracemalloc.stop()


def test_closing_early_stops_the_thread_even_if_the_storage_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freezer.stream.source._CLOSE_SECONDS", 0.1)
    release = threading.Event()

    def chunks() -> Iterator[bytes]:
        yield b"some"
        release.wait(120)

    source = ByteSource(chunks(), codec=Codec.NONE)
    begin = time.monotonic()
    source.close()
    assert time.monotonic() - begin < 60
    release.set()
