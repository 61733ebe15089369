"""What is known from the backup before this one."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Container, Iterator

import msgspec

from freezer.errors import DamagedError, DataError, ObjectNotFound
from freezer.progress import Notice
from freezer.repository import states, trees
from freezer.repository.documents import Root
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.states import MARK, Known
from freezer.repository.trees import Entry, Type

UNKNOWN = (DataError, ObjectNotFound)
"""What reading something from the backup before may end with: then it is as if there were none."""


class Forgotten(Exception):
    """Something of the backup before cannot be read; the text says what."""


class Previous(msgspec.Struct, frozen=True):
    """A backup to compare with. ``packs``: the names of those that may be relied on: known to the index, neither
    condemned nor damaged."""

    root: Root
    reader: PackReader
    packs: Container[str]


class Marked(msgspec.Struct, frozen=True, gc=False):
    """An entry with what tells whether it changed: its ctime, 0 if it must be read again in any case, and inode."""

    entry: Entry
    ctime: int
    inode: int


class Earlier:
    """Directories of the backup before; none, if there was none.

    Whatever it relied on is there still as long as all its packs are (``trusted``). If a collector took one since, it
    has moved what was needed of it, but may not have seen everything that we are going to need: then each chunk of what
    is taken over is looked up.
    """

    def __init__(self, previous: Previous | None, writer: ChunkWriter, notice: Notice) -> None:
        self._writer = writer
        self._notice = notice
        self._known: dict[bytes, Known] = {}
        self._reader = previous.reader if previous else None
        self.state_ids: list[bytes] = []
        self.trusted = False
        if previous is not None:
            self.trusted = all(name in previous.packs for name in previous.root.needs)
            self._load(previous.root.states)
        if self.trusted and previous is not None and self._known:
            writer.need_packs(previous.root.needs)

    def known(self, path: bytes) -> Known | None:
        """What is known of a directory."""
        return self._known.get(path)

    def tree(self, path: bytes) -> bytes:
        """The id of a directory's tree; empty if there was none."""
        known = self._known.get(path)
        return known.tree if known else b""

    def recall(self, known: Known) -> list[Marked]:
        """The entries of a directory as it was. :class:`Forgotten` if they cannot be read."""
        try:
            entries = trees.read(known.tree, self._tree, known.path)
            ctimes, inodes = unpacked(known.ctimes), unpacked(known.inodes)
        except UNKNOWN as problem:
            raise Forgotten(str(problem)) from problem
        if not len(entries) == len(ctimes) == len(inodes):
            raise Forgotten(f"what is known of {trees.describe(known.path)} does not fit it")
        return list(map(Marked, entries, ctimes, inodes))

    def marked(self, known: Known | None) -> dict[bytes, Marked]:
        """The same by name; empty if there is nothing, or nothing that can be read."""
        if known is None:
            return {}
        try:
            return {marked.entry.name: marked for marked in self.recall(known)}
        except Forgotten as problem:
            self._notice(f"{problem}: everything in this directory is read again")
            return {}

    def holds(self, id: bytes) -> bool:
        """Whether a chunk of the backup before may be relied on."""
        return self.trusted or self._writer.has(id)

    def holds_content(self, entry: Entry) -> bool:
        """The same of all chunks of a file."""
        if self.trusted or entry.type != Type.FILE or not entry.content:
            return True
        try:
            return all(self._writer.has(id) for id in self._chunks(entry))
        except UNKNOWN:
            return False

    def _chunks(self, entry: Entry) -> Iterator[bytes]:
        yield from trees.split(trees.list_ids(entry.content))
        for piece in trees.pieces(entry.content, self._list):
            if isinstance(piece, bytes):
                yield from trees.split(piece)

    def _load(self, ids: list[bytes]) -> None:
        self.state_ids = ids
        for id in ids:
            try:
                for known in states.parse(self._chunk(Use.STATE, id)):
                    self._known[known.path] = known
            except UNKNOWN as problem:
                self._notice(f"{problem}: what it describes is read again")

    def _tree(self, id: bytes) -> bytes:
        return self._chunk(Use.TREE, id)

    def _list(self, id: bytes) -> bytes:
        return self._chunk(Use.LIST, id)

    def _chunk(self, use: Use, id: bytes) -> bytes:
        assert self._reader is not None, "only what a backup before had is asked for"
        return self._reader.chunk(use, id)

    def group_sizes(self, count: int) -> Counter[int]:
        """How many directories each of ``count`` groups has."""
        return Counter(states.group_of(path, count) for path in self._known)


def packed(numbers: list[int]) -> bytes:
    """Numbers as they are in a state. One that cannot be there, which only a broken clock gives, is 0."""
    try:
        return _bytes(array("Q", numbers))
    except OverflowError:
        return _bytes(array("Q", [number if 0 <= number < 1 << 64 else 0 for number in numbers]))


def unpacked(data: bytes) -> array[int]:
    """The numbers in a state; :class:`DamagedError` if these are none."""
    if len(data) % MARK:
        raise DamagedError(f"{len(data)} bytes are no numbers of a state")
    numbers = array("Q", data)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _bytes(numbers: array[int]) -> bytes:
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()
