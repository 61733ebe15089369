"""Whether a file has the content that a backup says: compared with the ids of its chunks, no data pack is read."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from freezer.browse.opened import Opened
from freezer.errors import DamagedError
from freezer.repository import trees
from freezer.repository.documents import ID_SIZE
from freezer.repository.packs.use import Use, identifiers
from freezer.repository.trees import Entry
from freezer.tree.system import SEEK_DATA, pread

_AT_ONCE = 4096  # chunks that are looked up at a time
_BLOCK = 1024 * 1024
_ZEROS = bytes(_BLOCK)


class Contents:
    """Compares files with what a backup says of their content. Reads metadata only."""

    def __init__(self, opened: Opened) -> None:
        self._index = opened.index
        self._reader = opened.reader
        self._identify = identifiers(opened.repository.keys.ids)[Use.CONTENT]

    def match(self, fd: int, entry: Entry) -> bool:
        """Whether the open file has the content of ``entry``. :class:`DamagedError` if that is not known."""
        at = 0
        for part in trees.pieces(entry.content, self._list):
            if isinstance(part, int):
                if not _is_hole(fd, at, part):
                    return False
                at += part
                continue
            for id, length in self._chunks(part):
                if self._identify(_read(fd, at, length)) != id:
                    return False
                at += length
        return at == entry.size and not pread(fd, 1, at)

    def _list(self, id: bytes) -> bytes:
        return self._reader.chunk(Use.LIST, id)

    def _chunks(self, ids: bytes) -> Iterator[tuple[bytes, int]]:
        """Every id with the length of its chunk."""
        for start in range(0, len(ids), _AT_ONCE * ID_SIZE):
            some = ids[start : start + _AT_ONCE * ID_SIZE]
            for id, number in zip(trees.split(some), self._index.many(some), strict=True):
                if number < 0:
                    raise DamagedError(f"the repository lacks the chunk {id.hex()}")
                yield id, self._index.place(number).length


def _read(fd: int, at: int, length: int) -> bytes:
    """So many bytes, or fewer at the end of the file."""
    data = pread(fd, length, at)
    while data and len(data) < length and (more := pread(fd, length - len(data), at + len(data))):
        data += more
    return data


def _is_hole(fd: int, at: int, length: int) -> bool:
    """Whether so many bytes are there, and all of them zero."""
    end = at + length
    if os.fstat(fd).st_size < end:
        return False
    while at < end:
        at = _next_data(fd, at, end)
        if at >= end:
            return True
        piece = pread(fd, min(_BLOCK, end - at), at)
        if not piece or piece != _ZEROS[: len(piece)]:
            return False
        at += len(piece)
    return True


def _next_data(fd: int, at: int, end: int) -> int:
    """Where from ``at`` on there may be something else than zeros; ``end`` if nowhere before it."""
    try:
        return os.lseek(fd, at, SEEK_DATA)
    except OSError as error:
        return end if error.errno == errno.ENXIO else at  # elsewhere the file system cannot tell
