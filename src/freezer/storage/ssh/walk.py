"""Looking through a tree, many folders at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from freezer.storage.ssh import wire
from freezer.storage.ssh.channel import Replies
from freezer.storage.ssh.session import Session, handle
from freezer.storage.ssh.wire import Type

_FOLDERS = 64  # looked into at the same time


class Walk:
    """Everything in and below ``top``, except folders that ``skip`` names (by their path).

    Symbolic links to folders are followed, others are as they are. What vanishes while we look is left out.
    """

    def __init__(self, session: Session, top: bytes, skip: Callable[[bytes], bool]) -> None:
        self._session = session
        self._skip = skip
        self._replies: Replies = SimpleQueue()
        self._waiting: deque[bytes] = deque([top])  # folders not opened yet
        self._opening: dict[int, bytes] = {}
        self._reading: dict[int, tuple[bytes, bytes]] = {}  # folder and handle
        self._closing: set[int] = set()

    def entries(self) -> Iterator[tuple[bytes, wire.Attributes]]:
        """Path and attributes of each; folders before what is in them, otherwise in any order."""
        while self._waiting or self._opening or self._reading or self._closing:
            self._open_more()
            number, reply = self._session.channel.receive(self._replies)
            if number in self._opening:
                self._opened(self._opening.pop(number), reply)
            elif number in self._closing:
                self._closing.remove(number)
            else:
                yield from self._read(*self._reading.pop(number), reply)

    def _send(self, kind: Type, what: bytes) -> int:
        return self._session.channel.send(kind, wire.string(what), to=self._replies)

    def _open_more(self) -> None:
        while self._waiting and len(self._opening) + len(self._reading) < _FOLDERS:
            folder = self._waiting.popleft()
            self._opening[self._send(Type.OPENDIR, folder)] = folder

    def _opened(self, folder: bytes, reply: wire.Reply) -> None:
        try:
            file = handle(reply)
        except FileNotFoundError:
            return
        self._reading[self._send(Type.READDIR, file)] = (folder, file)

    def _read(self, folder: bytes, file: bytes, reply: wire.Reply) -> Iterator[tuple[bytes, wire.Attributes]]:
        if wire.is_eof(reply):
            self._closing.add(self._send(Type.CLOSE, file))
            return
        entries = wire.names(reply)
        self._reading[self._send(Type.READDIR, file)] = (folder, file)
        for entry in entries:
            if entry.name in (b".", b".."):
                continue
            path = folder + b"/" + entry.name
            attributes = self._resolved(path, entry.attributes)
            if attributes is None:
                continue
            yield path, attributes
            if attributes.is_folder and not self._skip(path):
                self._waiting.append(path)

    def _resolved(self, path: bytes, found: wire.Attributes) -> wire.Attributes | None:
        """``found``, completed where the server left out what we need; None if it has vanished."""
        try:
            if found.mode is None or found.size is None or found.modified is None:
                found = self._session.lstat(path)
            if found.is_link:
                target = self._session.stat(path)
                return target if target.is_folder else found
        except FileNotFoundError:
            return found if found.is_link else None
        return found
