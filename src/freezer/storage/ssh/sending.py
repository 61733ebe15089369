"""Bytes on their way up, many packets in flight.

A *lane* is one connection and its handle of the file. A *piece* is what one packet carries; it has *arrived* when the
server has acknowledged it.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from freezer.errors import StorageError
from freezer.pace import Pace
from freezer.storage.contract import Buffer
from freezer.storage.ssh import wire
from freezer.storage.ssh.channel import Replies
from freezer.storage.ssh.session import Session, Space
from freezer.storage.ssh.wire import Type

Ends = Sequence[tuple[Session, bytes]]
"""Connections, each with its handle of the file."""

_Failure = OSError | StorageError | None


class Sending:
    """A file that grows, of which the last pieces may be on their way while its writer goes on.

    ``taken``: bytes that are ours to deliver; ``arrived``: those of them that have, without a gap. ``landed`` is told
    their content, in order. What has not arrived when a call fails is sent again by the next one, over the connections
    that it is given then.
    """

    def __init__(self, start: int = 0, landed: Callable[[memoryview], None] = lambda _: None) -> None:
        self.taken = self.arrived = start
        self._landed = landed
        self._pieces: deque[_Piece] = deque()  # from ``arrived`` on
        self._lanes: dict[tuple[Session, bytes], _Lane] = {}

    def send(self, ends: Ends, data: Buffer, lag: int = 0) -> None:
        """Append ``data``; on return at most ``lag`` bytes are on their way, and of those there is a copy.

        If that fails nothing of ``data`` is taken, and nothing is on its way any more. OSError is what the server
        refuses.
        """
        view = memoryview(data).cast("B")
        most = min(session.most_written for session, _ in ends)
        starts = range(0, len(view), most)
        self._pieces.extend(_Piece(self.taken + start, view[start : start + most]) for start in starts)
        try:
            self._move(ends, lag)
        except BaseException:
            while self._pieces and self._pieces[-1].offset >= self.taken:
                self._pieces.pop()
            raise
        before, self.taken = self.taken, self.taken + len(view)
        self._note()
        for piece in self._pieces:
            if piece.offset >= before:
                piece.data = memoryview(bytes(piece.data))

    def settle(self, ends: Ends) -> None:
        """Return when everything has arrived; errors as those of ``send``."""
        self._move(ends, 0)

    def _move(self, ends: Ends, lag: int) -> None:
        lanes = [self._lanes.setdefault(end, _Lane(*end)) for end in ends]
        failed = self._start(lanes) or self._wait(lag)
        if failed is not None:
            self._wait(0)  # the handles are used again
            self._lanes.clear()
        self._note()
        if isinstance(failed, OSError):
            missing = sum(len(piece.data) for piece in self._pieces if not piece.arrived)
            raise _no_space(ends[0][0].space_behind(ends[0][1]), missing) or failed
        if failed is not None:
            raise failed

    def _start(self, lanes: Sequence[_Lane]) -> _Failure:
        """Send what is not on its way; why that does not go on."""
        unsent = [piece for piece in self._pieces if piece.lane is None and not piece.arrived]
        for number, piece in enumerate(unsent):
            failed = lanes[number % len(lanes)].send(piece)
            if failed is not None:
                return failed
        return None

    def _wait(self, lag: int) -> _Failure:
        """Return when at most ``lag`` bytes are on their way; a failure that was met meanwhile."""
        failed: _Failure = None
        lanes = self._lanes.values()
        for lane in lanes:
            lane.end_sending()
        for piece in [piece for piece in self._pieces if piece.lane is not None]:
            while piece.lane is not None and sum(lane.flying for lane in lanes) > lag:
                failed = piece.lane.take() or failed
        for lane in lanes:
            while lane.has_answers:
                failed = lane.take() or failed
        return failed

    def _note(self) -> None:
        """Let go of what has arrived without a gap."""
        while self._pieces and self._pieces[0].arrived and self._pieces[0].offset < self.taken:
            data = self._pieces.popleft().data
            self.arrived += len(data)
            self._landed(data)


class _Piece:
    __slots__ = ("arrived", "data", "lane", "offset")

    def __init__(self, offset: int, data: memoryview) -> None:
        self.offset = offset
        self.data = data
        self.lane: _Lane | None = None  # over which it is on its way
        self.arrived = False


class _Lane:
    """``flying``: bytes on their way."""

    def __init__(self, session: Session, handle: bytes) -> None:
        self._channel = session.channel
        self._named = wire.string(handle)
        self._replies: Replies = SimpleQueue()
        self._pieces: dict[int, _Piece] = {}  # on their way, by the number of their request
        self._moved, self._pace = 0, Pace(self._channel.timeout)
        self.flying = 0

    def send(self, piece: _Piece) -> _Failure:
        """Put ``piece`` on its way; why that cannot be done any more."""
        head = self._named + wire.ulong(piece.offset) + wire.uint(len(piece.data))
        try:
            number = self._channel.send(Type.WRITE, head, piece.data, to=self._replies, flush=False)
        except StorageError as error:
            return error
        self._pieces[number] = piece
        self.flying += len(piece.data)
        piece.lane = self
        return None

    def end_sending(self) -> None:
        """From now on it is answers that we wait for."""
        self._channel.flush()
        self._moved, self._pace = 0, Pace(self._channel.timeout)

    @property
    def has_answers(self) -> bool:
        return bool(self._pieces) and not self._replies.empty()

    def take(self) -> _Failure:
        """Wait for one more answer; the failure that it tells. A lost connection loses all that is on its way."""
        try:
            number, reply = self._channel.receive(self._replies, self._pace.left(self._moved))
        except StorageError as error:
            for piece in self._pieces.values():
                piece.lane = None
            self._pieces.clear()
            self.flying = 0
            return error
        piece = self._pieces.pop(number)
        piece.lane = None
        self.flying -= len(piece.data)
        self._moved += len(piece.data)
        failed = wire.status(reply)
        piece.arrived = failed is None
        return failed


def write_at(session: Session, handle: bytes, offset: int, data: Buffer) -> None:
    """Write all of ``data`` at ``offset``; on return the server has acknowledged every packet."""
    Sending(offset).send([(session, handle)], data)


def write_small(session: Session, file: bytes, data: Buffer, folder: bytes) -> None:
    """Write ``data``, which one packet can carry, into the open ``file`` in ``folder``, sync and close it, all in one
    round trip."""
    replies: Replies = SimpleQueue()
    view = memoryview(data).cast("B")
    head = wire.string(file) + wire.ulong(0) + wire.uint(len(view))
    session.channel.send(Type.WRITE, head, view, to=replies, flush=False)
    sent = 1 + session.send_sync_and_close(file, replies)
    try:
        session.settle(replies, sent)
    except OSError as error:
        raise _no_space(session.space(folder), len(view)) or error from error


def _no_space(space: Space | None, wanted: int) -> OSError | None:
    """ENOSPC if that is why ``wanted`` bytes were not written. SFTP cannot say so: look while they still lie there."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if space is not None and space.size < wanted else None
