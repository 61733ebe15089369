"""Which directories of the level before are still there, under their old or a new name.

A directory found under a new name becomes a rename only when nothing of the level before stands, or may later be moved
away, where it goes: its parent is a known directory whose list did not have the name, or is new in a new place.
Everything else (swaps, a directory in the place of a deleted one, whatever lies in a replaced directory) is stored
again: GNU tar would fail there on restore, or carry the wrong files along. So is what was moved after
:data:`MOST_MOVES` others: renames are kept in memory, and a restore refuses archives with too many.
"""

from __future__ import annotations

import msgspec

from freezer.engine.tar.archive.snapshot import KnownDirectory, Snapshot

MOST_MOVES = 100_000
"""Renames of one level."""


class Met(msgspec.Struct, frozen=True):
    """A directory of the source, as far as the level before is concerned.

    ``known``: what it was then, with whose list it is to be compared. ``fresh``: it is new, in a place that was free.
    """

    known: KnownDirectory | None = None
    fresh: bool = False


class Moves:
    """The renames since the level before, found while the source is walked, each directory before those in it."""

    def __init__(self, base: Snapshot) -> None:
        self.steps: list[tuple[bytes, bytes]] = []
        self._base = base
        self._taken = bytearray(len(base))
        self._moved: dict[bytes, bytes] = {}  # paths of the level before → where these directories are for good

    def root(self, inode: int) -> Met:
        """The root, with its inode."""
        number = self._base.find(b"")
        if number is None or self._base[number].inode != inode:
            return Met()
        return self._take(number)

    def meet(self, path: bytes, above: Met, device: int, inode: int) -> Met:
        """The directory ``path`` with its device and inode; ``above`` is its parent."""
        if above.known is None and not above.fresh:
            return Met()
        if above.known is not None:
            name = path.rpartition(b"/")[2]
            before = above.known.path + b"/" + name if above.known.path else name
            if before not in self._moved:
                number = self._base.find(before)
                if number is not None and self._base[number].inode == inode:
                    return self._take(number)
                if above.known.lists(name):
                    return Met()
        if len(self.steps) >= MOST_MOVES:
            return Met(fresh=True)
        number = self._base.find_inode(device, inode)
        if number is None or self._taken[number]:
            return Met(fresh=True)
        moved = self._base[number]
        if not moved.path or path.startswith(moved.path + b"/"):
            return Met(fresh=True)
        self.steps.append((self._now(moved.path), path))
        self._moved[moved.path] = path
        return self._take(number)

    def _take(self, number: int) -> Met:
        self._taken[number] = True
        return Met(self._base[number])

    def _now(self, path: bytes) -> bytes:
        """Where a directory of the level before, not moved itself, is after the renames so far.

        It came along with the nearest one above it that was moved. That stays where it went: whatever is above it there
        was looked at before, and is moved no more.
        """
        above = path
        while above and above not in self._moved:
            above = above.rpartition(b"/")[0]
        return self._moved[above] + path[len(above) :] if above else path
