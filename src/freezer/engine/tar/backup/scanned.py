"""What the walk over the source found, one record for each directory, kept in a spool."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator

import msgspec

from freezer.decoding import msgpack_decoder
from freezer.engine.contract import Summary
from freezer.engine.tar.backup.links import LinkTable
from freezer.spill.spool import Spool

SPECIAL = 1 << 31
"""In a mark: the item is no regular file, so it must not be opened without another look at it."""

_STORED = ord("Y")
_CHUNK = 64 * 1024
# Of an unchanged name of a file with several names: its place in the list, its mark, device and inode.
_LINKED = struct.Struct("=IIQQ")
_MASK = 2**64 - 1


class Directory(msgspec.Struct, array_like=True, gc=False):
    """A directory as this level will store it.

    ``entries``: its list, ``{letter}{name}`` joined by NULs, sorted by name. ``marks``: for each ``Y`` name, in order,
    one native 32-bit number: nanoseconds of the mtime, plus :data:`SPECIAL`. ``replaced``: whether a ``Y`` name stood
    in the level before, so that what is there when a restore reaches it may be a hard link or a symbolic link and must
    go first. ``linked``: records of :func:`note_linked`. ``atime`` and ``ctime`` are whole seconds.
    """

    path: bytes
    device: int
    inode: int
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    atime: int
    ctime: int
    entries: bytes = b""
    marks: bytes = b""
    replaced: bool = False
    linked: bytes = b""

    def stored(self) -> Iterator[tuple[bytes, int]]:
        """The ``Y`` names with their marks; a long list is taken apart piece by piece."""
        marks = iter(array("I", self.marks))
        start = 0
        while start < len(self.entries):
            end = self.entries.find(b"\0", start + _CHUNK)
            end = len(self.entries) if end < 0 else end
            for entry in self.entries[start:end].split(b"\0"):
                if entry[0] == _STORED:
                    yield entry[1:], next(marks)
            start = end + 1


_decoder = msgpack_decoder(Directory)
_encode = msgspec.msgpack.Encoder().encode


def note_linked(place: int, mark: int, device: int, inode: int) -> bytes:
    """A record for :attr:`Directory.linked`."""
    return _LINKED.pack(place, mark, device & _MASK, inode & _MASK)


class Scan(msgspec.Struct):
    """The result: directories in the order of their paths' bytes, and the renames since the level before, in order.

    ``stored_links``: the files with several names of which one at least is stored.
    """

    renames: list[tuple[bytes, bytes]] = msgspec.field(default_factory=list)
    summary: Summary = msgspec.field(default_factory=Summary)
    stored_links: LinkTable = msgspec.field(default_factory=LinkTable)
    _spool: Spool = msgspec.field(default_factory=Spool)

    def add(self, directory: Directory) -> None:
        """Append a directory."""
        self._spool.append(_encode(directory))

    def directories(self) -> Iterator[Directory]:
        """All directories. Unchanged names of files that have another name which is stored are stored too: only names
        in one archive are linked again. (That happens to unchanged files in directories that are stored anew.)"""
        for record in self._spool.records():
            directory = _decoder.decode(record)
            if directory.linked and self.stored_links:
                self._store_links(directory)
            yield directory

    def close(self) -> None:
        """Give memory and disk space back."""
        self._spool.close()
        self.stored_links.close()

    def _store_links(self, directory: Directory) -> None:
        too = {
            place: mark
            for place, mark, device, inode in _LINKED.iter_unpack(directory.linked)
            if self.stored_links.get(device, inode) is not None
        }
        if not too:
            return
        marks = iter(array("I", directory.marks))
        entries, together = directory.entries.split(b"\0"), array("I")
        for place, entry in enumerate(entries):
            if place in too:
                entries[place] = b"Y" + entry[1:]
                together.append(too[place])
            elif entry[0] == _STORED:
                together.append(next(marks))
        directory.entries, directory.marks, directory.replaced = b"\0".join(entries), together.tobytes(), True
