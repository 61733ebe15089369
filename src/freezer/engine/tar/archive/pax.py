"""Extended header records (POSIX.1-2008 pax), and our own vendor records.

A record is ``LENGTH KEYWORD=VALUE\\n``, LENGTH counting itself. Values are bytes. Besides the standard keywords we
write ``SCHILY.xattr.*`` and ``SCHILY.acl.*`` as star and GNU tar do, and three of our own:

``FREEZER.archive``
    on the root's entry: the version of these records, ``1``.
``FREEZER.mtime_ns``
    on a directory's entry: base64 of one little-endian 32-bit number per ``Y`` name of its list, in list order, the
    nanoseconds of its modification time. One record for a directory instead of a 1 KiB header for every file in it.
``FREEZER.links``
    on a regular file: its link count when it is more than one, so that a reader knows which files later hard links in
    the same archive may name.
"""

from __future__ import annotations

import base64
import re
import sys
from array import array
from collections.abc import Iterable, Sequence

from freezer.errors import DamagedError

PATH = b"path"
LINK_PATH = b"linkpath"
SIZE = b"size"
MTIME = b"mtime"
UID = b"uid"
GID = b"gid"
UNAME = b"uname"
GNAME = b"gname"
XATTR = b"SCHILY.xattr."
ACL_ACCESS = b"SCHILY.acl.access"
ACL_DEFAULT = b"SCHILY.acl.default"
DUMPDIR = b"GNU.dumpdir"
SPARSE_MAJOR = b"GNU.sparse.major"
SPARSE_NAME = b"GNU.sparse.name"
SPARSE_REAL_SIZE = b"GNU.sparse.realsize"
SPARSE_SIZE = b"GNU.sparse.size"
SPARSE_MAP = b"GNU.sparse.map"
SPARSE_OFFSET = b"GNU.sparse.offset"
SPARSE_LENGTH = b"GNU.sparse.numbytes"
ARCHIVE = b"FREEZER.archive"
MTIME_NS = b"FREEZER.mtime_ns"
LINKS = b"FREEZER.links"

SECOND = 1_000_000_000
FRACTION = 4
"""Bytes of a number in ``FREEZER.mtime_ns``."""
Records = list[tuple[bytes, bytes]]

# No number in a header is longer than 64 bits, and nobody measures finer than attoseconds.
_INTEGER = re.compile(rb"-?[0-9]{1,20}")
_TIME = re.compile(rb"-?[0-9]{1,20}(?:\.[0-9]{0,40})?")


def encode(records: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The body of an extended header."""
    return b"".join(_record(keyword, value) for keyword, value in records)


def _record(keyword: bytes, value: bytes) -> bytes:
    rest = b" " + keyword + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def time_text(nanoseconds: int) -> bytes:
    """Nanoseconds since 1970 as a decimal number of seconds."""
    sign = b"-" if nanoseconds < 0 else b""
    seconds, fraction = divmod(abs(nanoseconds), SECOND)
    return sign + b"%d" % seconds + ((b".%09d" % fraction).rstrip(b"0") if fraction else b"")


def parse_time(text: bytes) -> int:
    """Nanoseconds since 1970; digits beyond the ninth are cut off downwards."""
    if not _TIME.fullmatch(text):
        raise DamagedError("the archive is damaged: a time in an extended header is no number")
    from decimal import Decimal  # a backup needs none

    return int((Decimal(text.decode("ascii")) * SECOND).to_integral_value("ROUND_FLOOR"))


def parse_integer(text: bytes) -> int:
    """A decimal integer of at most 20 digits."""
    if not _INTEGER.fullmatch(text):
        raise DamagedError("the archive is damaged: a number in an extended header is none")
    return int(text)


def pack_fractions(fractions: Iterable[int]) -> bytes:
    """The value of ``FREEZER.mtime_ns``."""
    packed = array("I", fractions)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed)


def decode_fractions(value: bytes | memoryview) -> bytes:
    """The numbers in a ``FREEZER.mtime_ns`` value, or in a part of it that begins and ends between two numbers (which
    is every 16 bytes), as little-endian 32-bit numbers."""
    try:
        raw = base64.b64decode(value, validate=True)
    except ValueError:
        raw = b"?"
    if len(raw) % FRACTION:
        raise DamagedError("the archive is damaged: the times of a directory cannot be read")
    return raw


def unpack_fractions(raw: bytes) -> Iterable[int]:
    """Little-endian 32-bit numbers."""
    numbers = array("I", raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
