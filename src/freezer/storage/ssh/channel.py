"""Requests and replies over a running ``ssh``: many in flight, from many threads.

One thread per connection reads replies and hands each to whoever waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import IO

from freezer.clock import SystemClock
from freezer.errors import PermanentError, StorageError
from freezer.storage.contract import Buffer
from freezer.storage.ssh import wire
from freezer.storage.ssh.program import Program

_CLOCK = SystemClock()  # lines know no other one
_PATIENCE = 5.0  # seconds that ssh may take to end once its pipes are closed
_JOINED = 8 * 1024  # bytes that are copied sooner than written part by part
_LONG = 10  # times the timeout: an fsync may take that

Replies = SimpleQueue["tuple[int, wire.Reply | None]"]


class Channel:
    """A conversation. ``lost`` makes the error that ends it, from what ``ssh`` wrote to standard error.

    ``ssh`` notices a line that is dead, but neither one that hardly moves nor a server that is stuck; so after
    ``timeout`` seconds the login, and after ten times as many any answer, is given up.
    """

    def __init__(self, program: Program, lost: Callable[[str], StorageError], timeout: float) -> None:
        self._program = program
        self._make_lost = lost
        self.timeout = timeout
        self._lost: StorageError | None = None
        self._sending = threading.Lock()
        self._waiting: dict[int, Replies] = {}
        self._number = 0
        self._shortest: float | None = None
        self._reader = threading.Thread(target=self._read, name="sftp", daemon=True)

    def greet(self) -> Mapping[bytes, bytes]:
        """Begin; the server's extensions. The channel's error if the server ends it at once."""
        limit = threading.Timer(self.timeout, self._give_up, (f"no login within {self.timeout:.0f} seconds",))
        limit.daemon = True
        limit.start()
        try:
            return self._greet()
        finally:
            limit.cancel()

    def _greet(self) -> Mapping[bytes, bytes]:
        try:
            self._program.stdin.write(wire.hello())
            self._program.stdin.flush()
        except OSError:
            pass  # reading tells why
        try:
            packet = self._packet()
        except StorageError:
            self._program.process.kill()
            raise
        if packet is None:
            self._end()
            raise self.failure()
        extensions = wire.parse_hello(packet)
        self._program.forget_password()
        self._reader.start()
        return extensions

    @property
    def alive(self) -> bool:
        """Whether another request makes sense."""
        return self._lost is None

    @property
    def round_trip(self) -> float:
        """Seconds that a call takes: of all so far the shortest; 0 before the first."""
        return self._shortest or 0.0

    def failure(self) -> StorageError:
        """The error that ended the conversation, made anew for each who meets it."""
        assert self._lost is not None
        return type(self._lost)(self._lost.message, hint=self._lost.hint)

    def send(self, kind: wire.Type, *parts: Buffer, to: Replies, flush: bool = True) -> int:
        """Send a request whose reply goes to ``to``; its number. ``parts`` are free again on return."""
        size = sum(map(len, parts))
        with self._sending:
            if self._lost is not None:
                raise self.failure()
            self._number = (self._number + 1) & 0xFFFFFFFF
            number = self._number
            self._waiting[number] = to
            try:
                head = wire.packet(kind, number, size)
                if size <= _JOINED:
                    self._program.stdin.write(b"".join((head, *parts)))
                else:
                    self._program.stdin.writelines((head, *parts))
                if flush:
                    self._program.stdin.flush()
            except (OSError, ValueError):
                pass  # the other end is closed: the reader finds out why and tells everybody who waits
            except BaseException:
                self._program.process.kill()  # half a packet is sent: nothing that follows would be understood
                raise
        return number

    def flush(self) -> None:
        """Send what waits in our own buffer."""
        with self._sending, suppress(OSError, ValueError):
            self._program.stdin.flush()

    def receive(self, replies: Replies, patience: float | None = None) -> tuple[int, wire.Reply]:
        """The next reply and the number of its request; waits ``patience`` seconds for it, or very long."""
        limit = _LONG * self.timeout if patience is None else max(0.0, patience)
        try:
            number, reply = replies.get(timeout=limit)
        except Empty:
            self._give_up("the server does not answer" if patience is None else "the line hardly moves any more")
            raise self.failure() from None
        if reply is None:
            raise self.failure()
        return number, reply

    def call(self, kind: wire.Type, *parts: Buffer) -> wire.Reply:
        """One request and its reply."""
        replies: Replies = SimpleQueue()
        begun = _CLOCK.monotonic()
        self.send(kind, *parts, to=replies)
        reply = self.receive(replies)[1]
        taken = _CLOCK.monotonic() - begun
        self._shortest = taken if self._shortest is None else min(self._shortest, taken)
        return reply

    def close(self) -> None:
        """End the conversation and ``ssh``."""
        _close(self._program.stdin)
        if self._reader.is_alive():
            self._reader.join(_PATIENCE)
        if self._reader.is_alive():
            self._program.process.kill()
            self._reader.join(_PATIENCE)  # it sees the end, and does what that takes
        if self._lost is None:
            self._end()
        _close(self._program.stdout)

    def _give_up(self, why: str) -> None:
        self._lost = self._lost or self._make_lost(why)  # without the lock, whose owner may hang in a full pipe
        self._program.process.kill()

    def _read(self) -> None:
        try:
            while (packet := self._packet()) is not None:
                number = int.from_bytes(packet[1:5], "big")
                replies = self._waiting.pop(number, None)
                if replies is None:
                    raise wire.not_sftp("an answer that nobody asked for")
                replies.put((number, wire.Reply(packet[0], packet[5:])))
        except StorageError as error:
            self._program.process.kill()
            self._lost = error
        self._end()

    def _packet(self) -> memoryview | None:
        """Type and body of the next packet; None if there will be none."""
        try:
            head = self._program.stdout.read(4)
            size = int.from_bytes(head, "big")
            if len(head) < 4:
                return None
            if not 5 <= size <= wire.MAX_PACKET:
                raise _chatter(head) if head.isascii() else wire.not_sftp(f"a packet of {size} bytes")
            body = self._program.stdout.read(size)
        except (OSError, ValueError):
            return None
        return memoryview(body) if len(body) == size else None

    def _end(self) -> None:
        """Find out why, and tell everybody who waits."""
        _, said = self._program.end(_PATIENCE)
        error = self._make_lost(said)
        with self._sending:
            self._lost = self._lost or error
            waiting, self._waiting = self._waiting, {}
        for number, replies in waiting.items():
            replies.put((number, None))


def _chatter(head: bytes) -> PermanentError:
    return PermanentError(
        f"the server sends text ({head.decode()!r}…) where SFTP should begin",
        hint="a login script of that user prints something; it must be silent unless the shell is interactive",
    )


def _close(pipe: IO[bytes]) -> None:
    with suppress(OSError):  # what was not sent yet cannot be sent any more
        pipe.close()
