"""An archive read member by member: GNU and POSIX headers, long names, PAX records, every kind of sparse map.

What the archive claims is bounded before memory is used for it; anything that does not fit together is
:class:`DamagedError`. Names are cleaned (``./a/`` becomes ``a``) but not judged: the sandbox refuses what leads
outside.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field

from freezer.engine.contract import Source
from freezer.engine.tar import header, pax
from freezer.engine.tar.header import BLOCK, Header
from freezer.engine.tar.lists import clean
from freezer.errors import DamagedError
from freezer.tree.acl import acl_from_text
from freezer.tree.attributes import Attributes

MAX_NAME = 1 << 20
MAX_PAX = 64 << 20
MAX_LIST = 1 << 30
MAX_EXTENTS = 4 << 20
_PIECE = 1 << 20
_ZERO_BLOCK = bytes(BLOCK)
_ACL_NAMES = {
    pax.ACL_ACCESS: b"system.posix_acl_access",
    pax.ACL_DEFAULT: b"system.posix_acl_default",
}


@dataclass(slots=True)
class Member:
    """One entry with everything that stood before it merged in.

    ``path`` and ``target`` of a hard link are cleaned paths from the root; ``target`` of a symbolic link is as stored.
    ``size``: bytes of the file when restored; ``stored``: bytes of content in the archive; ``extents``: where they go
    (None: all of it, from 0). ``body``: the list of a ``D`` entry. ``fractions``, ``links``, ``marked``: see
    ``FREEZER.mtime_ns``, ``FREEZER.links`` and ``FREEZER.archive``. ``exact``: whether a PAX record gave the mtime.
    """

    type: bytes
    path: bytes
    size: int
    stored: int
    attributes: Attributes
    target: bytes = b""
    major: int = 0
    minor: int = 0
    extents: list[tuple[int, int]] | None = None
    body: bytes | None = None
    fractions: tuple[int, ...] = ()
    links: int | None = None
    marked: bool = False
    exact: bool = False


@dataclass(slots=True)
class _Before:
    """What extension entries said about the next one."""

    name: bytes | None = None
    link: bytes | None = None
    records: dict[bytes, bytes] = field(default_factory=dict)
    ordered: pax.Records = field(default_factory=list)


class ArchiveReader:
    """Members in order; after each, ``content`` yields its bytes (what is not asked for is skipped)."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._left = 0
        self._padding = 0
        self._global: dict[bytes, bytes] = {}

    def __iter__(self) -> Iterator[Member]:
        before = _Before()
        while True:
            self._skip_content()
            block = self._source.read_exact(BLOCK)
            if block == _ZERO_BLOCK:
                self._end()
                return
            head = header.parse_header(block)
            if not self._extension(head, before):
                yield self._member(head, before)
                before = _Before()

    def content(self, member: Member) -> Iterator[tuple[int, bytes | memoryview]]:
        """The member's content as (offset in the file, bytes)."""
        for start, length in member.extents if member.extents is not None else [(0, member.stored)]:
            offset = start
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
        if self._left or self._padding:
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

    def _body(self, size: int, limit: int, what: str) -> bytes:
        if size > limit:
            raise DamagedError(f"the archive is damaged: {what} of {size} bytes")
        body = self._source.read_exact(size)
        self._source.skip(-size % BLOCK)
        return body

    def _extension(self, head: Header, before: _Before) -> bool:
        """Take in an entry that only describes the next one; False if ``head`` is a real entry."""
        if head.type == header.LONG_NAME:
            before.name = self._body(head.size, MAX_NAME, "a name").rstrip(b"\0")
        elif head.type == header.LONG_LINK:
            before.link = self._body(head.size, MAX_NAME, "a link target").rstrip(b"\0")
        elif head.type == header.PAX:
            before.ordered = pax.decode(self._body(head.size, MAX_PAX, "an extended header"))
            before.records = dict(before.ordered)
        elif head.type == header.PAX_GLOBAL:
            self._global.update(pax.decode(self._body(head.size, MAX_PAX, "an extended header")))
        elif head.type == header.VOLUME:
            self._expect(head.size)
        else:
            return False
        return True

    def _member(self, head: Header, before: _Before) -> Member:
        records = {**self._global, **before.records} if self._global else before.records
        name = records.get(pax.SPARSE_NAME) or records.get(pax.PATH) or before.name or head.name
        link = records.get(pax.LINK_PATH) or before.link or head.link
        size = pax.parse_integer(records[pax.SIZE]) if pax.SIZE in records else head.size
        if size < 0:
            raise DamagedError("the archive is damaged: a size is negative")
        member = Member(head.type, clean(name), size, size, _attributes(head, records))
        member.exact = pax.MTIME in records
        if head.type in (header.FILE, header.CONTIGUOUS, header.SPARSE):
            self._file(member, head, records, before.ordered)
        elif head.type in (header.DIRECTORY, header.DUMP_DIRECTORY):
            self._directory(member, size, records)
        else:
            member.target = clean(link) if head.type == header.HARD_LINK else link
            member.major, member.minor = head.major, head.minor
            member.size = member.stored = 0
            if head.type not in (header.HARD_LINK, header.SYMLINK):
                self._expect(size)
        return member

    def _directory(self, member: Member, size: int, records: dict[bytes, bytes]) -> None:
        if pax.DUMPDIR in records:
            member.body = records[pax.DUMPDIR]
            self._expect(size)
        elif member.type == header.DUMP_DIRECTORY:
            member.body = self._body(size, MAX_LIST, "the list of a directory")
        if pax.MTIME_NS in records:
            member.fractions = pax.unpack_fractions(records[pax.MTIME_NS])
        member.marked = pax.ARCHIVE in records
        member.size = member.stored = 0

    def _file(self, member: Member, head: Header, records: dict[bytes, bytes], ordered: pax.Records) -> None:
        if pax.LINKS in records:
            member.links = pax.parse_integer(records[pax.LINKS])
        if head.type == header.SPARSE:
            member.extents, member.size = self._old_map(head), head.real_size
        elif records.get(pax.SPARSE_MAJOR) == b"1":
            member.size = pax.parse_integer(records.get(pax.SPARSE_REAL_SIZE, b"0"))
            self._expect(member.stored)
            member.extents, used = self._inline_map()
            member.stored -= used
        elif pax.SPARSE_MAP in records or pax.SPARSE_OFFSET in dict(ordered):
            member.size = pax.parse_integer(records.get(pax.SPARSE_SIZE, records.get(pax.SPARSE_REAL_SIZE, b"0")))
            member.extents = _record_map(records, ordered)
        if member.extents is not None:
            _check_map(member)
        if records.get(pax.SPARSE_MAJOR) != b"1":
            self._expect(member.stored)
        member.type = header.FILE

    def _old_map(self, head: Header) -> list[tuple[int, int]]:
        extents, more = head.extents, head.extended
        while more:
            block = self._source.read_exact(BLOCK)
            extents += header.parse_extents(block, 21)
            more = bool(block[504])
            if len(extents) > MAX_EXTENTS:
                raise DamagedError("the archive is damaged: a sparse map has no end")
        return extents

    def _inline_map(self) -> tuple[list[tuple[int, int]], int]:
        """GNU sparse format 1.0: decimal numbers, one a line, in whole blocks before the content."""
        text, used = b"", 0

        def number() -> int:
            nonlocal text, used
            while b"\n" not in text:
                if self._left < BLOCK or used > 32 * MAX_EXTENTS:
                    raise DamagedError("the archive is damaged: a sparse map has no end")
                text += self._source.read_exact(BLOCK)
                self._left -= BLOCK
                used += BLOCK
            line, _, text = text.partition(b"\n")
            return pax.parse_integer(line)

        count = number()
        if not 0 <= count <= MAX_EXTENTS:
            raise DamagedError("the archive is damaged: a sparse map has no end")
        return [(number(), number()) for _ in range(count)], used


def _record_map(records: dict[bytes, bytes], ordered: pax.Records) -> list[tuple[int, int]]:
    """GNU sparse formats 0.1 (one record) and 0.0 (repeated records)."""
    if pax.SPARSE_MAP in records:
        numbers = [pax.parse_integer(text) for text in records[pax.SPARSE_MAP].split(b",")]
    else:
        numbers = [pax.parse_integer(value) for key, value in ordered if key in (pax.SPARSE_OFFSET, pax.SPARSE_LENGTH)]
    if len(numbers) % 2:
        raise DamagedError("the archive is damaged: a sparse map is cut")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _check_map(member: Member) -> None:
    """Extents ascend, stay within the file, and add up to the stored content."""
    position = total = 0
    for offset, length in member.extents or ():
        if offset < position or length < 0 or offset + length > member.size:
            raise DamagedError("the archive is damaged: a sparse map contradicts itself")
        position, total = offset + length, total + length
    if total != member.stored:
        raise DamagedError("the archive is damaged: a sparse map does not fit its content")


def _attributes(head: Header, records: dict[bytes, bytes]) -> Attributes:
    if not records:
        return Attributes(
            head.mode,
            head.uid,
            head.gid,
            head.mtime * pax.SECOND,
            None,
            head.uname.decode("utf-8", "surrogateescape"),
            head.gname.decode("utf-8", "surrogateescape"),
        )
    return Attributes(
        mode=head.mode,
        uid=pax.parse_integer(records[pax.UID]) if pax.UID in records else head.uid,
        gid=pax.parse_integer(records[pax.GID]) if pax.GID in records else head.gid,
        mtime_ns=pax.parse_time(records[pax.MTIME]) if pax.MTIME in records else head.mtime * pax.SECOND,
        atime_ns=None,
        uname=records.get(pax.UNAME, head.uname).decode("utf-8", "surrogateescape"),
        gname=records.get(pax.GNAME, head.gname).decode("utf-8", "surrogateescape"),
        xattrs=_xattrs(records),
    )


def _xattrs(records: dict[bytes, bytes]) -> dict[bytes, bytes]:
    xattrs = {}
    for keyword, value in records.items():
        if keyword.startswith(pax.XATTR):
            xattrs[urllib.parse.unquote_to_bytes(keyword[len(pax.XATTR) :])] = value
        elif keyword in _ACL_NAMES:
            try:
                xattrs[_ACL_NAMES[keyword]] = acl_from_text(value.decode("utf-8", "surrogateescape"))
            except ValueError as error:
                raise DamagedError(f"the archive is damaged: {error}") from None
    return xattrs
