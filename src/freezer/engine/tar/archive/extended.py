"""Extended headers as they are read: in pieces, since one may hold the times of five million files or the map of a file
with as many holes as it has pages."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable

import msgspec

from freezer.engine.contract import Source
from freezer.engine.tar.archive import pax
from freezer.engine.tar.archive.header import BLOCK
from freezer.engine.tar.archive.limits import Limits, exceeded
from freezer.errors import DamagedError
from freezer.spill.spool import Spool

LARGEST = 2**63 - 1
"""The largest size or offset of a file on any system."""

PIECE = 1 << 20
"""Bytes that are read at a time; a multiple of 16, which is what four numbers of a directory's times take."""

_MOST = 65_536  # different keywords
_HEAD_SIZE = 1100  # bytes of the longest head that is believed
_HEAD = re.compile(rb"([0-9]{1,19}) ([^=]{0,1024})=")
_MAP = frozenset((pax.SPARSE_OFFSET, pax.SPARSE_LENGTH))


class Extended(msgspec.Struct):
    """What an extended header says. Of keywords that repeat the last counts, but for those of sparse format 0.0:
    ``numbers`` has offset, length, offset, length … ``fractions``: what ``FREEZER.mtime_ns`` decodes to."""

    records: dict[bytes, bytes] = msgspec.field(default_factory=dict)
    numbers: array[int] = msgspec.field(default_factory=lambda: array("Q"))
    fractions: Spool | tuple[bytes, ...] = ()


class ExtendedReader:
    """Reads the extended header of ``size`` bytes, and its padding, that ``source`` is at. What is not for memory goes
    into spools from ``new_spool``, whose owner closes them."""

    def __init__(self, source: Source, size: int, limits: Limits, new_spool: Callable[[], Spool]) -> None:
        self._source = source
        self._size = size
        self._limits = limits
        self._new_spool = new_spool
        self._unread = size
        self._text = b""
        self._at = 0
        self._counted = 0
        self._found = Extended()

    def read(self) -> Extended:
        """:class:`DamagedError` if it is not one, or exceeds the limits."""
        while self._at < len(self._text) or self._unread:
            self._record()
        self._source.skip(-self._size % BLOCK)
        return self._found

    def _record(self) -> None:
        if len(self._text) - self._at < _HEAD_SIZE and self._unread:
            self._more(_HEAD_SIZE)
        head = _HEAD.match(self._text, self._at)
        if head is None:
            raise DamagedError("the archive is damaged: an extended header has no length")
        length, keyword, start = int(head.group(1)), head.group(2), head.end()
        end = self._at + length
        if end <= start or end > len(self._text) + self._unread:
            raise DamagedError("the archive is damaged: an extended header is cut")
        if keyword == pax.MTIME_NS:
            self._fractions(start, end - start - 1)
        else:
            self._count(keyword, length)
            self._value(keyword, start, end - start - 1)
        if self._take(1) != b"\n":
            raise DamagedError("the archive is damaged: an extended header is cut")

    def _count(self, keyword: bytes, length: int) -> None:
        if keyword in _MAP:
            extents = len(self._found.numbers) // 2 + 1
            if extents > self._limits.extents:
                raise exceeded(f"a sparse file has {extents} extents", self._limits.extents, "--restore-max-extents")
            return
        self._counted += length
        if self._counted > self._limits.record:
            raise exceeded(f"an extended header has {self._size} bytes", self._limits.record, "--restore-max-record")

    def _value(self, keyword: bytes, start: int, size: int) -> None:
        self._at = start
        value = self._take(size)
        if keyword in _MAP:
            self._found.numbers.append(checked_offset(pax.parse_integer(value)))
            return
        self._found.records[keyword] = value
        if len(self._found.records) > _MOST:
            raise DamagedError(f"the archive is damaged: an extended header has more than {_MOST} keywords")

    def _fractions(self, start: int, size: int) -> None:
        limit = self._limits.listing
        if size > limit:
            raise exceeded(f"the times of a directory have {size} bytes", limit, "--restore-max-listing")
        self._at = start
        if size <= PIECE:
            self._found.fractions = (pax.decode_fractions(self._take(size)),)
            return
        self._found.fractions = spool = self._new_spool()
        while size:
            piece = self._take(min(size, PIECE))
            spool.write(pax.decode_fractions(piece))
            size -= len(piece)

    def _take(self, size: int) -> bytes:
        """The next ``size`` bytes, which are there."""
        if self._at + size > len(self._text):
            self._more(self._at + size - len(self._text))
        begin = self._at
        self._at = begin + size
        return self._text[begin : self._at]

    def _more(self, size: int) -> None:
        """Have ``size`` more bytes at hand, or a whole piece if that is more, as far as there are as many."""
        size = min(max(size, PIECE), self._unread)
        self._text = self._text[self._at :] + self._source.read_exact(size)
        self._at = 0
        self._unread -= size


def checked_offset(number: int) -> int:
    """``number`` if a file can have that offset."""
    if not 0 <= number <= LARGEST:
        raise DamagedError("the archive is damaged: a sparse map leads out of every file")
    return number
