"""What can be reached from roots: the copies of chunks, in an index, that backups consist of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial

from freezer.errors import DamagedError, DataError, ObjectNotFound
from freezer.repository import trees
from freezer.repository.documents import ID_SIZE, Root
from freezer.repository.index import Index
from freezer.repository.packs.use import Use
from freezer.repository.trees import Divided, Entry, Type

Load = Callable[[Use, bytes], bytes]

_BATCH = 1 << 20  # bytes of joined ids that are looked up together


class Reach:
    """Grows with every root that is walked; nothing is walked twice.

    ``marks`` says of the number of a chunk (:meth:`Index.many`) whether it is reachable. ``missing``: chunks of each
    use that the index does not know; ``unread``: trees and lists, by their ids, that ``load`` could not give, and why:
    what is below them is not known. Nothing may be dropped from the index meanwhile.
    """

    def __init__(self, index: Index, load: Load) -> None:
        self.marks = bytearray()
        self.missing: dict[Use, set[bytes]] = {use: set() for use in Use}
        self.unread: dict[bytes, str] = {}
        self._index = index
        self._load = load
        self._lists: set[bytes] = set()

    @property
    def complete(self) -> bool:
        """Whether everything is there and was read."""
        return not self.unread and not any(self.missing.values())

    def walk(self, roots: Iterable[Root]) -> None:
        """Everything that these roots need."""
        tops: list[bytes] = []
        for root in roots:
            tops += [source.tree for source in root.sources if source.tree]
            self._mark(Use.STATE, b"".join(root.states))
        level: Collection[bytes] = self._mark(Use.TREE, b"".join(tops))
        while level:
            below = _Batch(lambda joined: self._mark(Use.TREE, joined))
            contents = _Batch(lambda joined: self._mark(Use.CONTENT, joined))
            for id in level:
                self._tree(id, below, contents)
            contents.flush()
            level = below.flush()

    def _tree(self, id: bytes, below: _Batch, contents: _Batch) -> None:
        try:
            node = trees.parse(self._load(Use.TREE, id), f"the tree {id.hex()}")
            if isinstance(node, Divided):
                below.add(b"".join(node.parts))
                return
            usual: list[bytes] = []
            for entry in node.entries:
                content = entry.content
                if entry.type == Type.FILE:
                    if type(content) is bytes and len(content) == ID_SIZE:  # most files are one chunk
                        usual.append(content)
                    else:
                        usual += self._content(entry)
                elif entry.type == Type.DIRECTORY:
                    below.add(_tree_of(entry, id))
            contents.add(b"".join(usual))
        except (DataError, ObjectNotFound) as error:
            self.unread[id] = error.message

    def _content(self, entry: Entry) -> Iterator[bytes]:
        """Joined ids of the chunks that a file consists of."""
        lists = trees.list_ids(entry.content)
        if lists:
            if lists in self._lists:
                return
            self._mark(Use.LIST, lists)
            self._lists.add(lists)
        for piece in trees.pieces(entry.content, partial(self._load, Use.LIST)):
            if isinstance(piece, bytes):
                yield piece

    def _mark(self, use: Use, joined: bytes) -> list[bytes]:
        """The ids that were not reachable before, in the order in which the index has them."""
        numbers = self._index.many(joined)
        more = max(numbers, default=-1) + 1 - len(self.marks)
        if more > 0:
            self.marks.extend(bytes(more))
        marks, fresh, strangers = self.marks, [], []
        for place, number in enumerate(numbers):
            if number < 0:
                id = joined[place * ID_SIZE : (place + 1) * ID_SIZE]
                if id not in self.missing[use]:
                    self.missing[use].add(id)
                    strangers.append(id)
            elif not marks[number]:
                marks[number] = 1
                fresh.append(number)
        if use is Use.CONTENT:
            return []
        fresh.sort()
        return [self._index.id(number) for number in fresh] + strangers


def _tree_of(entry: Entry, id: bytes) -> bytes:
    """The tree of a directory; empty if it was not read."""
    if not isinstance(entry.content, bytes) or len(entry.content) not in (0, ID_SIZE):
        raise DamagedError(f"the tree {id.hex()} has a directory without a tree")
    return entry.content


class _Batch:
    """Joined ids that are looked up many at a time; ``flush`` gives what all look-ups have given."""

    def __init__(self, look_up: Callable[[bytes], list[bytes]]) -> None:
        self._look_up = look_up
        self._waiting = bytearray()
        self._found: list[bytes] = []

    def add(self, joined: bytes) -> None:
        self._waiting += joined
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self) -> list[bytes]:
        self._found += self._look_up(bytes(self._waiting))
        self._waiting.clear()
        return self._found
