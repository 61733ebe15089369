"""Which member of which level a restore needs.

Levels are read newest first, each once. The newest one lists every directory; a name with ``Y`` is expected in the same
level, one with ``N`` in an older one. An older level is looked at under the names of its own time: its paths are
carried forward through the renames of every later level, and whatever they then say about a directory that the
newest level does not have, or about a name that is no longer waited for, is ignored. A name that a level does not
list cannot be in an older one either: it is *absent*. A name that its own level promised but does not hold is looked
for in older levels all the same: such an item is *stale*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from freezer.engine.tar import lists
from freezer.engine.tar.bodies import Bodies
from freezer.engine.tar.lists import Renames
from freezer.engine.tar.waiting import LATER, MISSING, NOW, Waiting
from freezer.errors import DamagedError
from freezer.tree.table import Table

_UNTOUCHED, _STARTED = b"0", b"1"  # whether an entry of the directory was met, behind the number of its level
_NOWHERE: tuple[bytes, bytes | None] = (b"\0", None)
_AT_ONCE = 10_000


class Wanted:
    """The names that are still waited for, by directory, in paths of the newest level."""

    def __init__(self) -> None:
        self.absent: list[bytes] = []
        self.stale: list[bytes] = []
        self.unlisted: list[bytes] = []
        self.is_tree = False
        self._waiting = Waiting()
        self._directories = Table()  # path → level that it was first met in (0 is the newest), and whether started
        self._expected = Table()
        self._chain: list[Renames] = []
        self._level_renames: list[tuple[bytes, bytes]] = []
        self._lists = Bodies()
        self._loose = Table()
        self._level = 0
        self._recent = _NOWHERE  # the directory whose entries are being read, in this level and in the newest

    def close(self) -> None:
        """Give memory and disk space back."""
        for kept in (self._waiting, self._directories, self._expected, self._lists, self._loose):
            kept.close()

    def _forward_directory(self, directory: bytes) -> bytes | None:
        """Where ``directory`` of the level being read is in the newest level; None if it is not there any more."""
        moved: bytes | None = directory
        for renames in reversed(self._chain):
            if moved is None:
                return None
            moved = renames.forward(moved)
        return moved

    def directory(self, path: bytes, body: Iterable[bytes]) -> bytes | None:
        """A directory entry of the level being read, with the pieces of its list; returns its path in the newest level
        if that has it now for the first time, otherwise None."""
        self.is_tree = True
        self._recent = _NOWHERE
        now = self._forward_directory(path)
        known = self._directories.get(now) if now is not None else None
        is_new = now is not None and known is None and (self._level == 0 or self._expected.pop(now) is not None)
        if now is None or not is_new:
            self._again(now, known, body)
            return None
        if self._level:
            self.stale.append(now)
        else:
            self._expected.pop(now)
        self._directories.put(now, self._mark(_UNTOUCHED))
        self._await(now, body)
        return now

    def met(self, path: bytes) -> bytes | None:
        """The path in the newest level of a directory of the level being read, if this level's lists of it (there may
        be two in a row) are the ones that count; otherwise None."""
        now = self._forward_directory(path)
        return now if now is not None and self._is_met(self._directories.get(now)) else None

    def _mark(self, started: bytes) -> bytes:
        return b"%d" % self._level + started

    def _is_met(self, known: bytes | None) -> bool:
        return known is not None and known[:-1] == b"%d" % self._level

    def _await(self, now: bytes, body: Iterable[bytes]) -> None:
        """Wait for what a list names."""
        base = now + b"/" if now else b""
        has_renames = bool(self._level_renames)
        for listing in lists.parts(body):
            if not has_renames:
                self._rename(listing.renames)
            self._waiting.add(now, listing.unchanged, LATER)
            self._waiting.add(now, listing.stored, NOW)
            for name in listing.directories:
                self._expected.put(base + name, b"")

    def _again(self, now: bytes | None, known: bytes | None, body: Iterable[bytes]) -> None:
        """A list that is of no directory of the newest level, or of one that is known already: from a newer level, or
        from an entry before this one in the same level."""
        if now is not None and known == self._mark(_UNTOUCHED):
            # Two entries in a row: the first only made GNU tar unlink what the second lists.
            self._waiting.drop(now)
            self._await(now, body)
            return
        has_renames = bool(self._level_renames)
        for listing in lists.parts(body):
            if not has_renames:
                self._rename(listing.renames)
        if now is not None and known is not None and not self._is_met(known):
            self._lists.put(now, body)

    def _rename(self, steps: list[tuple[bytes, bytes]]) -> None:
        self._level_renames += steps
        if len(self._level_renames) > lists.MOST_STEPS:
            raise DamagedError("the archive is damaged: its renames never end")

    def take(self, path: bytes) -> bytes | None:
        """A non-directory of the level being read: its path in the newest level if it is wanted now, otherwise None."""
        if not self.is_tree:
            return self._take_loose(path)
        directory, _, name = path.rpartition(b"/")
        recent, parent = self._recent
        if directory != recent:
            parent = self._enter(directory)
        if parent is None:
            return None
        state = self._waiting.take(parent, name, newest=not self._level)
        now = path if parent == directory else parent + b"/" + name if parent else name
        if state is None:
            self._unlisted(now)
            return None
        if state == MISSING:
            self.stale.append(now)
        return now

    def at_hand(self, directory: bytes) -> tuple[bytes, dict[bytes, int]] | None:
        """Entries of ``directory`` of the level being read follow: its path in the newest level and the names to
        :meth:`take` there, as far as they are in memory. What is out of it instead is to be told to :meth:`taken`."""
        if not self.is_tree:
            return None
        recent, parent = self._recent
        if directory != recent:
            parent = self._enter(directory)
        names = self._waiting.at_hand(parent) if parent is not None else None
        return None if parent is None or names is None else (parent, names)

    def taken(self, parent: bytes, count: int) -> None:
        """``count`` names that were waited for :data:`NOW` were removed from what :meth:`at_hand` returned."""
        self._waiting.taken(parent, count)

    def _enter(self, directory: bytes) -> bytes | None:
        """Another directory's entries follow; returns its path in the newest level if that has it."""
        parent = self._forward_directory(directory)
        known = self._directories.get(parent) if parent is not None else None
        if parent is not None and self._is_met(known):
            self._directories.put(parent, self._mark(_STARTED))
        self._recent = directory, parent
        return parent

    def _unlisted(self, path: bytes) -> None:
        """In the newest level every entry must be in a list, and only once."""
        if not self._level:
            self.unlisted.append(path)

    def _take_loose(self, path: bytes) -> bytes | None:
        """Archives of single files have no lists: the newest level that holds one wins."""
        if self._loose.get(path) is not None:
            return None
        self._loose.put(path, b"")
        return path

    def end_level(self) -> bool:
        """The level is read; returns whether anything is left that an older one may hold."""
        waiting, self._waiting = self._waiting, Waiting()
        for directory, names in waiting.directories():
            if self._is_met(self._directories.get(directory)):
                self._keep(directory, ((name, MISSING if state == NOW else state) for name, state in names))
            else:
                self._close(directory, names)
        waiting.close()
        self._chain.append(Renames(self._level_renames))
        self._level_renames = []
        self._lists.close()
        self._level += 1
        self._recent = _NOWHERE
        return bool(self._expected) or not self.is_tree or bool(self._waiting)

    def _close(self, directory: bytes, names: Iterable[tuple[bytes, int]]) -> None:
        """What a level that is not the directory's first leaves to wait for."""
        listed = Table()
        for body in self._lists.get(directory)[-1:]:
            for listing in lists.parts(body):
                for name in listing.stored:
                    listed.put(name, b"Y")
                for name in listing.unchanged:
                    listed.put(name, listed.get(name) or b"N")

        def left() -> Iterator[tuple[bytes, int]]:
            for name, state in names:
                letter = listed.get(name)
                if letter is None:
                    self.absent.append(directory + b"/" + name if directory else name)
                else:
                    yield name, MISSING if letter == b"Y" else state

        self._keep(directory, left())
        listed.close()

    def _keep(self, directory: bytes, names: Iterator[tuple[bytes, int]]) -> None:
        while some := list(islice(names, _AT_ONCE)):
            for wanted in (LATER, MISSING):
                self._waiting.add(directory, [name for name, state in some if state == wanted], wanted)

    def end(self) -> None:
        """All levels are read: what was promised and not found is absent.

        Names that every level down to the oldest calls unchanged were never meant to be stored (mount points; with GNU
        tar also excluded files).
        """
        for directory, names in self._waiting.directories():
            self.absent += [directory + b"/" + name if directory else name for name, state in names if state != LATER]
        self.absent += [path for path, _ in self._expected.items()]
