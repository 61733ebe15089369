"""The snapshot file of GNU tar's ``--listed-incremental``, version 2.

``GNU tar-X.Y-2\\n``, ``SEC\\0NSEC\\0``, then for each directory ``NFS\\0MTIME\\0NSEC\\0DEV\\0INO\\0NAME\\0``, its list
(``{letter}{name}\\0`` …) and ``\\0\\0``. Names begin with ``./``. We write the directories sorted by the bytes of their
names; GNU tar writes them in any order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator

import msgspec

from freezer.errors import DamagedError, UnknownFormat

_PROGRAM = b"GNU tar-1.34-2\n"
SECOND = 1_000_000_000


class KnownDirectory(msgspec.Struct, frozen=True):
    """A directory as the level before saw it; ``entries`` is its raw list, ``{letter}{name}`` joined by NULs."""

    path: bytes
    device: int
    inode: int
    mtime_ns: int
    entries: bytes

    def names(self) -> set[bytes]:
        """All listed names, whatever their letter."""
        return {entry[1:] for entry in self.entries.split(b"\0")} if self.entries else set()

    def lists(self, name: bytes) -> bool:
        """Whether ``name`` is listed; cheaper than :meth:`names` for one."""
        whole = b"\0" + self.entries + b"\0"
        return any(b"\0" + letter + name + b"\0" in whole for letter in (b"Y", b"N", b"D"))


class Snapshot:
    """A time (nanoseconds since 1970) and directories, which have numbers in the order of their names.

    The file stays as it was read: a directory costs 24 bytes more.
    """

    def __init__(self, time_ns: int, data: bytes, starts: array[int], inodes: array[int]) -> None:
        """``starts``: where in ``data`` each directory begins, sorted by their names; ``inodes``: their inodes."""
        self.time_ns = time_ns
        self._data = data
        self._starts = starts
        self._inodes = inodes
        self._by_inode: array[int] | None = None
        self._next = 0

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[KnownDirectory]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> KnownDirectory:
        return _directory(self._data, self._starts[number])[0]

    def find(self, path: bytes) -> int | None:
        """The number of the directory ``path``. Fast if asked for one after the other."""
        name = _stored_name(path)
        if self._next < len(self) and self._name(self._starts[self._next]) == name:
            number = self._next
        else:
            number = bisect_left(self._starts, name, key=self._name)
            if number == len(self) or self._name(self._starts[number]) != name:
                return None
        self._next = number + 1
        return number

    def find_inode(self, device: int, inode: int) -> int | None:
        """The number of the directory with that inode."""
        if self._by_inode is None:
            self._by_inode = array("L", sorted(range(len(self)), key=self._inodes.__getitem__))
        place = bisect_left(self._by_inode, inode, key=self._inodes.__getitem__)
        while place < len(self) and self._inodes[number := self._by_inode[place]] == inode:
            if self[number].device == device:
                return number
            place += 1
        return None

    def _name(self, start: int) -> bytes:
        return _name_at(self._data, start)


def encode_time(time_ns: int) -> bytes:
    """How the snapshot file of that time begins."""
    return _PROGRAM + b"%d\0%d\0" % divmod(time_ns, SECOND)


def encode_directory(known: KnownDirectory) -> bytes:
    """One directory, whose path is relative and without ``./``; sorted by path they follow the beginning."""
    fields = (*divmod(known.mtime_ns, SECOND), known.device, known.inode, _stored_name(known.path))
    return b"0\0%d\0%d\0%d\0%d\0%s\0" % fields + (known.entries + b"\0\0\0" if known.entries else b"\0\0")


def encode(time_ns: int, directories: Iterable[KnownDirectory]) -> bytes:
    """A whole snapshot file of directories in any order."""
    ordered = sorted(directories, key=lambda known: _stored_name(known.path))
    return encode_time(time_ns) + b"".join(map(encode_directory, ordered))


def _stored_name(path: bytes) -> bytes:
    return b"./" + path if path else b"."


def decode(data: bytes) -> Snapshot:
    """The snapshot in ``data``; :class:`UnknownFormat` for another version, :class:`DamagedError` if it is cut."""
    line, newline, _ = data[:1000].partition(b"\n")
    if not newline or not line.startswith(b"GNU tar-"):
        raise UnknownFormat("this is no snapshot file of GNU tar")
    if not line.endswith(b"-2"):
        raise UnknownFormat(
            f"snapshot files of version {line.rpartition(b'-')[2].decode('ascii', 'replace')} are unknown"
        )
    (seconds, fraction), position = _fields(data, len(line) + 1, 2)
    starts, inodes = array("Q"), array("Q")
    in_order, last = True, b""
    while position < len(data):
        known, end = _directory(data, position)
        if not 0 <= known.inode < 2**64:
            raise DamagedError("the snapshot file is damaged: an inode number is impossible")
        starts.append(position)
        inodes.append(known.inode)
        name = _stored_name(known.path)
        in_order = in_order and last < name
        last, position = name, end
    if not in_order:
        order = sorted(range(len(starts)), key=lambda number: _name_at(data, starts[number]))
        starts, inodes = array("Q", (starts[n] for n in order)), array("Q", (inodes[n] for n in order))
    return Snapshot(_integer(seconds) * SECOND + _integer(fraction), data, starts, inodes)


def _directory(data: bytes, position: int) -> tuple[KnownDirectory, int]:
    """The directory that begins at ``position``, and where it ends."""
    (_, seconds, fraction, device, inode, name), position = _fields(data, position, 6)
    if data[position : position + 2] == b"\0\0":
        entries, position = b"", position + 2
    else:
        end = data.find(b"\0\0\0", position)
        if end < 0:
            raise DamagedError("the snapshot file is truncated")
        entries, position = data[position:end], end + 3
    path = name[2:] if name.startswith(b"./") else b"" if name == b"." else name
    mtime = _integer(seconds) * SECOND + _integer(fraction)
    return KnownDirectory(path, _integer(device), _integer(inode), mtime, entries), position


def _name_at(data: bytes, start: int) -> bytes:
    """The name of the directory that begins at ``start``."""
    for _ in range(5):
        start = data.index(b"\0", start) + 1
    return data[start : data.index(b"\0", start)]


def _fields(data: bytes, position: int, count: int) -> tuple[list[bytes], int]:
    fields = []
    for _ in range(count):
        end = data.find(b"\0", position)
        if end < 0:
            raise DamagedError("the snapshot file is truncated")
        fields.append(data[position:end])
        position = end + 1
    return fields, position


def _integer(text: bytes) -> int:
    try:
        return int(text)
    except ValueError:
        raise DamagedError("the snapshot file is damaged: a field is no number") from None
