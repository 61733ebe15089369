"""Archive bytes gathered into the blocks of a sink."""

from __future__ import annotations

from collections.abc import Callable

from freezer.engine.contract import BlockSink
from freezer.engine.tar.header import BLOCK, RECORD

_ZEROS = bytes(RECORD)


class BlockWriter:
    """Fills blocks one after the other; ``total`` is the number of bytes written so far."""

    def __init__(self, sink: BlockSink, written: Callable[[int], None] | None = None) -> None:
        """``written`` is told the size of every block that goes out."""
        self._sink = sink
        self._written = written
        self._done = 0
        self._take()

    def _take(self) -> None:
        self._block = self._sink.acquire()
        self._view = memoryview(self._block)
        self._size = len(self._block)
        self._used = 0

    @property
    def total(self) -> int:
        return self._done + self._used

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        end = self._used + len(data)
        if end <= self._size:
            self._view[self._used : end] = data
            self._used = end
            return
        rest = memoryview(data)
        while rest:
            if self._used == self._size:
                self._flush()
            piece = rest[: self._size - self._used]
            self._view[self._used : self._used + len(piece)] = piece
            self._used += len(piece)
            rest = rest[len(piece) :]

    def fill(self, size: int, read: Callable[[memoryview], int]) -> int:
        """Let ``read`` put ``size`` bytes straight into the blocks; returns how many it gave before it returned 0."""
        left = size
        while left:
            if self._used == self._size:
                self._flush()
            count = read(self._view[self._used : min(self._size, self._used + left)])
            if not count:
                break
            self._used += count
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
        self._done += self._used
        self._view.release()
        self._sink.submit(self._block, self._used)
        if self._written:
            self._written(self._used)
        self._used = 0
        if not last:
            self._take()
