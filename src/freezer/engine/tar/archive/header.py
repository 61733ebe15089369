"""One 512-byte header block in GNU format, both ways.

Offsets are those of ``struct oldgnu_header`` and ``struct posix_header`` in GNU tar's ``tar.h``. Numbers that do not
fit their octal field are stored in base 256 (first byte 0x80, or 0xff for negative ones), as GNU tar does.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from zlib import adler32

import msgspec

from freezer.errors import DamagedError

BLOCK: Final = 512
RECORD: Final = 20 * BLOCK

NAME: Final = 100
"""Bytes of the name, the first field."""
TYPE_AT: Final = 156
FILE: Final = b"0"
OLD_FILE: Final = b"\0"
HARD_LINK: Final = b"1"
SYMLINK: Final = b"2"
CHARACTER_DEVICE: Final = b"3"
BLOCK_DEVICE: Final = b"4"
DIRECTORY: Final = b"5"
FIFO: Final = b"6"
CONTIGUOUS: Final = b"7"
DUMP_DIRECTORY: Final = b"D"
LONG_NAME: Final = b"L"
LONG_LINK: Final = b"K"
SPARSE: Final = b"S"
PAX: Final = b"x"
PAX_GLOBAL: Final = b"g"
VOLUME: Final = b"V"

_GNU_MAGIC: Final = b"ustar  \0"
_POSIX_MAGIC: Final = b"ustar\x00"
_BLANK_SUM: Final = b"        "
_OCTAL: Final = 8**11
_ENDS: Final = b"\0 "
# name; mode, uid, gid; size; mtime; checksum; type; link target to device numbers
_unpack_from: Final = struct.Struct("<100s24s12s12s8s1s188s").unpack_from
# name; mode, uid, gid; size, mtime; checksum; type to device number; atime, ctime; zeros
_pack_into: Final = struct.Struct("<100s24s24s8s189s24s143x").pack_into


class Header(msgspec.Struct):
    """The fields of one header as they stand; long names, PAX records and sparse maps are not merged in. ``atime`` is
    only written."""

    name: bytes
    type: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    link: bytes = b""
    uname: bytes = b""
    gname: bytes = b""
    major: int = 0
    minor: int = 0
    atime: int = 0
    gnu: bool = True
    extents: Sequence[tuple[int, int]] = ()
    extended: bool = False
    real_size: int = 0


def number(value: int, width: int) -> bytes:
    """``value`` in a field of ``width`` bytes: octal and a NUL if it fits, otherwise base 256."""
    digits = width - 1
    if 0 <= value < 8**digits:
        return (b"%0*o" % (digits, value)) + b"\0"
    if value >= 0:
        return b"\x80" + value.to_bytes(digits, "big")
    return value.to_bytes(width, "big", signed=True)


@lru_cache(maxsize=1024)
def _owner(mode: int, uid: int, gid: int) -> bytes:
    return number(mode & 0o7777, 8) + number(uid, 8) + number(gid, 8)


class Frame(NamedTuple):
    """What the headers of many items share: mode and owner, type to device number, and the sum of these bytes."""

    owner: bytes
    tail: bytes
    total: int


@lru_cache(maxsize=1024)
def frame(type: bytes, mode: int, uid: int, gid: int, uname: str, gname: str) -> Frame:
    """The frame of all items of one type, mode and owner (user and group, as number and name)."""
    names = _text(uname, 31).ljust(32, b"\0") + _text(gname, 31).ljust(32, b"\0")
    tail = type + bytes(100) + _GNU_MAGIC + names + number(0, 8) + number(0, 8)
    owner = _owner(mode, uid, gid)
    return Frame(owner, tail, sum(owner) + sum(tail) + sum(_BLANK_SUM))


def _text(name: str, limit: int) -> bytes:
    encoded = name.encode("utf-8", "surrogateescape")
    return encoded if len(encoded) <= limit else b""


def put_header(
    block: bytearray, offset: int, name: bytes, shared: Frame, size: int, mtime: int, atime: int, ctime: int
) -> None:
    """Put the header of anything without link target or device number at ``offset``; ``name`` has at most 100 bytes.

    Times are whole seconds. This is the hot path of a backup of many small files: what repeats is in the frame, and the
    rest of the checksum comes from Adler-32's first sum, which is exact here because at most 148 bytes stay below its
    modulus of 65521.
    """
    if 0 <= mtime < _OCTAL and 0 <= atime < _OCTAL and 0 <= ctime < _OCTAL and size < _OCTAL:
        numbers = b"%011o\0%011o\0%011o\0%011o\0" % (size, mtime, atime, ctime)
    else:
        numbers = number(size, 12) + number(mtime, 12) + number(atime, 12) + number(ctime, 12)
    owner, tail, total = shared
    total += (adler32(name + numbers) & 0xFFFF) - 1
    _pack_into(block, offset, name, owner, numbers[:24], b"%06o\0 " % total, tail, numbers[24:])


def plain_header(
    name: bytes,
    type: bytes,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    times: tuple[int, int, int],
    owner: tuple[str, str],
) -> bytes:
    """A header as :func:`put_header` makes it; ``times``: mtime, atime, ctime; ``owner``: user and group name."""
    block = bytearray(BLOCK)
    put_header(block, 0, name, frame(type, mode, uid, gid, *owner), size, *times)
    return bytes(block)


def full_header(header: Header) -> bytes:
    """Any header, slower: link targets, devices, and the first four extents of a sparse file."""
    block = bytearray(BLOCK)

    def put(offset: int, data: bytes) -> None:
        block[offset : offset + len(data)] = data

    put(0, header.name[:100])
    put(100, _owner(header.mode, header.uid, header.gid))
    put(124, number(header.size, 12))
    put(136, number(header.mtime, 12))
    put(148, _BLANK_SUM)
    put(156, header.type)
    put(157, header.link[:100])
    put(257, _GNU_MAGIC)
    put(265, header.uname[:31])
    put(297, header.gname[:31])
    put(329, number(header.major, 8))
    put(337, number(header.minor, 8))
    put(345, number(header.atime, 12))
    put(357, number(header.mtime, 12))
    if header.type == SPARSE:
        for index, (offset, length) in enumerate(header.extents[:4]):
            put(386 + 24 * index, number(offset, 12) + number(length, 12))
        block[482] = header.extended
        put(483, number(header.real_size, 12))
    put(148, b"%06o\0 " % sum(block))
    return bytes(block)


def sparse_extension(extents: list[tuple[int, int]], more: bool) -> bytes:
    """An extension block of a sparse file's map: up to 21 extents, and whether another follows."""
    block = b"".join(number(offset, 12) + number(length, 12) for offset, length in extents)
    return block.ljust(504, b"\0") + bytes((more,)) + bytes(7)


def parse_extents(block: bytes, count: int) -> list[tuple[int, int]]:
    """The extents in the ``count`` 24-byte slots of ``block``; the first empty slot ends the list."""
    extents = []
    for index in range(count):
        slot = block[24 * index : 24 * index + 24]
        if not slot[0]:
            break
        extents.append((parse_number(slot[:12], "sparse map"), parse_number(slot[12:], "sparse map")))
    return extents


def parse_number(text: bytes, what: str) -> int:
    """The value of a numeric field; blanks and NULs around octal digits are allowed, as in old archives."""
    first = text[0]
    if first == 0x80:
        return int.from_bytes(text[1:], "big")
    if first == 0xFF:
        return int.from_bytes(text, "big", signed=True)
    digits = text.split(b"\0", 1)[0].strip()
    if not digits:
        return 0
    try:
        return int(digits, 8)
    except ValueError:
        raise DamagedError(f"the archive is damaged: {what} of a header is no number") from None


def parse_header(block: bytes) -> Header:
    """The header in ``block``; :class:`DamagedError` if its checksum does not fit."""
    name, owner, size_text, time_text, total, kind, tail = _unpack_from(block)
    _check_sum(block, total)
    mode, uid, gid = _parse_owner(owner)
    link, magic, uname, gname = _parse_tail(tail)
    name = name.split(b"\0", 1)[0]
    gnu = magic == _GNU_MAGIC
    if not gnu and magic[:6] == _POSIX_MAGIC and (prefix := block[345:500].split(b"\0", 1)[0]):
        name = prefix + b"/" + name
    if kind == OLD_FILE:
        kind = FILE
    size, mtime = _parse_long(size_text, "size"), _parse_long(time_text, "time")
    if size < 0:
        raise DamagedError("the archive is damaged: a size is negative")
    header = Header(name, kind, mode, uid, gid, size, mtime, link, uname, gname, gnu=gnu)
    if kind == FILE:
        return header
    if kind in (CHARACTER_DEVICE, BLOCK_DEVICE):
        header.major = parse_number(block[329:337], "device")
        header.minor = parse_number(block[337:345], "device")
    if kind == SPARSE:
        header.extents = parse_extents(block[386:482], 4)
        header.extended = bool(block[482])
        header.real_size = parse_number(block[483:495], "size")
    return header


def _parse_long(text: bytes, what: str) -> int:
    """:func:`parse_number`, faster for the usual eleven octal digits."""
    if text[:11].isdigit() and text[11] in _ENDS:
        try:
            return int(text[:11], 8)
        except ValueError:
            pass
    return parse_number(text, what)


@lru_cache(maxsize=1024)
def _parse_owner(text: bytes) -> tuple[int, int, int]:
    mode = parse_number(text[:8], "mode") & 0o7777
    return mode, parse_number(text[8:16], "owner"), parse_number(text[16:], "group")


@lru_cache(maxsize=1024)
def _parse_tail(text: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Link target, magic, user and group."""
    return (
        text[:100].split(b"\0", 1)[0],
        text[100:108],
        text[108:140].split(b"\0", 1)[0],
        text[140:172].split(b"\0", 1)[0],
    )


def _check_sum(block: bytes, text: bytes) -> None:
    stored = parse_number(text, "checksum")
    # Adler-32's first sum is the sum of all bytes modulo 65521, several times faster than adding them up here.
    if ((adler32(block) & 0xFFFF) - (adler32(text) & 0xFFFF) - stored + 256) % 65521 == 0:
        return
    unsigned = sum(block) - sum(block[148:156]) + 256
    # Some old programs summed signed characters.
    high = sum(1 for byte in block if byte > 127) - sum(1 for byte in block[148:156] if byte > 127)
    if stored != unsigned - 256 * high:
        raise DamagedError("the archive is damaged: the checksum of a header is wrong")
