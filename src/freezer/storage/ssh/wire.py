"""Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02): bytes in both directions, nothing else.

A packet is a length, a type and a body; all but the first two begin their body with a request number.
"""

from __future__ import annotations

import errno
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from freezer.errors import PermanentError

VERSION = 3
MAX_PACKET = 1 << 20  # bytes: four times what OpenSSH ever sends

_UINT = struct.Struct(">I")
_ULONG = struct.Struct(">Q")


class Type(IntEnum):
    """Types of packets (section 3)."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    STAT = 17
    RENAME = 18
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


_STATUS = int(Type.STATUS)
_OK = bytes(4)


class Open(IntEnum):
    """Flags of OPEN (section 6.3)."""

    READ = 0x01
    WRITE = 0x02
    CREATE = 0x08
    EXCLUSIVE = 0x20


class Status(IntEnum):
    """Codes of STATUS (section 7)."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    BAD_MESSAGE = 5
    UNSUPPORTED = 8


_ERRNOS: Mapping[int, int] = {
    Status.NO_SUCH_FILE: errno.ENOENT,
    Status.PERMISSION_DENIED: errno.EACCES,
    Status.BAD_MESSAGE: errno.EINVAL,
    Status.UNSUPPORTED: errno.ENOSYS,
}


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is known of a file (section 5); None for what the server left out. ``modified``: seconds since 1970."""

    size: int | None = None
    mode: int | None = None
    modified: int | None = None

    @property
    def is_file(self) -> bool:
        return self.mode is not None and stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        return self.mode is not None and stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        return self.mode is not None and stat.S_ISLNK(self.mode)


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in a folder, and what is behind it."""

    name: bytes
    attributes: Attributes


class Reply(NamedTuple):
    """Type and body (after the request number) of what the server answered."""

    kind: int
    body: memoryview


class Fields:
    """Takes one field after the other from a body; :class:`PermanentError` where it ends too early."""

    def __init__(self, body: memoryview) -> None:
        self._rest = body

    def __bool__(self) -> bool:
        return len(self._rest) > 0

    def take(self, size: int) -> memoryview:
        if size > len(self._rest):
            raise not_sftp("a packet is shorter than it says")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def uint(self) -> int:
        value: int = _UINT.unpack(self.take(4))[0]
        return value

    def ulong(self) -> int:
        value: int = _ULONG.unpack(self.take(8))[0]
        return value

    def string(self) -> bytes:
        return bytes(self.take(self.uint()))

    def attributes(self) -> Attributes:
        flags = self.uint()
        size = self.ulong() if flags & 0x01 else None
        if flags & 0x02:
            self.take(8)  # user and group
        mode = self.uint() if flags & 0x04 else None
        modified = None
        if flags & 0x08:
            self.uint()  # time of last access
            modified = self.uint()
        if flags & 0x80000000:
            for _ in range(self.uint()):
                self.string()
                self.string()
        return Attributes(size, mode, modified)


def uint(value: int) -> bytes:
    return _UINT.pack(value)


def ulong(value: int) -> bytes:
    return _ULONG.pack(value)


def string(value: bytes) -> bytes:
    return _UINT.pack(len(value)) + value


def mode_only(mode: int | None) -> bytes:
    """Attributes that set nothing but the permission bits, if any."""
    return uint(0) if mode is None else uint(0x04) + uint(mode)


def size_only(size: int) -> bytes:
    """Attributes that set nothing but the size."""
    return uint(0x01) + ulong(size)


def packet(kind: Type, number: int, size: int) -> bytes:
    """The beginning of a request whose body has ``size`` bytes after the request number."""
    return struct.pack(">IBI", size + 5, kind, number)


def hello() -> bytes:
    """The packet that begins the conversation; it has no request number."""
    return struct.pack(">IBI", 5, Type.INIT, VERSION)


def parse_hello(data: memoryview) -> Mapping[bytes, bytes]:
    """The server's extensions and their versions, from its first packet (type and body)."""
    fields = Fields(data[1:])
    if data[0] != Type.VERSION:
        raise not_sftp("its first packet is no greeting")
    version = fields.uint()
    if version != VERSION:
        raise PermanentError(f"the server speaks version {version} of SFTP, not {VERSION}")
    extensions = {}
    while fields:
        name = fields.string()
        extensions[name] = fields.string()
    return extensions


def names(reply: Reply) -> list[Entry]:
    """What NAME holds (section 7). The line that ``ls -l`` would show is left out."""
    fields = Fields(expect(reply, Type.NAME).body)
    entries = []
    for _ in range(fields.uint()):
        name = fields.string()
        fields.string()
        entries.append(Entry(name, fields.attributes()))
    return entries


def status(reply: Reply) -> OSError | None:
    """The error that STATUS tells, None for success. Without errno if the code says no more than that it failed."""
    if reply.kind == _STATUS and reply.body[:4] == _OK:
        return None  # as nearly all do
    fields = Fields(expect(reply, Type.STATUS).body)
    code = fields.uint()
    if code == Status.OK:
        return None
    said = fields.string().decode("utf-8", "replace") if fields else ""
    number = _ERRNOS.get(code)
    return OSError(number, said) if number is not None else OSError(said or f"status {code}")


def is_eof(reply: Reply) -> bool:
    """Whether there is nothing more to read."""
    return reply.kind == Type.STATUS and Fields(reply.body).uint() == Status.EOF


def expect(reply: Reply, kind: Type) -> Reply:
    """``reply`` if it is what it should be; the error it tells if it is a STATUS instead."""
    if reply.kind == kind:
        return reply
    if reply.kind == Type.STATUS and (error := status(reply)) is not None:
        raise error
    raise not_sftp(f"type {reply.kind} came where {kind} should")


def not_sftp(why: str) -> PermanentError:
    return PermanentError(f"what the server says is not SFTP version {VERSION}: {why}")
