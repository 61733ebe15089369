"""Which bundles of which packs are needed: of several copies of a chunk, one is."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator

import msgspec

from freezer.repository.index import Index

Rank = Callable[[str], tuple[bool, bool]]


class _Contents(msgspec.Struct, frozen=True):
    """A pack: for every copy in it the number that its chunk goes by; of every bundle where its copies end, and its
    sealed size in bytes."""

    chunks: array[int]
    ends: list[int]
    sizes: list[int]


class Usage:
    """The packs by name that may hold a needed copy. ``marks``: which chunks are needed, by number. Of the packs that
    hold a chunk the one with the least ``rank`` is its home, and among equals the one with most needed chunks."""

    def __init__(self, index: Index, marks: bytearray, packs: Collection[str], rank: Rank) -> None:
        self._packs = {name: _contents(index, name) for name in packs}
        highest = max((max(each.chunks, default=0) for each in self._packs.values()), default=0)
        self._marks = marks + bytes(max(0, highest + 1 - len(marks)))
        self._homes = self._choose(rank)

    def live(self, name: str) -> list[int]:
        """The numbers of the bundles in a pack that hold a chunk which has its home there."""
        return list(self._live(name))

    def size(self, name: str) -> int:
        """Bytes of these bundles."""
        sizes = self._packs[name].sizes
        return sum(sizes[bundle] for bundle in self._live(name))

    def total(self, name: str) -> int:
        """Bytes of all bundles of a pack."""
        return sum(self._packs[name].sizes)

    def _live(self, name: str) -> Iterator[int]:
        marks, homes, contents = self._marks, self._homes, self._packs[name]
        start = 0
        for bundle, end in enumerate(contents.ends):
            if any(marks[chunk] and homes.get(chunk, name) == name for chunk in contents.chunks[start:end]):
                yield bundle
            start = end

    def _choose(self, rank: Rank) -> dict[int, str]:
        """The home of every needed chunk of which there are several copies."""
        marks = self._marks
        seen = bytearray(len(marks))
        several: set[int] = set()
        needed: dict[str, int] = {}
        for name, contents in self._packs.items():
            mine = [chunk for chunk in contents.chunks if marks[chunk]]
            needed[name] = len(mine)
            for chunk in mine:
                if seen[chunk]:
                    several.add(chunk)
                seen[chunk] = 1
        homes: dict[int, str] = {}
        if several:
            for name in sorted(self._packs, key=lambda name: (rank(name), -needed[name], name)):
                for chunk in several.intersection(self._packs[name].chunks):
                    homes.setdefault(chunk, name)
        return homes


def _contents(index: Index, name: str) -> _Contents:
    pack = index.packs[name]
    ends, sizes = [], []
    end = 0
    for number in range(pack.bundles):
        bundle = index.bundle(pack, number)
        end += len(bundle.lengths)
        ends.append(end)
        sizes.append(bundle.sealed)
    return _Contents(array("I", index.many(index.ids(pack.copies))), ends, sizes)
