"""From ids to the numbers of copies: a hash table with open addresses, four bytes a place.

Ids are keyed hashes, so their first four bytes serve as they are. A place holds the number of a copy plus one;
:data:`_FREE` ends a search, :data:`_GONE` does not, and matches no id. What is inserted is put into the table when
somebody searches: who only adds pays nothing, and many additions make the table grow once.
"""

from __future__ import annotations

import struct
import sys
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from freezer.repository.documents import ID_SIZE
from freezer.repository.index.columns import Columns

_FREE = 0
_GONE = 0xFFFF_FFFF
_LEAST = 1 << 10  # places of the smallest table
_WORD = 4  # bytes of an id that say where its search begins
_ID = struct.Struct(f"{ID_SIZE}s")
_BLOCK = 1 << 16  # copies that are looked at together
_TOGETHER = 512  # ids that are looked for together


class Finder:
    """Finds the copies in ``columns`` that were inserted and not removed. Safe for several threads."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._table = _empty(_LEAST)
        self._used = 0  # places that are not free
        self._inserted: dict[int, range] = {}  # by its first number; what the table holds
        self._waiting: list[range] = []
        self._lock = threading.Lock()

    def insert(self, copies: range) -> None:
        """Find these copies from now on, too."""
        if copies:
            with self._lock:
                self._waiting.append(copies)

    def remove(self, copies: range) -> None:
        """Do not find these copies, inserted at once, any more."""
        if not copies:
            return
        table = self._settled()
        mask = len(table) - 1
        with self._lock:
            del self._inserted[copies.start]
            for start, heads in self._heads([copies]):
                for number, head in enumerate(heads, start + 1):
                    place = head & mask
                    while table[place] != number:
                        place = (place + 1) & mask
                    table[place] = _GONE

    def first(self, id: bytes) -> int:
        """The number of one copy of the chunk; −1 if there is none."""
        table, ids = self._settled(), self._columns.ids
        mask = len(table) - 1
        place = int.from_bytes(id[:_WORD], sys.byteorder) & mask
        while number := table[place]:
            end = number * ID_SIZE
            if ids[end - ID_SIZE : end] == id:
                return number - 1
            place = (place + 1) & mask
        return -1

    def all(self, id: bytes) -> list[int]:
        """The numbers of all copies of the chunk."""
        table, ids = self._settled(), self._columns.ids
        mask = len(table) - 1
        found: list[int] = []
        place = int.from_bytes(id[:_WORD], sys.byteorder) & mask
        while number := table[place]:
            end = number * ID_SIZE
            if ids[end - ID_SIZE : end] == id:
                found.append(number - 1)
            place = (place + 1) & mask
        return found

    def many(self, wanted: bytes) -> list[int]:
        """:meth:`first` of each of the joined ids, but faster."""
        table = self._settled()
        found: list[int] = []
        for start in range(0, len(wanted), _TOGETHER * ID_SIZE):
            self._look_up(table, wanted[start : start + _TOGETHER * ID_SIZE], found)
        return found

    def _look_up(self, table: array[int], wanted: bytes, found: list[int]) -> None:
        """The same for a few. Most of the time is spent on waiting for memory, table and ids being far larger than the
        caches: so what will be needed is touched before, all of it at once."""
        ids, mask = self._columns.ids, len(table) - 1
        places = [head & mask for head in _words(wanted)]
        numbers = _at(table, places)
        _at(ids, [number * ID_SIZE - 1 for number in numbers if _FREE < number < _GONE])
        append = found.append
        for place, number, (id,) in zip(places, numbers, _ID.iter_unpack(wanted), strict=True):
            while number:
                end = number * ID_SIZE
                if ids[end - ID_SIZE : end] == id:
                    break
                place = (place + 1) & mask  # noqa: PLW2901
                number = table[place]  # noqa: PLW2901
            append(number - 1)

    def _settled(self) -> array[int]:
        """The table with everything that was inserted. Whoever still searches in an older one misses only that."""
        if self._waiting:
            with self._lock:
                more = sum(map(len, self._waiting))
                self._inserted.update((copies.start, copies) for copies in self._waiting)
                if (self._used + more) * 2 > len(self._table):
                    self._used = sum(map(len, self._inserted.values()))
                    self._fill(_empty(_size_for(self._used)), self._inserted.values())
                else:
                    self._used += more
                    self._fill(self._table, self._waiting)
                self._waiting = []  # last, so that nobody searches before the table is filled
        return self._table

    def _fill(self, table: array[int], copies: Iterable[range]) -> None:
        mask = len(table) - 1
        for number, heads in self._heads(copies):
            for head in heads:
                number += 1  # noqa: PLW2901
                place = head & mask
                while table[place]:
                    place = (place + 1) & mask
                table[place] = number
        self._table = table

    def _heads(self, copies: Iterable[range]) -> Iterator[tuple[int, list[int]]]:
        """For neighbouring copies, in blocks: the number of the first one, and where the search for each begins."""
        for each in copies:
            for start in range(each.start, each.stop, _BLOCK):
                stop = min(start + _BLOCK, each.stop)
                yield start, _words(self._columns.ids[start * ID_SIZE : stop * ID_SIZE])


def _at(items: array[int] | bytearray, places: Sequence[int]) -> Sequence[int]:
    """What stands at these places, in one call: then a processor waits for several of them at the same time."""
    return itemgetter(*places)(items) if len(places) > 1 else [items[place] for place in places]


def _words(ids: bytes | bytearray) -> list[int]:
    """The first word of each of the joined ids."""
    return memoryview(ids).cast("I")[:: ID_SIZE // _WORD].tolist()


def _size_for(copies: int) -> int:
    """A power of two, so that no more than half of the places are taken, and there is room to grow."""
    return max(_LEAST, 1 << (copies * 2).bit_length())


def _empty(size: int) -> array[int]:
    return array("I", [0]) * size
