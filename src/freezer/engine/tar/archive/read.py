"""An archive read member by member: GNU and POSIX headers, long names, PAX records, every kind of sparse map.

What the archive claims is bounded before memory is used for it; anything that does not fit together is
:class:`DamagedError`. Names are cleaned (``./a/`` becomes ``a``) but not judged: the sandbox refuses what leads
outside.
"""

from __future__ import annotations

import re
import urllib.parse
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Protocol, TypeAlias

import msgspec

from freezer.engine.contract import Source
from freezer.engine.tar.archive import header, pax
from freezer.engine.tar.archive.extended import LARGEST, Extended, ExtendedReader, checked_offset
from freezer.engine.tar.archive.header import BLOCK, Header
from freezer.engine.tar.archive.limits import Limits, exceeded
from freezer.engine.tar.archive.lists import clean
from freezer.errors import DamagedError
from freezer.spill.spool import Spool
from freezer.tree.acl import acl_from_text
from freezer.tree.attributes import Attributes
from freezer.tree.owners import group_id, user_id
from freezer.tree.xattrs import is_kept

_NAME = 1 << 20
_OWNER = 256
_PIECE = 1 << 20
_ZERO_BLOCK = bytes(BLOCK)
_NUMBER = re.compile(rb"[0-9]{1,19}(?:,|\Z)")
_EXTENSIONS = (header.PAX, header.LONG_NAME, header.LONG_LINK, header.PAX_GLOBAL, header.VOLUME)
_ACL_NAMES = {
    pax.ACL_ACCESS: b"system.posix_acl_access",
    pax.ACL_DEFAULT: b"system.posix_acl_default",
}


Extents: TypeAlias = "array[int]"
"""Offset, length, offset, length …, unsigned 64-bit numbers."""


class Pieces(Protocol):
    """Bytes that may be too many for memory; iterable again and again."""

    def __iter__(self) -> Iterator[bytes]: ...


class Member(msgspec.Struct):
    """One entry with everything that stood before it merged in.

    ``path`` and ``target`` of a hard link are cleaned paths from the root; ``target`` of a symbolic link is as stored.
    ``size``: bytes of the file when restored; ``stored``: bytes of content in the archive; ``extents``: where they go
    (None: all of it, from 0). ``body``: the list of a ``D`` entry, ``fractions``: the numbers of ``FREEZER.mtime_ns``
    as little-endian 32-bit ones; both in pieces, valid until the next entry with a list. ``links``, ``marked``: see
    ``FREEZER.links`` and ``FREEZER.archive``. ``exact``: whether a PAX record gave the mtime.
    """

    type: bytes
    path: bytes
    size: int
    stored: int
    attributes: Attributes
    target: bytes = b""
    major: int = 0
    minor: int = 0
    extents: Extents | None = None
    body: Pieces | None = None
    fractions: Pieces = ()
    links: int | None = None
    marked: bool = False
    exact: bool = False


class _Before(msgspec.Struct):
    """What extension entries said about the next one."""

    name: bytes | None = None
    link: bytes | None = None
    extended: Extended = msgspec.field(default_factory=Extended)


_NOTHING = _Before()  # never changed


class ArchiveReader:
    """Members in order; after each, ``content`` yields its bytes (what is not asked for is skipped)."""

    def __init__(self, source: Source, limits: Limits | None = None) -> None:
        self._source = source
        self._limits = limits or Limits()
        self._left = 0
        self._padding = 0
        self._global: dict[bytes, bytes] = {}
        self._spools: list[Spool] = []  # of the last entry with a list
        self._new_spools: list[Spool] = []

    def __iter__(self) -> Iterator[Member]:
        try:
            yield from self._members()
        finally:
            _close(self._spools)
            _close(self._new_spools)

    def _members(self) -> Iterator[Member]:
        before = _NOTHING
        while True:
            if self._left or self._padding:
                self._skip_content()
            block = self._source.read_exact(BLOCK)
            if block == _ZERO_BLOCK:
                self._end()
                return
            head = header.parse_header(block)
            if head.type in _EXTENSIONS:
                before = _Before() if before is _NOTHING else before
                self._extend(head, before)
            else:
                yield self._member(head, before)
                before = _NOTHING

    def at_hand(self) -> memoryview | None:
        """What comes next of the archive, from the start of a header on, as far as it is there without a copy; None if
        headers do not speak for themselves. What is taken from it is to be skipped with :meth:`pass_over`."""
        if self._left or self._padding:
            self._skip_content()
        return None if self._global else self._source.at_hand()

    def pass_over(self, size: int) -> None:
        """Whole members of ``size`` bytes were taken from what is at hand."""
        self._source.skip(size)

    def content(self, member: Member) -> Iterable[tuple[int, bytes | memoryview]]:
        """The member's content as (offset in the file, bytes)."""
        size = member.stored
        if member.extents is None and size <= _PIECE:
            if not size:
                return ()
            piece = self._source.read_some(size + self._padding)
            if len(piece) == size + self._padding:
                self._left = self._padding = 0
                return ((0, piece[:size]),)
            return self._rest(piece, size)
        return self._extents(member)

    def _rest(self, piece: bytes | memoryview, size: int) -> Iterator[tuple[int, bytes | memoryview]]:
        """The content of a file of which ``piece``, perhaps with some of the padding, has been read already."""
        offset = min(len(piece), size)
        self._left -= offset
        self._padding -= len(piece) - offset
        if offset:
            yield 0, piece[:size]
        while offset < size:
            piece = self._take(size - offset)
            yield offset, piece
            offset += len(piece)

    def _extents(self, member: Member) -> Iterator[tuple[int, bytes | memoryview]]:
        extents = member.extents if member.extents is not None else array("Q", (0, member.stored))
        for index in range(0, len(extents), 2):
            offset = start = extents[index]
            length = extents[index + 1]
            while offset < start + length:
                piece = self._take(min(_PIECE, start + length - offset))
                yield offset, piece
                offset += len(piece)

    def _take(self, size: int) -> bytes | memoryview:
        piece = self._source.read_some(min(size, self._left))
        if not piece:
            raise DamagedError("the archive is truncated in the middle of a file")
        self._left -= len(piece)
        return piece

    def _skip_content(self) -> None:
        self._source.skip(self._left + self._padding)
        self._left = self._padding = 0

    def _expect(self, size: int) -> None:
        self._left, self._padding = size, -size % BLOCK

    def _end(self) -> None:
        """After one zero block: another must follow; what comes after the second is filling."""
        if self._source.read_exact(BLOCK) != _ZERO_BLOCK:
            raise DamagedError("the archive is damaged: something follows its end mark")
        while piece := self._source.read_some(_PIECE):
            if bytes(piece).strip(b"\0"):
                raise DamagedError("the archive is damaged: something follows its end mark")

    def _body(self, size: int, limit: int, what: str, option: str) -> bytes:
        if size > limit:
            raise exceeded(f"{what} has {size} bytes", limit, option)
        body = self._source.read_exact(size)
        self._source.skip(-size % BLOCK)
        return body

    def _extended(self, size: int) -> Extended:
        return ExtendedReader(self._source, size, self._limits, self._new_spool).read()

    def _list(self, size: int) -> Pieces:
        """The body of a ``D`` entry."""
        limit, what = self._limits.listing, "the list of a directory"
        if size <= _PIECE:
            return (self._body(size, limit, what, "--restore-max-listing"),)
        if size > limit:
            raise exceeded(f"{what} has {size} bytes", limit, "--restore-max-listing")
        body = self._new_spool()
        self._expect(size)
        while self._left:
            body.write(bytes(self._take(_PIECE)))
        return body

    def _new_spool(self) -> Spool:
        self._new_spools.append(Spool())
        return self._new_spools[-1]

    def _long(self, size: int) -> bytes:
        body = self._body(size, min(_NAME, self._limits.record), "a name", "--restore-max-record")
        return body.split(b"\0", 1)[0]

    def _extend(self, head: Header, before: _Before) -> None:
        """Take in an entry that only describes the next one."""
        if head.type == header.LONG_NAME:
            before.name = self._long(head.size)
        elif head.type == header.LONG_LINK:
            before.link = self._long(head.size)
        elif head.type == header.PAX:
            _close(self._new_spools)
            before.extended = self._extended(head.size)
        elif head.type == header.PAX_GLOBAL:
            self._global.update(self._extended(head.size).records)
            total = sum(len(key) + len(value) for key, value in self._global.items())
            if total > self._limits.record:
                raise exceeded(f"its global headers have {total} bytes", self._limits.record, "--restore-max-record")
        else:
            self._expect(head.size)

    def _member(self, head: Header, before: _Before) -> Member:
        if head.type == header.FILE and before is _NOTHING and not self._global:
            size = self._left = head.size
            if size > LARGEST:
                raise DamagedError(f"the archive is damaged: no file can have {size} bytes")
            self._padding = -size % BLOCK
            return Member(header.FILE, clean(head.name), size, size, plain_attributes(head))
        records = before.extended.records
        if self._global:
            records = {**self._global, **records}
        name = records.get(pax.SPARSE_NAME) or records.get(pax.PATH) or before.name or head.name
        link = records.get(pax.LINK_PATH) or before.link or head.link
        size = pax.parse_integer(records[pax.SIZE]) if pax.SIZE in records else head.size
        if not 0 <= size <= LARGEST:
            raise DamagedError(f"the archive is damaged: no file can have {size} bytes")
        member = Member(head.type, clean(name), size, size, _attributes(head, records))
        member.exact = pax.MTIME in records
        if head.type in (header.FILE, header.CONTIGUOUS, header.SPARSE):
            self._file(member, head, records, before.extended.numbers)
        elif head.type in (header.DIRECTORY, header.DUMP_DIRECTORY):
            self._directory(member, size, records, before.extended.fractions)
        else:
            member.target = clean(link) if head.type == header.HARD_LINK else link
            member.major, member.minor = head.major, head.minor
            member.size = member.stored = 0
            if head.type not in (header.HARD_LINK, header.SYMLINK):
                self._expect(size)
        return member

    def _directory(self, member: Member, size: int, records: dict[bytes, bytes], fractions: Pieces) -> None:
        if pax.DUMPDIR in records:
            member.body = (records[pax.DUMPDIR],)
            self._expect(size)
        elif member.type == header.DUMP_DIRECTORY:
            member.body = self._list(size)
        member.fractions = fractions
        member.marked = pax.ARCHIVE in records
        if member.body is not None:
            _close(self._spools)
            self._spools, self._new_spools = self._new_spools, self._spools
        member.size = member.stored = 0

    def _file(self, member: Member, head: Header, records: dict[bytes, bytes], listed: Extents) -> None:
        if pax.LINKS in records:
            member.links = pax.parse_integer(records[pax.LINKS])
        if head.type == header.SPARSE:
            member.extents, member.size = self._old_map(head), head.real_size
        elif records.get(pax.SPARSE_MAJOR) == b"1":
            member.size = pax.parse_integer(records.get(pax.SPARSE_REAL_SIZE, b"0"))
            self._expect(member.stored)
            member.extents, used = self._inline_map()
            member.stored -= used
        elif pax.SPARSE_MAP in records or listed:
            member.size = pax.parse_integer(records.get(pax.SPARSE_SIZE, records.get(pax.SPARSE_REAL_SIZE, b"0")))
            member.extents = self._record_map(records[pax.SPARSE_MAP]) if pax.SPARSE_MAP in records else listed
        if not 0 <= member.size <= LARGEST:
            raise DamagedError(f"the archive is damaged: no file can have {member.size} bytes")
        if member.extents is not None:
            _check_map(member)
        if records.get(pax.SPARSE_MAJOR) != b"1":
            self._expect(member.stored)
        member.type = header.FILE

    def _old_map(self, head: Header) -> Extents:
        extents = _packed(head.extents)
        more = head.extended
        while more:
            block = self._source.read_exact(BLOCK)
            found = header.parse_extents(block, 21)
            more = bool(block[504])
            if more and not found:
                raise DamagedError("the archive is damaged: a sparse map has no end")
            extents += _packed(found)
            self._count_extents(len(extents) // 2)
        return extents

    def _count_extents(self, count: int) -> None:
        if count > self._limits.extents:
            raise exceeded(f"a sparse file has {count} extents", self._limits.extents, "--restore-max-extents")

    def _inline_map(self) -> tuple[Extents, int]:
        """GNU sparse format 1.0: decimal numbers, one a line, in whole blocks before the content."""
        text, used = b"", 0

        def number() -> int:
            nonlocal text, used
            while b"\n" not in text:
                if self._left < BLOCK or len(text) > BLOCK:
                    raise DamagedError("the archive is damaged: a sparse map has no end")
                text += self._source.read_exact(BLOCK)
                self._left -= BLOCK
                used += BLOCK
            line, _, text = text.partition(b"\n")
            return checked_offset(pax.parse_integer(line))

        count = number()
        self._count_extents(count)
        extents = array("Q")
        for _ in range(2 * count):
            extents.append(number())
        return extents, used

    def _record_map(self, text: bytes) -> Extents:
        """GNU sparse format 0.1: one record. (Format 0.0 repeats two.)"""
        numbers = array("Q")
        self._count_extents((text.count(b",") + 1) // 2)
        position = 0
        while position < len(text):
            found = _NUMBER.match(text, position)
            if found is None:
                raise DamagedError("the archive is damaged: a sparse map is cut")
            position = found.end()
            numbers.append(checked_offset(int(found.group().rstrip(b","))))
        return numbers


def _close(spools: list[Spool]) -> None:
    while spools:
        spools.pop().close()


def _packed(extents: Sequence[tuple[int, int]]) -> Extents:
    return array("Q", (checked_offset(number) for extent in extents for number in extent))


def _check_map(member: Member) -> None:
    """Extents ascend, stay within the file, and add up to the stored content."""
    position = total = 0
    if len(member.extents or ()) % 2:
        raise DamagedError("the archive is damaged: a sparse map is cut")
    numbers = iter(member.extents or ())
    for start, length in zip(numbers, numbers, strict=True):
        if start < position or start + length > member.size:
            raise DamagedError("the archive is damaged: a sparse map contradicts itself")
        position, total = start + length, total + length
    if total != member.stored:
        raise DamagedError("the archive is damaged: a sparse map does not fit its content")


def plain_attributes(head: Header) -> Attributes:
    """What a header says alone."""
    mtime_ns = head.mtime * pax.SECOND
    return Attributes(head.mode, head.uid, head.gid, mtime_ns, None, _owner(head.uname), _owner(head.gname))


def _attributes(head: Header, records: dict[bytes, bytes]) -> Attributes:
    if not records:
        return plain_attributes(head)
    return Attributes(
        mode=head.mode,
        uid=pax.parse_integer(records[pax.UID]) if pax.UID in records else head.uid,
        gid=pax.parse_integer(records[pax.GID]) if pax.GID in records else head.gid,
        mtime_ns=pax.parse_time(records[pax.MTIME]) if pax.MTIME in records else head.mtime * pax.SECOND,
        atime_ns=None,
        uname=_owner(records.get(pax.UNAME, head.uname)),
        gname=_owner(records.get(pax.GNAME, head.gname)),
        xattrs=_xattrs(records),
    )


@lru_cache(maxsize=1024)
def _owner(name: bytes) -> str:
    """A user's or group's name; empty if nobody can have it."""
    return name.decode("utf-8", "surrogateescape") if len(name) <= _OWNER and b"\0" not in name else ""


def _xattrs(records: dict[bytes, bytes]) -> dict[bytes, bytes]:
    xattrs = {}
    for keyword, value in records.items():
        if keyword.startswith(pax.XATTR):
            name = urllib.parse.unquote_to_bytes(keyword[len(pax.XATTR) :])
            if is_kept(name):
                xattrs[name] = value
        elif keyword in _ACL_NAMES:
            try:
                xattrs[_ACL_NAMES[keyword]] = acl_from_text(
                    value.decode("utf-8", "surrogateescape"), user_id=user_id, group_id=group_id
                )
            except ValueError as error:
                raise DamagedError(f"the archive is damaged: {error}") from None
    return xattrs
