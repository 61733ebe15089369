"""The file operations of one connection. Paths are bytes; errors are OSError, or StorageError if the connection ends.

An OSError without errno is SFTP's "Failure", which says no more.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue

from freezer.errors import StorageError
from freezer.storage.ssh import diagnosis, program, wire
from freezer.storage.ssh.channel import Channel, Replies
from freezer.storage.ssh.program import Server
from freezer.storage.ssh.wire import Type

_POSIX_RENAME = b"posix-rename@openssh.com"
_HARD_LINK = b"hardlink@openssh.com"
_FSYNC = b"fsync@openssh.com"
_LIMITS = b"limits@openssh.com"
_STATVFS = b"statvfs@openssh.com"
_FSTATVFS = b"fstatvfs@openssh.com"

_SURE = 32 * 1024  # bytes of data in one packet that every server takes (section 3)
_MOST = 252 * 1024  # of more, the server would need a second look at each page it writes
_STATVFS_REPLY = struct.Struct(">11Q")


@dataclass(frozen=True, slots=True)
class Space:
    """Free bytes and free inodes for users like us (statvfs)."""

    size: int
    inodes: int


class Session:
    """An SFTP conversation with a server."""

    def __init__(self, channel: Channel, extensions: Mapping[bytes, bytes]) -> None:
        self.channel = channel
        self._extensions = extensions
        self.most_read, self.most_written = self._limits()
        self.syncs_folders: bool | None = None  # not known before it was tried

    @property
    def alive(self) -> bool:
        return self.channel.alive

    @property
    def can_replace(self) -> bool:
        """Whether ``rename`` may put one file in another's place at one go."""
        return _POSIX_RENAME in self._extensions

    @property
    def can_link(self) -> bool:
        return _HARD_LINK in self._extensions

    @property
    def can_sync(self) -> bool:
        return _FSYNC in self._extensions

    def ask(self, kind: Type, *parts: bytes) -> Callable[[], wire.Reply]:
        """Send a request; what waits for its reply, so that others can be on their way meanwhile."""
        replies: Replies = SimpleQueue()
        self.channel.send(kind, *parts, to=replies)
        return lambda: self.channel.receive(replies)[1]

    def open(self, path: bytes, flags: int, mode: int | None = None) -> bytes:
        """A handle of the file ``path``."""
        parts = (wire.string(path), wire.uint(flags), wire.mode_only(mode))
        return handle(self.channel.call(Type.OPEN, *parts))

    def close_handle(self, handle: bytes) -> None:
        self._done(Type.CLOSE, wire.string(handle))

    def let_go(self, handle: bytes) -> None:
        """Close a handle whose content nobody wants (any more)."""
        with suppress(OSError, StorageError):
            self.close_handle(handle)

    def sync(self, handle: bytes) -> None:
        """Return when what the handle has open is on the server's medium, as far as the server can do that."""
        if self.can_sync:
            self._extended(_FSYNC, wire.string(handle))

    def sync_and_close(self, handle: bytes) -> None:
        """Both, in one round trip: requests about one file are served in their order (section 4.1)."""
        replies: Replies = SimpleQueue()
        self.settle(replies, self.send_sync_and_close(handle, replies))

    def send_sync_and_close(self, handle: bytes, replies: Replies) -> int:
        """Ask for both; how many replies will come."""
        named = wire.string(handle)
        if self.can_sync:
            self.channel.send(Type.EXTENDED, wire.string(_FSYNC), named, to=replies, flush=False)
        self.channel.send(Type.CLOSE, named, to=replies)
        return 2 if self.can_sync else 1

    def settle(self, replies: Replies, count: int) -> None:
        """Wait for so many replies; raise the first failure that they tell."""
        failures = [wire.status(self.channel.receive(replies)[1]) for _ in range(count)]
        for failed in failures:
            if failed is not None:
                raise failed

    def lstat(self, path: bytes) -> wire.Attributes:
        return attributes(self.channel.call(Type.LSTAT, wire.string(path)))

    def stat(self, path: bytes) -> wire.Attributes:
        return attributes(self.channel.call(Type.STAT, wire.string(path)))

    def fstat(self, handle: bytes) -> wire.Attributes:
        return attributes(self.channel.call(Type.FSTAT, wire.string(handle)))

    def truncate(self, handle: bytes, size: int) -> None:
        self._done(Type.FSETSTAT, wire.string(handle), wire.size_only(size))

    def entries(self, folder: bytes) -> Iterator[wire.Entry]:
        """What is directly in ``folder``."""
        opened = handle(self.channel.call(Type.OPENDIR, wire.string(folder)))
        try:
            while not wire.is_eof(reply := self.channel.call(Type.READDIR, wire.string(opened))):
                yield from (entry for entry in wire.names(reply) if entry.name not in (b".", b".."))
        finally:
            self.let_go(opened)

    def exists(self, path: bytes) -> bool:
        """Whether anything is called ``path``."""
        try:
            self.lstat(path)
        except FileNotFoundError:
            return False
        return True

    def is_folder(self, path: bytes) -> bool:
        """Whether ``path`` is a folder, or a symbolic link to one."""
        try:
            return self.stat(path).is_folder
        except FileNotFoundError:
            return False

    def mkdir(self, path: bytes, mode: int) -> None:
        self._done(Type.MKDIR, wire.string(path), wire.mode_only(mode))

    def rmdir(self, path: bytes) -> None:
        self._done(Type.RMDIR, wire.string(path))

    def remove(self, path: bytes) -> None:
        self._done(Type.REMOVE, wire.string(path))

    def discard(self, path: bytes) -> None:
        """Remove the file ``path`` if that is possible; what stays is collected by ``sweep``."""
        with suppress(OSError, StorageError):
            self.remove(path)

    def replace(self, old: bytes, new: bytes) -> None:
        """Give ``old`` the name ``new``, in the place of what has it."""
        if self.can_replace:
            self._extended(_POSIX_RENAME, wire.string(old), wire.string(new))
            return
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(self.lstat(new).mode or 0):
                self.remove(new)
        self.rename(old, new)

    def replace_and_open(self, old: bytes, new: bytes, folder: bytes) -> bytes:
        """``replace`` where the server has it at one go and, in the same round trip, open ``folder``; its handle."""
        replies: Replies = SimpleQueue()
        names = (wire.string(_POSIX_RENAME), wire.string(old), wire.string(new))
        renaming = self.channel.send(Type.EXTENDED, *names, to=replies, flush=False)
        parts = (wire.string(folder), wire.uint(wire.Open.READ), wire.mode_only(None))
        opening = self.channel.send(Type.OPEN, *parts, to=replies)
        received = dict(self.channel.receive(replies) for _ in range(2))
        failed = wire.status(received[renaming])
        if failed is not None:
            if received[opening].kind == Type.HANDLE:
                self.let_go(handle(received[opening]))
            raise failed
        return handle(received[opening])

    def rename(self, old: bytes, new: bytes) -> None:
        """Give ``old`` the name ``new``, which must be free (how strictly is the server's business)."""
        self._done(Type.RENAME, wire.string(old), wire.string(new))

    def link(self, old: bytes, new: bytes) -> None:
        """Give the file ``old`` a second name, which must be free."""
        self._extended(_HARD_LINK, wire.string(old), wire.string(new))

    def space(self, path: bytes) -> Space | None:
        """What is free where ``path`` is; None if the server does not tell."""
        return self._space(_STATVFS, path)

    def space_behind(self, handle: bytes) -> Space | None:
        """What is free where the open file is; None if the server does not tell."""
        return self._space(_FSTATVFS, handle)

    def _space(self, request: bytes, what: bytes) -> Space | None:
        if request not in self._extensions:
            return None
        reply = self.channel.call(Type.EXTENDED, wire.string(request), wire.string(what))
        body = wire.expect(reply, Type.EXTENDED_REPLY).body
        _, unit, _, _, available, _, _, inodes, *_ = _STATVFS_REPLY.unpack(wire.Fields(body).take(_STATVFS_REPLY.size))
        return Space(available * unit, inodes)

    def close(self) -> None:
        self.channel.close()

    def _done(self, kind: Type, *parts: bytes) -> None:
        check(self.channel.call(kind, *parts))

    def _extended(self, name: bytes, *parts: bytes) -> None:
        self._done(Type.EXTENDED, wire.string(name), *parts)

    def _limits(self) -> tuple[int, int]:
        """Bytes of data that one READ and one WRITE may carry."""
        if _LIMITS not in self._extensions:
            return _SURE, _SURE
        body = wire.expect(self.channel.call(Type.EXTENDED, wire.string(_LIMITS)), Type.EXTENDED_REPLY).body
        fields = wire.Fields(body)
        fields.ulong()  # of a whole packet
        read, written = fields.ulong(), fields.ulong()
        return min(read or _SURE, _MOST), min(written or _SURE, _MOST)


def connect(server: Server, environment: Mapping[str, str], *, known: bool) -> Session:
    """A new connection. ``known``: there was one before, so that a failure is likely to pass."""
    started = program.start(server, environment)
    settled = False

    def reason(said: str) -> StorageError:
        if settled:
            return diagnosis.lost(server, said)
        ask = program.ask_fingerprint
        return diagnosis.explain(server, said, known=known, fingerprint=lambda: ask(server, environment))

    channel = Channel(started, reason, 1.5 * server.timeout)
    try:
        extensions = channel.greet()
        settled = True
        return Session(channel, extensions)
    except BaseException:
        channel.close()
        raise


def handle(reply: wire.Reply) -> bytes:
    """What HANDLE holds."""
    return wire.Fields(wire.expect(reply, Type.HANDLE).body).string()


def attributes(reply: wire.Reply) -> wire.Attributes:
    """What ATTRS holds."""
    return wire.Fields(wire.expect(reply, Type.ATTRS).body).attributes()


def check(reply: wire.Reply) -> None:
    """Raise what a STATUS tells unless it is success."""
    error = wire.status(reply)
    if error is not None:
        raise error
