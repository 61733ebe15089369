from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import random
import shutil
import struct
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import DamagedError
from freezer.stream.compression import Codec, Level, block_size, compress_block, compressor
from freezer.stream.decompression import Decompressor, detect, looks_like
from freezer.stream.zstandard import zstd

REAL = [codec for codec in Codec if codec is not Codec.NONE]
MIB = 1 << 20


def decompress(codec: Codec, stored: bytes, step: int = 1 << 16) -> bytes:
    decompressor = Decompressor(codec)
    plain = bytearray()
    for start in range(0, len(stored), step):
        for piece in decompressor.feed(stored[start : start + step]):
            assert 0 < len(piece) <= MIB
            plain += piece
    decompressor.finish()
    return bytes(plain)


def compress(codec: Codec, *blocks: bytes, level: Level = Level.DEFAULT) -> bytes:
    function = compressor(codec, level)
    return b"".join(bytes(function(block)) for block in blocks)


def foreign(codec: Codec, plain: bytes) -> bytes:
    """``plain`` as other programs compress it."""
    return {Codec.GZIP: gzip.compress, Codec.BZIP2: bz2.compress, Codec.XZ: lzma.compress, Codec.ZSTD: zstd.compress}[
        codec
    ](plain)


@pytest.mark.parametrize("codec", REAL)
@given(blocks=st.lists(st.binary(max_size=3000), min_size=1, max_size=4), step=st.integers(1, 500))
def test_any_blocks_come_back_in_pieces_of_any_size(codec: Codec, blocks: list[bytes], step: int) -> None:
    assert decompress(codec, compress(codec, *blocks), step) == b"".join(blocks)


@pytest.mark.parametrize("codec", REAL)
@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_every_level_comes_back(codec: Codec, level: Level, size: int) -> None:
    plain = random.Random(size).randbytes(size // 3) * 3
    assert decompress(codec, bytes(compress_block(codec, level, memoryview(plain)))) == plain


@pytest.mark.integration
@pytest.mark.parametrize("codec", REAL)
@pytest.mark.parametrize("level", Level)
def test_the_command_line_tool_accepts_what_we_write(codec: Codec, level: Level) -> None:
    if shutil.which(codec) is None:
        pytest.skip(f"no {codec} program")
    blocks = [b"first " * 1000, os.urandom(1000), b"", b"last"]
    stored = compress(codec, *blocks, level=level)
    subprocess.run([codec, "-t"], input=stored, check=True)
    assert subprocess.run([codec, "-dc"], input=stored, capture_output=True, check=True).stdout == b"".join(blocks)


@pytest.mark.integration
@pytest.mark.parametrize("codec", REAL)
def test_what_the_command_line_tool_writes_is_read(codec: Codec) -> None:
    if shutil.which(codec) is None:
        pytest.skip(f"no {codec} program")
    plain = os.urandom(200_000) + bytes(2 * MIB)
    stored = subprocess.run([codec, "-c"], input=plain, capture_output=True, check=True).stdout
    assert decompress(codec, stored + stored) == plain + plain


@pytest.mark.parametrize("codec", REAL)
@pytest.mark.parametrize("step", [1, 64, 1 << 20])
def test_streams_of_other_writers_may_follow_one_another(codec: Codec, step: int) -> None:
    assert decompress(codec, foreign(codec, b"a" * 5000) + foreign(codec, b"") + foreign(codec, b"b"), step) == (
        b"a" * 5000 + b"b"
    )


@pytest.mark.parametrize("codec", REAL)
def test_a_small_input_that_grows_huge_does_so_in_bounded_steps(codec: Codec) -> None:
    stored = foreign(codec, bytes(24 * MIB))
    decompressor = Decompressor(codec)
    sizes = [len(piece) for piece in decompressor.feed(stored)]
    decompressor.finish()
    assert sum(sizes) == 24 * MIB
    assert max(sizes) <= MIB


@pytest.mark.parametrize("codec", REAL)
def test_every_truncation_is_found_except_between_members(codec: Codec) -> None:
    first, second = compress(codec, b"abc" * 50), compress(codec, b"def" * 50)
    for size in range(len(first + second)):
        if size == len(first):
            assert decompress(codec, first) == b"abc" * 50  # no codec can see this: size and SHA-256 are for that
            continue
        with pytest.raises(DamagedError):
            decompress(codec, (first + second)[:size])


@pytest.mark.parametrize("codec", REAL)
@given(data=st.data())
def test_a_flipped_bit_is_an_error_or_harmless_never_other_data(codec: Codec, data: st.DataObject) -> None:
    plain = b"some text that is compressed, " * 20
    stored = bytearray(compress(codec, plain))
    where = data.draw(st.integers(0, len(stored) * 8 - 1))
    stored[where // 8] ^= 1 << where % 8
    with contextlib.suppress(DamagedError):
        assert decompress(codec, bytes(stored)) == plain


@pytest.mark.parametrize("codec", REAL)
def test_zero_padding_may_follow_and_nothing_else(codec: Codec) -> None:
    stored = compress(codec, b"data")
    assert decompress(codec, stored + bytes(10240)) == b"data"
    for rubbish in (b"rubbish", bytes(8) + b"rubbish", b"\x1f"):
        with pytest.raises(DamagedError):
            decompress(codec, stored + rubbish)


def test_xz_streams_may_be_separated_by_padding_of_four_bytes() -> None:
    one, other = lzma.compress(b"one"), lzma.compress(b"other")
    assert decompress(Codec.XZ, one + bytes(8) + other + bytes(4), 1) == b"oneother"
    for wrong in (one + bytes(7) + other, one + bytes(3)):
        with pytest.raises(DamagedError, match="four bytes"):
            decompress(Codec.XZ, wrong)


def test_frames_of_zstd_find_most_of_what_one_stream_finds() -> None:
    # Text of which most lines come again, anywhere: in frames of 1 MiB it is a fifth larger than in one.
    chance = random.Random(7)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(3000)]
    lines = [" ".join(chance.choices(words, k=12)) for _ in range(4000)]
    plain = "\n".join(
        chance.choice(lines) if chance.random() < 0.6 else " ".join(chance.choices(words, k=12)) for _ in range(100_000)
    ).encode()
    size = block_size(Codec.ZSTD)
    framed = compress(Codec.ZSTD, *(plain[start : start + size] for start in range(0, len(plain), size)))
    assert len(framed) < 1.17 * len(zstd.compress(plain, level=3))


def test_zstd_frames_without_data_are_skipped() -> None:
    skippable = struct.pack("<II", 0x184D2A53, 5) + b"12345"
    stored = skippable + zstd.compress(b"one") + skippable + zstd.compress(b"other")
    assert decompress(Codec.ZSTD, stored, 3) == b"oneother"


def gzip_member(plain: bytes, flags: int, header_crc: int | None = None) -> bytes:
    header = b"\x1f\x8b\x08" + bytes([flags]) + bytes(4) + b"\0\xff"
    header += struct.pack("<H", 3) + b"ext" if flags & 4 else b""
    header += b"name\0" if flags & 8 else b""
    header += b"comment\0" if flags & 16 else b""
    if flags & 2:
        header += struct.pack("<H", zlib.crc32(header) & 0xFFFF if header_crc is None else header_crc)
    deflate = zlib.compressobj(wbits=-15)
    trailer = struct.pack("<II", zlib.crc32(plain), len(plain))
    return header + deflate.compress(plain) + deflate.flush() + trailer


@pytest.mark.parametrize("flags", [0, 2, 4, 8, 16, 30])
@pytest.mark.parametrize("step", [1, 17, 1000])
def test_gzip_headers_with_every_optional_field_are_read(flags: int, step: int) -> None:
    plain = os.urandom(5000)
    assert decompress(Codec.GZIP, gzip_member(plain, flags) * 2, step) == plain * 2


@pytest.mark.parametrize("step", [1, 1000, MIB])
def test_gzip_is_read_by_zlib_where_the_fast_wheel_is_missing(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr("freezer.stream.gzipmember.inflater", zlib)
    plain = os.urandom(5000) + bytes(3 * MIB)
    assert decompress(Codec.GZIP, gzip_member(plain, 30) + gzip.compress(plain), step) == plain + plain
    with pytest.raises(DamagedError):
        decompress(Codec.GZIP, gzip.compress(plain)[:-1], step)


def test_a_gzip_header_that_is_wrong_is_found() -> None:
    with pytest.raises(DamagedError, match="checksum of a member header"):
        decompress(Codec.GZIP, gzip_member(b"x", 2, header_crc=1))
    with pytest.raises(DamagedError, match="unknown flags"):
        decompress(Codec.GZIP, gzip_member(b"x", 0x80))
    with pytest.raises(DamagedError, match="no end"):
        decompress(Codec.GZIP, gzip_member(b"x", 8)[:10] + b"n" * 2 * MIB)


@pytest.mark.parametrize("codec", REAL)
def test_each_codec_is_recognised_by_its_first_bytes_and_no_other(codec: Codec) -> None:
    for stored in (compress(codec, b""), compress(codec, b"data"), foreign(codec, b""), foreign(codec, b"data")):
        assert detect(stored[:16]) is codec
        assert [other for other in REAL if looks_like(other, stored[:16])] == [codec]


@given(head=st.binary(max_size=16))
def test_random_bytes_are_hardly_ever_recognised(head: bytes) -> None:
    assert detect(b"\0" + head) is None
    assert looks_like(Codec.NONE, head)


def test_plain_data_pass_unchanged_and_uncopied() -> None:
    data = os.urandom(3 * MIB)
    assert compress_block(Codec.NONE, Level.BEST, data) is data
    pieces = list(Decompressor(Codec.NONE).feed(data))
    assert b"".join(pieces) == data
    assert all(isinstance(piece, memoryview) and piece.obj is data for piece in pieces)


@pytest.mark.parametrize(("more", "pieces"), [(0, 2), (1, 3)])
def test_a_block_fills_bzip2s_own_blocks_exactly(more: int, pieces: int) -> None:
    rng = random.Random(0)
    block = bytes(rng.choices(range(256), k=block_size(Codec.BZIP2) // 2)) * 2  # no run of four: nothing to shorten
    stored = bytes(compress_block(Codec.BZIP2, Level.DEFAULT, block + b"x" * more))
    assert f"{int.from_bytes(stored, 'big'):b}".count(f"{0x314159265359:048b}") == pieces
