"""Bytes into chunks: one buffer for everything, cut where the content says so."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from freezer.repository.config import ChunkSizes
from freezer.repository.documents import ID_SIZE
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.trees import Content, encode_content
from freezer.tree.system import readv

if TYPE_CHECKING:
    from pyfastcdc import FastCDC  # a backup in which no big file changed needs none

MOST_CHUNKS = 1000
"""Chunks of a file that its entry names itself."""

_BUFFER = 4 * 1024 * 1024  # bytes that are read at once at most; more than the longest chunk
_WHOLE = 256 * 1024  # bytes of a content worth no buffer

ReadInto = Callable[[memoryview], int]

_LIST_SIZES = ChunkSizes(4 * 1024, 16 * 1024, 64 * 1024)
_NO_LIMIT = 1 << 63


class Unreadable(Exception):
    """The source, not the repository, failed; ``reason`` is an OSError or says in words what is wrong."""

    def __init__(self, reason: OSError | str) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Contents:
    """Stores contents through ``writer``; ``seed`` is the chunker's. ``progress`` is told of bytes that were
    read: while a stream or a big file is, and whenever :meth:`tell` is called."""

    def __init__(self, writer: ChunkWriter, sizes: ChunkSizes, seed: int, progress: Callable[[int], None]) -> None:
        self.most_at_once = _WHOLE
        self._least = sizes.least
        self.read_bytes = 0
        self._told = 0
        self._store = writer.store
        self._progress = progress
        self._sizes = sizes
        self._seed = seed

    @cached_property
    def _cut(self) -> FastCDC:
        return _chunker(self._sizes, self._seed)

    @cached_property
    def _buffer(self) -> memoryview:
        return memoryview(bytearray(max(_BUFFER, 2 * self._sizes.most)))

    def tell(self) -> None:
        """Tell of the bytes that were read since the last time."""
        self._progress(self.read_bytes - self._told)
        self._told = self.read_bytes

    def whole(self, data: bytes) -> bytes:
        """The ids of the chunks of a whole content, at most :attr:`most_at_once` bytes."""
        self.read_bytes += len(data)
        if len(data) <= self._least:
            return self._store(Use.CONTENT, data)
        return b"".join([self._store(Use.CONTENT, chunk.data) for chunk in self._cut.cut_buf(data)])

    def file(self, handle: int, size: int, extents: list[tuple[int, int]] | None) -> tuple[Content, int]:
        """The content of an open file of ``size`` bytes, with holes around ``extents`` if there are any; and how many
        bytes it had in fact, which is less if it shrank. :class:`Unreadable`."""
        read = _reader(handle)
        if extents is None:
            ids, length = self._chunks(read, size)
            return self._listed(ids), length
        pieces: list[bytes | int] = []
        end = 0
        for offset, length in extents:
            _seek(handle, offset)
            ids, count = self._chunks(read, length)
            if count:
                pieces += [offset - end, ids] if offset > end else [ids]
                end = offset + count
            if count < length:
                return self._listed(pieces), end
        if end < size:
            pieces.append(size - end)
        return self._listed(pieces), size

    def stream(self, read: ReadInto) -> tuple[Content, int]:
        """Everything that ``read`` gives until it gives nothing, and how many bytes that were."""
        ids, length = self._chunks(read, _NO_LIMIT)
        return self._listed(ids), length

    def _chunks(self, read: ReadInto, limit: int) -> tuple[bytes, int]:
        """Cut and store up to ``limit`` bytes; the ids, joined, and how many bytes there were."""
        ids: list[bytes] = []
        view, longest = self._buffer, self._sizes.most
        kept, total, ended = 0, 0, False
        while not ended:
            count = _fill(read, view[kept : min(len(view), kept + limit - total)])
            self.read_bytes += count
            self.tell()
            total += count
            kept += count
            ended = total == limit or kept < len(view)
            used = 0
            chunks = self._cut.cut_buf(view[:kept])
            # With less than the longest chunk in hand its end is not certain, unless it is the end of everything.
            while used < kept and (ended or kept - used >= longest):
                data = next(chunks).data
                used += len(data)
                ids.append(self._store(Use.CONTENT, data))
            view[: kept - used] = view[used:kept]
            kept -= used
        return b"".join(ids), total

    def _listed(self, content: Content) -> Content:
        """The same content, in list chunks if it has many chunks."""
        pieces = [content] if isinstance(content, bytes) else content
        if sum(len(piece) for piece in pieces if isinstance(piece, bytes)) <= MOST_CHUNKS * ID_SIZE:
            return content
        cut = _chunker(_LIST_SIZES, self._seed).cut_buf(encode_content(content))
        return [0, b"".join([self._store(Use.LIST, chunk.data) for chunk in cut])]


def _chunker(sizes: ChunkSizes, seed: int) -> FastCDC:
    from pyfastcdc import FastCDC

    # The table of the chunker has 64 bits for what is twice the seed.
    return FastCDC(sizes.average, min_size=sizes.least, max_size=sizes.most, seed=seed >> 1)


def _fill(read: ReadInto, view: memoryview) -> int:
    """Read until ``view`` is full or there is no more."""
    filled = 0
    while filled < len(view):
        count = read(view[filled:])
        if not count:
            break
        filled += count
    return filled


def _reader(handle: int) -> ReadInto:
    def read(view: memoryview) -> int:
        try:
            return readv(handle, (view,))
        except OSError as error:
            raise Unreadable(error) from error

    return read


def _seek(handle: int, offset: int) -> None:
    try:
        os.lseek(handle, offset, os.SEEK_SET)
    except OSError as error:
        raise Unreadable(error) from error
