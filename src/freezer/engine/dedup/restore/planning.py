"""What is read in which order: files sorted by where their first chunks lie, as many as one window plans for.

A *step* needs at most one bundle: a *run* is many small files of one folder that lie in one bundle, a *piece* is a part
of one file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import repeat
from operator import itemgetter

from freezer.browse.walking import UNREADABLE
from freezer.engine.dedup.restore.folders import Folder
from freezer.engine.dedup.restore.loading import Load, Loader
from freezer.errors import FreezerError
from freezer.repository import trees
from freezer.repository.documents import ID_SIZE
from freezer.repository.index import Index
from freezer.repository.trees import Content, Entry

WINDOW = 32 * 1024 * 1024
"""Bytes of memory that the plan of one window takes, about."""

_ENTRY = 500  # bytes that a file takes in the plan, beside its content's ids
_AT_ONCE = 4096  # chunks that are looked up at a time
_STEPS = 256  # that may be waiting


Planned = tuple[int, int, Folder, Entry, bool]
"""A file to be written: the number (of the index) of its first chunk, or -1; how many chunks it has, if they follow one
another there, otherwise 0; its folder and entry; whether what exists in its place only looks like it."""


class File:
    """A file that is written piece by piece. ``given_up``: nobody wants the rest."""

    __slots__ = ("differs", "entry", "folder", "given_up", "problem")

    def __init__(self, folder: Folder, entry: Entry, *, differs: bool = False) -> None:
        self.folder = folder
        self.entry = entry
        self.differs = differs
        self.given_up = False
        self.problem: FreezerError | None = None


class Run:
    """Small files of one folder, each with the position of its first chunk in the load; the others follow it."""

    __slots__ = ("files", "folder", "load")

    def __init__(self, folder: Folder, load: Load) -> None:
        self.folder = folder
        self.load = load
        self.files: list[tuple[Entry, int]] = []


class Piece:
    """Chunks of one file that lie side by side, or with ``load`` None one that is wherever it is, or without ``ids``
    ``hole`` zero bytes."""

    __slots__ = ("file", "hole", "ids", "load", "position")

    def __init__(self, file: File, load: Load | None, position: int, ids: bytes, hole: int = 0) -> None:
        self.file = file
        self.load = load
        self.position = position
        self.ids = ids
        self.hole = hole


Step = Run | Piece
LoadList = Callable[[bytes], bytes]


class Window:
    """Files of some folders, until they are enough."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._files: list[Planned] = []
        self._size = 0
        self.folders: list[Folder] = []

    @property
    def full(self) -> bool:
        return self._size >= WINDOW

    def enter(self, folder: Folder) -> None:
        """What follows is in that folder, which has its nodes already."""
        self.folders.append(folder)
        self._size += _ENTRY * (1 + len(folder.nodes))

    def add(self, folder: Folder, files: list[Entry], *, differ: bool = False) -> None:
        """Files of one folder; ``differ``: what exists in their places only looks like them."""
        contents = [entry.content for entry in files]
        if set(map(type, contents)) == {bytes} and set(map(len, contents)) == {ID_SIZE}:
            numbers = self._index.many(b"".join(contents))  # type: ignore[arg-type]
            self._files += zip(numbers, repeat(1), repeat(folder), files, repeat(differ), strict=False)
            self._size += (_ENTRY + ID_SIZE) * len(files)
            return
        near = [_near(content) for content in contents]
        numbers = self._index.many(b"".join(near))
        at = 0
        for entry, ids in zip(files, near, strict=True):
            count = len(ids) // ID_SIZE
            first = numbers[at] if count else -1
            follow = first >= 0 and numbers[at : at + count] == list(range(first, first + count))
            is_dense = follow and ids is entry.content
            self._files.append((first, count if is_dense else 0, folder, entry, differ))
            self._size += _ENTRY + len(ids)
            at += count

    def steps(self, loader: Loader, load_list: LoadList) -> Iterator[Step]:
        """What is to be done, in the order of reading."""
        self._files.sort(key=itemgetter(0))
        load: Load | None = None
        begin = end = 0
        run: Run | None = None
        for number, count, folder, entry, differs in self._files:
            if number >= 0 and not begin <= number < end:
                load = loader.find(number)
                begin, end = load.start, load.start + len(load.bundle.lengths)
            if load is None or not count or number + count > end or entry.more is not None or differs:
                if run is not None:
                    yield run
                    run = None
                yield from pieces(File(folder, entry, differs=differs), self._index, loader, load_list)
                continue
            if run is None or run.load is not load or run.folder is not folder:
                if run is not None:
                    yield run
                run = Run(folder, load)
            run.files.append((entry, number - begin))
        if run is not None:
            yield run


def pieces(file: File, index: Index, loader: Loader, load_list: LoadList) -> Iterator[Piece]:
    """The content of a file, at least one piece; a problem with finding out what it is stands in ``file.problem``."""
    try:
        parts = trees.pieces(file.entry.content, load_list)
    except UNREADABLE as error:
        file.problem = error
        parts = []
    empty = True
    for part in parts:
        if isinstance(part, int):
            empty = False
            yield Piece(file, None, 0, b"", part)
            continue
        for at in range(0, len(part), _AT_ONCE * ID_SIZE):
            for piece in _located(file, part[at : at + _AT_ONCE * ID_SIZE], index, loader):
                if file.given_up:
                    return
                empty = False
                yield piece
    if empty:
        yield Piece(file, None, 0, b"")


class Ahead:
    """Steps, with what they need on its way some time before."""

    def __init__(self, steps: Iterator[Step], loader: Loader) -> None:
        self._steps = steps
        self._loader = loader
        self._waiting: deque[tuple[Step, int]] = deque()
        self._size = 0

    def peek(self) -> Step | None:
        """The next step, None at the end."""
        while self._size < self._loader.ahead and len(self._waiting) < _STEPS:
            step = next(self._steps, None)
            if step is None:
                break
            size = self._loader.want(step.load) if step.load is not None else 0
            self._size += size
            self._waiting.append((step, size))
        return self._waiting[0][0] if self._waiting else None

    def take(self) -> None:
        """The next step is done with."""
        self._size -= self._waiting.popleft()[1]


def _near(content: Content) -> bytes:
    """Ids of a content from its beginning, as far as they can be told without reading anything."""
    ids = content if isinstance(content, bytes) else content[0] if content else b""
    return ids if isinstance(ids, bytes) and len(ids) % ID_SIZE == 0 else b""


def _located(file: File, ids: bytes, index: Index, loader: Loader) -> Iterator[Piece]:
    numbers = index.many(ids)
    total, at = len(numbers), 0
    while at < total:
        number = numbers[at]
        if number < 0:
            yield Piece(file, None, 0, ids[at * ID_SIZE : (at + 1) * ID_SIZE])
            at += 1
            continue
        load = loader.find(number)
        position, count = number - load.start, 1
        room = len(load.bundle.lengths) - position
        while count < room and at + count < total and numbers[at + count] == number + count:
            count += 1
        wanted = ids[at * ID_SIZE : (at + count) * ID_SIZE]
        yield Piece(file, load, position, wanted)
        at += count
