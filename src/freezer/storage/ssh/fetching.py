"""Bytes on their way down, many packets in flight."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue

from freezer.errors import PermanentError
from freezer.pace import Pace
from freezer.storage.ssh import wire
from freezer.storage.ssh.channel import Replies
from freezer.storage.ssh.session import Session, attributes, handle
from freezer.storage.ssh.wire import Open, Type

_AHEAD = 16 * 1024 * 1024  # bytes asked for and not yet there: beyond what ssh itself lets be in flight


def read_object(session: Session, path: bytes, offset: int, length: int | None) -> bytes:
    """``length`` bytes (or all) of the regular file ``path`` from ``offset``, fewer only at its end."""
    replies: Replies = SimpleQueue()
    channel = session.channel
    look = channel.send(Type.LSTAT, wire.string(path), to=replies, flush=False)
    channel.send(Type.OPEN, wire.string(path), wire.uint(Open.READ), wire.mode_only(None), to=replies)
    received = dict(channel.receive(replies) for _ in range(2))
    found = attributes(received.pop(look))
    (opened,) = received.values()
    if not found.is_file:
        if opened.kind == Type.HANDLE:
            session.let_go(handle(opened))
        raise FileNotFoundError(path)
    file = handle(opened)
    try:
        size = session.fstat(file).size if length is None else offset + length
        if size is None:
            raise PermanentError("the server does not tell the sizes of files")
        return b"".join(read_range(session, file, offset, max(0, size - offset)))
    finally:
        channel.send(Type.CLOSE, wire.string(file), to=SimpleQueue())


def read_range(session: Session, file: bytes, offset: int, length: int) -> Iterator[memoryview]:
    """The ``length`` bytes from ``offset`` in order, fewer if the file ends before."""
    replies: Replies = SimpleQueue()
    wanted: dict[int, tuple[int, int]] = {}  # what each request in flight asks for: from where, how much
    arrived: dict[int, memoryview] = {}
    next_asked = next_given = offset
    pace = Pace(session.channel.timeout)
    end = offset + length
    named = wire.string(file)

    def ask(start: int, size: int) -> None:
        number = session.channel.send(Type.READ, named, wire.ulong(start), wire.uint(size), to=replies)
        wanted[number] = (start, size)

    while next_given < end:
        while next_asked < end and next_asked - next_given < _AHEAD:
            size = min(session.most_read, end - next_asked)
            ask(next_asked, size)
            next_asked += size
        number, reply = session.channel.receive(replies, pace.left(next_given - offset))
        start, size = wanted.pop(number)
        if wire.is_eof(reply):
            end = min(end, start)
            continue
        data = wire.Fields(wire.expect(reply, Type.DATA).body)
        piece = data.take(data.uint())
        if not piece or len(piece) > size:
            raise wire.not_sftp(f"{len(piece)} bytes where {size} were asked for")
        arrived[start] = piece
        if len(piece) < size and start + len(piece) < end:
            ask(start + len(piece), size - len(piece))  # servers may give less; only the end of the file ends it
        while (ready := arrived.pop(next_given, None)) is not None:
            yield ready
            next_given += len(ready)
