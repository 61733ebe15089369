"""Which member of which level a restore needs.

Levels are read newest first, each once. The newest one lists every directory; a name with ``Y`` is expected in the same
level, one with ``N`` in an older one. An older level is looked at under the names of its own time: its paths are
carried forward through the renames of every later level, and whatever they then say about a directory that the
newest level does not have, or about a name that is no longer waited for, is ignored. A name that a level does not
list cannot be in an older one either: it is *absent*. A name that its own level promised but does not hold is looked
for in older levels all the same: such an item is *stale*.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from freezer.engine.tar import lists
from freezer.engine.tar.lists import Listing, Renames


@dataclass(slots=True)
class _Directory:
    """Names of one directory: expected in the level being read, in an older one, or looked for although promised."""

    now: set[bytes] = field(default_factory=set)
    later: set[bytes] = field(default_factory=set)
    missing: set[bytes] = field(default_factory=set)
    started: bool = False

    def waiting(self) -> bool:
        return bool(self.now or self.later or self.missing)


class Wanted:
    """The names that are still waited for, by directory, in paths of the newest level."""

    def __init__(self) -> None:
        self.absent: list[bytes] = []
        self.stale: list[bytes] = []
        self.unlisted: list[bytes] = []
        self.is_tree = False
        self._directories: dict[bytes, _Directory] = {}
        self._expected: set[bytes] = set()
        self._chain: list[Renames] = []
        self._level_renames: list[tuple[bytes, bytes]] = []
        self._lists: dict[bytes, bytes] = {}
        self._met: set[bytes] = set()
        self._loose: set[bytes] = set()
        self._newest = True

    def forward(self, path: bytes) -> bytes | None:
        """Where ``path`` of the level being read is in the newest level; None if it is not there any more."""
        directory, _, name = path.rpartition(b"/")
        moved = self._forward_directory(directory)
        if moved is None:
            return None
        return moved + b"/" + name if moved else name

    def _forward_directory(self, directory: bytes) -> bytes | None:
        moved: bytes | None = directory
        for renames in reversed(self._chain):
            if moved is None:
                return None
            moved = renames.forward(moved)
        return moved

    def directory(self, path: bytes, listing: Listing, body: bytes) -> bytes | None:
        """A directory entry of the level being read; returns its path in the newest level if that has it now for the
        first time, otherwise None."""
        self.is_tree = True
        if listing.renames and not self._level_renames:
            self._level_renames = listing.renames
        now = self._forward_directory(path)
        if now is None:
            return None
        if now in self._directories:
            self._again(now, listing, body)
            return None
        if not self._newest:
            if now not in self._expected:
                return None
            self.stale.append(now)
        self._expected.discard(now)
        self._directories[now] = _Directory(set(listing.stored), set(listing.unchanged))
        self._expected.update(now + b"/" + name if now else name for name in listing.directories)
        self._met.add(now)
        return now

    def _again(self, now: bytes, listing: Listing, body: bytes) -> None:
        """The directory is known already: from a newer level, or from an entry before this one in the same level."""
        directory = self._directories[now]
        if now not in self._met:
            if directory.waiting():
                self._lists[now] = body
        elif not directory.started:
            # Two entries in a row: the first only made GNU tar unlink what the second lists.
            directory.now, directory.later = set(listing.stored), set(listing.unchanged)

    def take(self, path: bytes) -> bytes | None:
        """A non-directory of the level being read: its path in the newest level if it is wanted now, otherwise None."""
        if not self.is_tree:
            return self._take_loose(path)
        now = self.forward(path)
        if now is None:
            return None
        parent, _, name = now.rpartition(b"/")
        directory = self._directories.get(parent)
        if directory is None:
            self._unlisted(now)
            return None
        directory.started = True
        if name in directory.now:
            directory.now.remove(name)
        elif name in directory.later and not self._newest:
            directory.later.remove(name)
        elif name in directory.missing:
            directory.missing.remove(name)
            self.stale.append(now)
        else:
            self._unlisted(now)
            return None
        return now

    def _unlisted(self, path: bytes) -> None:
        """In the newest level every entry must be in a list, and only once."""
        if self._newest:
            self.unlisted.append(path)

    def _take_loose(self, path: bytes) -> bytes | None:
        """Archives of single files have no lists: the newest level that holds one wins."""
        if path in self._loose:
            return None
        self._loose.add(path)
        return path

    def end_level(self) -> bool:
        """The level is read; returns whether anything is left that an older one may hold."""
        for path, directory in self._directories.items():
            if directory.waiting():
                self._close(path, directory)
        self._chain.append(Renames(self._level_renames))
        self._level_renames = []
        self._lists.clear()
        self._met.clear()
        self._newest = False
        return bool(self._expected) or not self.is_tree or any(d.waiting() for d in self._directories.values())

    def _close(self, path: bytes, directory: _Directory) -> None:
        if path in self._met:
            directory.missing |= directory.now
            directory.now = set()
            return
        body = self._lists.get(path)
        listing = lists.parse(body) if body is not None else Listing()
        stored, listed = set(listing.stored), {*listing.stored, *listing.unchanged}
        gone = (directory.later | directory.missing) - listed
        self.absent += [path + b"/" + name if path else name for name in gone]
        directory.missing = (directory.missing & listed) | (directory.later & stored)
        directory.later = (directory.later & listed) - stored

    def end(self) -> None:
        """All levels are read: what was promised and not found is absent.

        Names that every level down to the oldest calls unchanged were never meant to be stored (mount points; with GNU
        tar also excluded files).
        """
        for path, directory in self._directories.items():
            for name in directory.now | directory.missing:
                self.absent.append(path + b"/" + name if path else name)
        self.absent += self._expected
