"""Where directories of older levels are in the newest one: the renames of all levels, in tables that move to disk."""

from __future__ import annotations

import struct

import msgspec

from freezer.errors import DamagedError
from freezer.spill.table import Table

LONGEST = 1 << 16
"""Bytes of the longest path that renames may make."""
MOST_STEPS = 1_000_000
"""Renames of one level, and how many its directories may take part in together."""

_REMEMBERED = 10_000  # directories of which it is known where they went
_TOGETHER = 256  # numbers of steps in one entry of a table
_SLASH = 0x2F
_STEP = struct.Struct(">II")  # level, number
_LEVEL = struct.Struct(">I")
_PART = struct.Struct(">I")
_COUNT = b"\xff" * _PART.size


class _Level(msgspec.Struct):
    """``count``: steps; ``taken``: how often one was applied; ``lengths``: of the paths that steps name, ascending."""

    count: int = 0
    taken: int = 0
    lengths: list[int] = msgspec.field(default_factory=list)


class Renames:
    """Steps (from, to), level by level from the newest on, each level's in the order in which they were made."""

    def __init__(self) -> None:
        self._levels: list[_Level] = []
        self._now = _Level()
        self._lengths: set[int] = set()
        self._steps = Table()  # level, number → length of the first path, both paths
        # Which steps concern a path: those that name it, or a directory above it, on either side.
        self._naming = Table()  # level, path, part → numbers of steps; with _COUNT for the part: how many there are
        self._went: dict[bytes, bytes | None] = {}

    @property
    def started(self) -> bool:
        """Whether the level that is being read has any."""
        return self._now.count > 0

    def add(self, source: bytes, target: bytes) -> None:
        """A step of the level that is being read; :class:`DamagedError` if there are too many."""
        number = self._now.count
        if number >= MOST_STEPS:
            raise _endless()
        self._now.count += 1
        level = len(self._levels)
        self._steps.put(_STEP.pack(level, number), _PART.pack(len(source)) + source + target)
        for path in {source, target}:
            self._lengths.add(len(path))
            key = _LEVEL.pack(level) + path
            count = self._count(key)
            part = key + _PART.pack(count // _TOGETHER)
            self._naming.put(part, (self._naming.get(part) or b"") + _PART.pack(number))
            self._naming.put(key + _COUNT, _PART.pack(count + 1))

    def end_level(self) -> None:
        """The level is read: its steps lie between older levels and the newest one."""
        self._now.lengths = sorted(self._lengths)
        self._levels.append(self._now)
        self._now = _Level()
        self._lengths.clear()
        self._went.clear()

    def forward(self, directory: bytes) -> bytes | None:
        """Where ``directory`` of the level being read is in the newest; None if another directory was moved over it."""
        if not any(level.count for level in self._levels):
            return directory
        if directory in self._went:
            return self._went[directory]
        now: bytes | None = directory
        for level in range(len(self._levels) - 1, -1, -1):
            if now is not None and self._levels[level].count:
                now = self._follow(level, now)
        if len(self._went) >= _REMEMBERED:
            self._went.clear()
        self._went[directory] = now
        return now

    def close(self) -> None:
        """Give memory and disk space back."""
        self._steps.close()
        self._naming.close()
        self._went.clear()

    def _follow(self, level: int, directory: bytes) -> bytes | None:
        number = -1
        facts = self._levels[level]
        while (following := self._next(level, directory, number)) is not None:
            number = following
            source, target = self._step(level, number)
            if directory != source and not directory.startswith(source + b"/"):
                return None
            directory = target + directory[len(source) :]
            facts.taken += 1
            if len(directory) > LONGEST or facts.taken > MOST_STEPS:
                raise _endless()
        return directory

    def _step(self, level: int, number: int) -> tuple[bytes, bytes]:
        kept = self._steps.get(_STEP.pack(level, number)) or bytes(_PART.size)
        end = _PART.size + _PART.unpack_from(kept)[0]
        return kept[_PART.size : end], kept[end:]

    def _next(self, level: int, directory: bytes, after: int) -> int | None:
        """The first step later than number ``after`` that concerns ``directory``."""
        found = None
        size = len(directory)
        for end in self._levels[level].lengths:
            if end > size:
                break
            if end == size or directory[end] == _SLASH:
                number = self._later(_LEVEL.pack(level) + directory[:end], after)
                if number is not None:
                    found = number if found is None else min(found, number)
        return found

    def _later(self, key: bytes, after: int) -> int | None:
        """The first step later than number ``after`` among those that name a path."""
        low, high = 0, self._count(key)
        while low < high:
            middle = (low + high) // 2
            if self._number(key, middle) <= after:
                low = middle + 1
            else:
                high = middle
        return self._number(key, low) if low < self._count(key) else None

    def _count(self, key: bytes) -> int:
        kept = self._naming.get(key + _COUNT)
        return 0 if kept is None else int.from_bytes(kept, "big")

    def _number(self, key: bytes, place: int) -> int:
        kept = self._naming.get(key + _PART.pack(place // _TOGETHER)) or b""
        start = place % _TOGETHER * _PART.size
        return int.from_bytes(kept[start : start + _PART.size], "big")


def _endless() -> DamagedError:
    return DamagedError("the archive is damaged: its renames never end")
