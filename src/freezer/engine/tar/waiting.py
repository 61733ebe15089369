"""The names a restore waits for, by directory; in memory while they are few, else in an unlinked temporary file.

An archive of ours holds each directory's files behind its list, so that few wait at any time; one of GNU tar holds all
lists first, and an increment leaves all unchanged names to older levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from freezer.tree.table import Table

NOW, LATER, MISSING = 1, 2, 3
"""Expected in the level being read; in an older one; looked for although a level that promised it did not hold it."""

IN_MEMORY = 150_000
"""Names that are kept in memory, about 16 MB."""

_VALUES = {state: bytes((state,)) for state in (NOW, LATER, MISSING)}


class Waiting:
    """(directory, name) → :data:`NOW`, :data:`LATER` or :data:`MISSING`."""

    def __init__(self) -> None:
        self._near: dict[bytes, dict[bytes, int]] = {}
        self._near_count = 0
        self._far = Table()
        self._spilled = False

    def __bool__(self) -> bool:
        return any(self._near.values()) or bool(self._far)

    def add(self, directory: bytes, names: Iterable[bytes], state: int) -> None:
        """Wait for ``names``."""
        near = self._near.setdefault(directory, {})
        before = len(near)
        near.update(dict.fromkeys(names, state))
        self._near_count += len(near) - before
        if self._near_count > IN_MEMORY:
            self._spill()

    def take(self, directory: bytes, name: bytes, *, newest: bool) -> int | None:
        """How ``name`` was waited for, which is over now; None if it was not. In the newest level nothing is taken that
        an older one shall have."""
        near = self._near.get(directory)
        if near is not None and (state := near.get(name)) is not None:
            if state == LATER and newest:
                return None
            del near[name]
            self._near_count -= 1
            if not near:
                del self._near[directory]
            return state
        if self._spilled:
            key = directory + b"\0" + name
            value = self._far.get(key)
            if value is not None and not (value[0] == LATER and newest):
                self._far.pop(key)
                return value[0]
        return None

    def at_hand(self, directory: bytes) -> dict[bytes, int] | None:
        """The names of ``directory`` that are in memory, with how they are waited for. Whoever takes some out calls
        :meth:`taken` before anything else."""
        return self._near.get(directory)

    def taken(self, directory: bytes, count: int) -> None:
        """``count`` names were taken out of what :meth:`at_hand` returned."""
        self._near_count -= count
        if not self._near[directory]:
            del self._near[directory]

    def drop(self, directory: bytes) -> None:
        """Wait for nothing in ``directory`` any more."""
        self._near_count -= len(self._near.pop(directory, ()))
        if self._spilled:
            self._far.drop(directory + b"\0")

    def directories(self) -> Iterator[tuple[bytes, Iterator[tuple[bytes, int]]]]:
        """Every directory with its names; nothing may change meanwhile."""
        if not self._spilled:
            for directory, names in self._near.items():
                yield directory, iter(names.items())
            return
        self._spill()
        for directory, entries in groupby(self._far.items(), lambda entry: entry[0].rpartition(b"\0")[0]):
            yield directory, ((key.rpartition(b"\0")[2], value[0]) for key, value in entries)

    def close(self) -> None:
        """Give memory and disk space back."""
        self._near.clear()
        self._far.close()
        self._near_count, self._spilled = 0, False

    def _spill(self) -> None:
        for directory, names in self._near.items():
            for name, state in names.items():
                self._far.put(directory + b"\0" + name, _VALUES[state])
        self._near.clear()
        self._near_count, self._spilled = 0, True
