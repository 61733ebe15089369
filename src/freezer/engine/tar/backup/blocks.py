"""Archive bytes gathered into the blocks of a sink."""

from __future__ import annotations

from collections.abc import Callable

from freezer.engine.contract import BlockSink
from freezer.engine.tar.archive.header import BLOCK, RECORD

_ZEROS = bytes(RECORD)


class BlockWriter:
    """Fills blocks one after the other; ``total`` is the number of bytes written so far.

    ``block`` is the one being filled, ``view`` a view of it, ``used`` how full it is. Who knows that something fits may
    put it there and raise ``used``, and ``contents`` by what of it is content of files.
    """

    def __init__(self, sink: BlockSink, written: Callable[[int], None] | None = None) -> None:
        """``written`` is told how many bytes of contents (:meth:`fill`) are in every block that goes out."""
        self._sink = sink
        self._written = written
        self.contents = 0
        self._done = 0
        self._take()

    def _take(self) -> None:
        self.block = self._sink.acquire()
        self.view = memoryview(self.block)
        self._size = len(self.block)
        self.used = 0

    @property
    def total(self) -> int:
        return self._done + self.used

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        end = self.used + len(data)
        if end <= self._size:
            self.view[self.used : end] = data
            self.used = end
            return
        rest = memoryview(data)
        while rest:
            if self.used == self._size:
                self._flush()
            piece = rest[: self._size - self.used]
            self.view[self.used : self.used + len(piece)] = piece
            self.used += len(piece)
            rest = rest[len(piece) :]

    def fill(self, size: int, read: Callable[[memoryview], int]) -> int:
        """Let ``read`` put ``size`` bytes straight into the blocks; returns how many it gave before it returned 0."""
        left = size
        while left:
            if self.used == self._size:
                self._flush()
            count = read(self.view[self.used : min(self._size, self.used + left)])
            if not count:
                break
            self.used += count
            self.contents += count
            left -= count
        return size - left

    def zeros(self, count: int) -> None:
        """Append ``count`` zero bytes."""
        while count:
            piece = min(count, RECORD)
            self.write(_ZEROS[:piece])
            count -= piece

    def pad(self) -> None:
        """Zeros up to the next multiple of 512 bytes."""
        odd = self.total % BLOCK
        if odd:
            self.write(_ZEROS[: BLOCK - odd])

    def finish(self) -> None:
        """The two zero blocks that end an archive, filled up to a whole record; then the last block goes out."""
        self.zeros(2 * BLOCK)
        self.zeros(-self.total % RECORD)
        self._flush(last=True)

    def _flush(self, *, last: bool = False) -> None:
        self._done += self.used
        self.view.release()
        self._sink.submit(self.block, self.used)
        if self._written:
            self._written(self.contents)
        self.used = self.contents = 0
        if not last:
            self._take()
