"""The read side: stored bytes in, plain bytes out, one thread ahead of the consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType

from freezer.crypto.contract import Buffer, Unsealer
from freezer.errors import DamagedError
from freezer.stream.compression import Codec
from freezer.stream.crew import Crew
from freezer.stream.decompression import Decompressor
from freezer.stream.digest import Digest

_MIB = 1024 * 1024
_AHEAD = 6 * _MIB  # plain bytes waiting for the consumer, to which one more piece may come
_PIECE = 256 * 1024  # at least this much is handed over at a time, for the sake of small reads
_SLICE = _MIB  # stored bytes that are unsealed at a time
_CLOSE_SECONDS = 10.0


class ByteSource:
    """The plain bytes of one stored object, read once from its beginning by one consumer.

    ``chunks``: the stored bytes in order, in pieces of any size (each is held in memory as it comes). ``stored_size``
    and ``sha256`` are what was recorded when the object was written; they are compared when its end is reached, which
    is the only way to notice a gzip stream that was cut exactly between two members.

    Errors are raised when the consumer arrives at the place where they happened, and again by every later call:
    :class:`DamagedError` and the other data errors, or whatever ``chunks`` raised.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        codec: Codec,
        unsealer: Unsealer | None = None,
        stored_size: int | None = None,
        sha256: str | None = None,
    ) -> None:
        self._chunks = chunks
        self._unsealer = unsealer
        self._decompressor = Decompressor(codec)
        self._expected = (stored_size, sha256)
        self._digest = Digest()
        self._crew = Crew("source")
        self._ready: deque[Buffer] = deque()
        self._ready_size = 0
        self._failure: BaseException | None = None
        self._ended = False
        self._buffer = memoryview(b"")
        self._position = 0
        self._crew.start("read", self._run)

    def read_exact(self, size: int) -> bytes:
        """The next ``size`` bytes; :class:`DamagedError` if there are fewer."""
        begin = self._position
        end = begin + size
        if end <= len(self._buffer):
            self._position = end
            return bytes(self._buffer[begin:end])
        parts: list[Buffer] = []
        while size:
            part = self.read_some(size)
            if not part:
                raise DamagedError("the data is truncated: it ends in the middle of something")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def read_some(self, limit: int) -> memoryview:
        """1 to ``limit`` of the next bytes, without copying; nothing only at the end."""
        begin = self._position
        if begin == len(self._buffer):
            if self.at_end():
                return self._buffer[:0]
            begin = 0
        view = self._buffer[begin : begin + limit]
        self._position = begin + len(view)
        return view

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes; :class:`DamagedError` if there are fewer."""
        while size:
            passed = len(self.read_some(size))
            if not passed:
                raise DamagedError("the data is truncated: it ends in the middle of something")
            size -= passed

    def at_hand(self) -> memoryview:
        """The next bytes that are decompressed already, at least one unless it is the end; none of them is passed."""
        self.at_end()
        return self._buffer[self._position :]

    def at_end(self) -> bool:
        """Whether nothing is left, which means that everything was read and is what was recorded."""
        while self._position == len(self._buffer):
            with self._crew.changed:
                self._crew.wait_for(lambda: self._ready or self._ended)
                if not self._ready:
                    if self._failure is not None:
                        raise self._failure
                    return True
                piece = self._ready.popleft()
                self._ready_size -= len(piece)
                self._crew.changed.notify_all()
            self._buffer, self._position = memoryview(piece), 0
        return False

    def finish(self) -> None:
        """Read what is left, without a use for it, so that everything is verified; then close."""
        while self.read_some(_MIB):
            pass
        self.close()

    def close(self) -> None:
        """Stop reading; never waits long for a storage that hangs. Nothing may be read afterwards."""
        self._crew.dismiss(_CLOSE_SECONDS)

    def __enter__(self) -> ByteSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _run(self) -> None:
        pending: list[Buffer] = []
        size = 0
        failure: BaseException | None = None
        try:
            for piece in self._plain():
                pending.append(piece)
                size += len(piece)
                if size >= _PIECE:
                    self._hand_over(pending)
                    pending, size = [], 0
        except BaseException as error:  # noqa: BLE001 - it is raised where the consumer meets it
            failure = error
        self._hand_over(pending)
        with self._crew.changed:
            self._failure, self._ended = failure, True
            self._crew.changed.notify_all()

    def _hand_over(self, pieces: list[Buffer]) -> None:
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        with self._crew.changed:
            self._crew.wait_for(lambda: self._ready_size < _AHEAD)
            self._ready.append(piece)
            self._ready_size += len(piece)
            self._crew.changed.notify_all()

    def _plain(self) -> Iterator[Buffer]:
        for chunk in self._chunks:
            self._digest.update(chunk)
            view = memoryview(chunk)
            for start in range(0, len(view), _SLICE):
                stored: Buffer = view[start : start + _SLICE]
                for piece in (stored,) if self._unsealer is None else self._unsealer.update(stored):
                    yield from self._decompressor.feed(piece)
        if self._unsealer is not None:
            yield from self._decompressor.feed(self._unsealer.finish())
        self._decompressor.finish()
        self._verify()

    def _verify(self) -> None:
        size, sha256 = self._expected
        if size is not None and size != self._digest.size:
            raise DamagedError(f"the stored data has {self._digest.size} bytes; {size} were written")
        if sha256 is not None and sha256 != self._digest.hexdigest():
            raise DamagedError("the stored data is not what was written: its SHA-256 differs")
