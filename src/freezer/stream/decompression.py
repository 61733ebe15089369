"""Codecs: recognising and decompressing streams of any writer, in bounded steps."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Iterator
from typing import Protocol

from freezer.crypto.contract import Buffer
from freezer.errors import DamagedError
from freezer.stream.compression import Codec

_MIB = 1024 * 1024
_PIECE = _MIB  # plain bytes that one step yields at most, however well they were compressed
_SLICE = 256 * 1024  # stored bytes that one step takes: what follows the end of a member is copied once per member
_MEMORY_LIMIT = 256 * _MIB  # for a decoder; `xz -9` needs 65 MiB, `zstd --ultra -22` 128 MiB
_ZSTD_WINDOW_LOG = 27


class _Decoder(Protocol):
    """One member, stream or frame; the shape of :class:`bz2.BZ2Decompressor`."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def _gzip() -> tuple[Callable[[], _Decoder], tuple[type[Exception], ...]]:
    from freezer.stream.gzipmember import ERRORS, GzipMember

    return GzipMember, ERRORS


def _zstd() -> tuple[Callable[[], _Decoder], tuple[type[Exception], ...]]:
    from freezer.stream.zstandard import zstd

    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    return lambda: zstd.ZstdDecompressor(options=options), (zstd.ZstdError,)


def _decoders(codec: Codec) -> tuple[Callable[[], _Decoder], tuple[type[Exception], ...]]:
    """What makes a decoder of the next member, and what such decoders raise on damage."""
    if codec is Codec.GZIP:
        return _gzip()
    if codec is Codec.BZIP2:
        return bz2.BZ2Decompressor, (OSError,)
    if codec is Codec.XZ:
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_LIMIT), (lzma.LZMAError,)
    return _zstd()


class Decompressor:
    """Decompresses one stream of any number of members; :class:`DamagedError` as soon as something is wrong.

    After the last member only zero bytes may follow, as tapes and block devices leave them (in xz also between
    streams, four at a time, as its format allows).
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._decoder: _Decoder | None = None
        self._members = 0
        self._padding = 0
        if codec is not Codec.NONE:
            self._new_decoder, self._errors = _decoders(codec)

    def feed(self, data: Buffer) -> Iterator[Buffer]:
        """The plain bytes that ``data`` makes available, in pieces of at most 1 MiB; exhaust it before the next."""
        view = memoryview(data)
        if self._codec is Codec.NONE:
            yield from (view[start : start + _PIECE] for start in range(0, len(view), _PIECE))
            return
        for start in range(0, len(view), _SLICE):
            yield from self._decode(bytes(view[start : start + _SLICE]))

    def finish(self) -> None:
        """:class:`DamagedError` if the stream cannot end here."""
        if self._codec is Codec.NONE:
            return
        if self._decoder is not None or not self._members:
            raise DamagedError(f"the {self._codec} data is cut off")
        self._check_padding()

    def _decode(self, data: bytes) -> Iterator[Buffer]:
        while True:
            if self._decoder is None:
                data = self._strip_padding(data)
                if not data:
                    return
                self._decoder = self._new_decoder()
            try:
                piece = self._decoder.decompress(data, _PIECE)
            except self._errors as error:
                raise DamagedError(f"the {self._codec} data is damaged: {error}") from None
            data = b""
            if piece:
                yield piece
            if self._decoder.eof:
                data = self._decoder.unused_data
                self._decoder = None
                self._members += 1
            elif self._decoder.needs_input:
                return

    def _strip_padding(self, data: bytes) -> bytes:
        if not self._members:
            return data
        rest = data.lstrip(b"\0")
        self._padding += len(data) - len(rest)
        if rest and self._padding:
            if self._codec is not Codec.XZ:
                raise DamagedError(f"the {self._codec} data is followed by something else")
            self._check_padding()
            self._padding = 0
        return rest

    def _check_padding(self) -> None:
        if self._codec is Codec.XZ and self._padding % 4:
            raise DamagedError("the xz data is damaged: its padding is no multiple of four bytes")


def looks_like(codec: Codec, head: bytes) -> bool:
    """Whether ``head`` (16 bytes are enough) can be the beginning of a ``codec`` stream; always true for ``none``."""
    match codec:
        case Codec.GZIP:
            return head[:3] == b"\x1f\x8b\x08" and not head[3:4] > b"\x1f"
        case Codec.BZIP2:
            blocks = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")
            return head[:3] == b"BZh" and head[3:4] in b"123456789" and head[4:10] in blocks
        case Codec.XZ:
            return head[:7] == b"\xfd7zXZ\0\0"
        case Codec.ZSTD:
            return head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F)
        case Codec.NONE:
            return True


def detect(head: bytes) -> Codec | None:
    """The codec of a stream that begins with ``head``; None if it is none that we know (plain data, perhaps)."""
    compressed = (codec for codec in Codec if codec is not Codec.NONE)
    return next((codec for codec in compressed if looks_like(codec, head)), None)
