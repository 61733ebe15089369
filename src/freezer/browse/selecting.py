"""Which part of a backup is looked at: everything, or what paths and patterns name, with all below it.

A pattern is a path whose parts may have ``*``, ``?`` and ``[…]``, which match within one name only; a part ``**``
stands for any number of names. A part that is exactly a name always matches it, whatever characters it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate

import msgspec

_ANY = b"**"
_WILD = re.compile(rb"[*?\[]")

_Place = tuple[int, int]  # a pattern, and how many of its parts are matched


class Scope(msgspec.Struct, frozen=True):
    """What is chosen at some path: the item with everything below it, or else perhaps something below it, as far as the
    patterns have matched."""

    everything: bool
    places: tuple[_Place, ...] = ()


_EVERYTHING = Scope(True)


class Selection:
    """Without ``patterns`` everything is chosen. Slashes at their ends mean nothing. With ``literal`` they are paths,
    whatever characters they have."""

    def __init__(self, patterns: Sequence[bytes] = (), *, literal: bool = False) -> None:
        self._patterns = list(patterns)
        self._any = b"" if literal else _ANY
        self._parts = [[part for part in pattern.split(b"/") if part not in (b"", b".")] for pattern in patterns]
        self._wild = [[None if literal else _compiled(part) for part in parts] for parts in self._parts]
        self._found: set[int] = set()

    @property
    def all(self) -> bool:
        """Whether nothing is left out."""
        return self.top().everything

    def top(self) -> Scope:
        """The scope of the top itself."""
        if not self._patterns:
            return _EVERYTHING
        return self._scope((number, 0) for number in range(len(self._parts))) or Scope(False)

    def within(self, scope: Scope, name: bytes) -> Scope | None:
        """The scope of ``name`` in a directory of that scope; None if neither it nor anything below it is chosen."""
        if scope.everything:
            return scope
        places: list[_Place] = []
        for number, place in scope.places:
            part, wild = self._parts[number][place], self._wild[number][place]
            if part == self._any:
                places.append((number, place))
            elif part == name or (wild is not None and wild.fullmatch(name)):
                places.append((number, place + 1))
        return self._scope(places)

    def missed(self) -> list[bytes]:
        """The patterns that nothing has matched."""
        return [pattern for number, pattern in enumerate(self._patterns) if number not in self._found]

    def _scope(self, places: Iterable[_Place]) -> Scope | None:
        """Of what has matched so far, and of what that has matched at the same time because ``**`` may be nothing."""
        reached: dict[_Place, None] = {}
        everything = False
        for number, start in places:
            parts, place = self._parts[number], start
            reached[number, place] = None
            while place < len(parts) and parts[place] == self._any:
                place += 1
                reached[number, place] = None
            if place == len(parts):
                self._found.add(number)
                everything = True
        if everything:
            return _EVERYTHING
        return Scope(False, tuple(reached)) if reached else None


def _compiled(part: bytes) -> re.Pattern[bytes] | None:
    """What a part with wildcards matches; None if it has none."""
    if part == _ANY or not _WILD.search(part):
        return None
    return re.compile(translate(part.decode("latin-1")).encode("latin-1"))
