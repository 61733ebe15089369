"""Codecs: compressing blocks.

Every block becomes a complete gzip member, bzip2 stream, xz stream or zstd frame, so blocks can be compressed in any
number of threads and their results simply follow one another. The figures behind the choices: ``benchmarks/codecs.py``.
"""

from __future__ import annotations

import bz2
import enum
import functools
import lzma
from collections.abc import Callable

from freezer.crypto.contract import Buffer


class Codec(enum.StrEnum):
    """How a stream is compressed; the value is its name in options and documents."""

    NONE = "none"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "zstd"


class Level(enum.StrEnum):
    """How much time compression may take."""

    FAST = "fast"
    DEFAULT = "default"
    BEST = "best"


_LEVELS: dict[Codec, dict[Level, int]] = {
    Codec.GZIP: {Level.FAST: 3, Level.DEFAULT: 4, Level.BEST: 9},  # the first of ISA-L, the others of libdeflate
    Codec.BZIP2: {Level.FAST: 1, Level.DEFAULT: 9, Level.BEST: 9},
    Codec.XZ: {Level.FAST: 1, Level.DEFAULT: 6, Level.BEST: 9 | lzma.PRESET_EXTREME},
    Codec.ZSTD: {Level.FAST: 1, Level.DEFAULT: 3, Level.BEST: 15},
}

_MIB = 1024 * 1024
# bzip2 cuts its input into pieces of 900 000 bytes less 19, after its first run-length coding.
_BLOCK_SIZES = {
    Codec.NONE: _MIB,
    Codec.GZIP: _MIB,
    Codec.BZIP2: 2 * (900_000 - 19),
    Codec.XZ: 2 * _MIB,
    Codec.ZSTD: 4 * _MIB,
}
# A larger one could not reach beyond its block, and each of its bytes costs 11 bytes of memory.
_XZ_DICTIONARY = _BLOCK_SIZES[Codec.XZ]

# Entries (powers of two) of zstd's two tables. At the default level its own choice is two and eight times that: with
# the block, no longer in the second-level cache. At its best level that takes 32 MiB to save a quarter per cent.
_ZSTD_TABLES = {Level.DEFAULT: (16, 13), Level.BEST: (20, 21)}
_ZSTD_WINDOW = 22  # a whole block (a power of two), as far as matches may lie back at the default level

# Bytes a compressing thread needs beside its block and its result, about.
_WORKING_MEMORY = {Codec.NONE: 0, Codec.GZIP: _MIB, Codec.BZIP2: 8 * _MIB, Codec.XZ: 26 * _MIB, Codec.ZSTD: 2 * _MIB}
_ZSTD_BEST_MEMORY = 13 * _MIB


def block_size(codec: Codec) -> int:
    """Bytes of a full block."""
    return _BLOCK_SIZES[codec]


def working_memory(codec: Codec, level: Level) -> int:
    """Bytes of memory that one compressor takes, about."""
    return _ZSTD_BEST_MEMORY if (codec, level) == (Codec.ZSTD, Level.BEST) else _WORKING_MEMORY[codec]


def compressor(codec: Codec, level: Level = Level.DEFAULT) -> Callable[[Buffer], Buffer]:
    """A function from a block to its compressed form; use it in one thread at a time. It releases the GIL.

    ``none`` returns the block itself.
    """
    if codec is Codec.NONE:
        return lambda block: block
    number = _LEVELS[codec][level]
    if codec is Codec.GZIP:
        return _gzip_compressor(level, number)
    if codec is Codec.BZIP2:
        return functools.partial(bz2.compress, compresslevel=number)
    if codec is Codec.XZ:
        filters = [{"id": lzma.FILTER_LZMA2, "preset": number, "dict_size": _XZ_DICTIONARY}]
        return functools.partial(lzma.compress, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, filters=filters)
    return _zstd_compressor(level, number)


def compress_block(codec: Codec, level: Level, block: Buffer) -> Buffer:
    """The compressed form of one block; for many, keep a :func:`compressor`."""
    return compressor(codec, level)(block)


def _gzip_compressor(level: Level, number: int) -> Callable[[Buffer], Buffer]:
    from deflate import gzip_compress

    if level is Level.FAST:
        try:
            from isal import isal_zlib
        except ImportError:  # no wheel for this machine: libdeflate's fastest is the next best
            number = 1
        else:
            return functools.partial(isal_zlib.compress, level=number, wbits=16 + isal_zlib.MAX_WBITS)
    return functools.partial(gzip_compress, compresslevel=number)


def _zstd_compressor(level: Level, number: int) -> Callable[[Buffer], Buffer]:
    from freezer.stream.zstandard import zstd

    parameter = zstd.CompressionParameter
    options: dict[int, int] = {parameter.compression_level: number, parameter.checksum_flag: 1}
    if level in _ZSTD_TABLES:
        hashes, chains = _ZSTD_TABLES[level]
        options |= {parameter.hash_log: hashes, parameter.chain_log: chains, parameter.window_log: _ZSTD_WINDOW}
    # One context for all blocks: its tables are megabytes that would have to be mapped again for each.
    context = zstd.ZstdCompressor(options=options)
    return lambda block: context.compress(block, context.FLUSH_FRAME)
