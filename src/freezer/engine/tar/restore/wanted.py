"""Which member of which level a restore needs.

Levels are read newest first, each once. The newest one lists every directory; a name with ``Y`` is expected in the same
level, one with ``N`` in an older one. An older level is looked at under the names of its own time: its paths are
carried forward through the renames of every later level, and whatever they then say about a directory that the
newest level does not have, or about a name that is no longer waited for, is ignored. A name that a level does not
list cannot be in an older one either: it is *absent*. A name that its own level promised but does not hold is looked
for in older levels all the same: such an item is *stale*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from freezer.engine.tar.archive import lists
from freezer.engine.tar.archive.lists import Listing
from freezer.engine.tar.restore.bodies import Bodies
from freezer.engine.tar.restore.renames import Renames
from freezer.engine.tar.restore.waiting import LATER, MISSING, NOW, Run, Waiting
from freezer.model.failures import Failures
from freezer.model.items import ItemFailure
from freezer.spill.table import Table

_UNTOUCHED, _STARTED = b"0", b"1"  # whether an entry of the directory was met, behind the number of its level
_NOWHERE: tuple[bytes, bytes | None] = (b"\0", None)
_IN_NEWEST, _IN_OLDER = frozenset({NOW}), frozenset({NOW, LATER})


class AtHand(NamedTuple):
    """Names that may be taken out of ``run``, before anything else happens, if they are waited for in one of the ways
    ``ready``; ``parent`` is their directory in the newest level."""

    parent: bytes
    run: Run
    ready: frozenset[int]


class Wanted:
    """The names that are still waited for, by directory, in paths of the newest level.

    ``failures`` gets what a level holds but no directory lists. ``absent`` and ``stale`` have only what is ``chosen``.
    """

    def __init__(self, failures: Failures, chosen: Callable[[bytes], bool]) -> None:
        self.absent = Failures()
        self.stale = Failures()
        self.is_tree = False
        self._failures = failures
        self._chosen = chosen
        self._waiting = Waiting()
        self._directories = Table()  # path → level that it was first met in (0 is the newest), and whether started
        self._expected = Table()
        self._renames = Renames()
        self._lists = Bodies()
        self._loose = Table()
        self._level = 0
        self._recent = _NOWHERE  # the directory whose entries are being read, in this level and in the newest

    def close(self) -> None:
        """Give memory and disk space back."""
        for kept in (self._waiting, self._directories, self._expected, self._lists, self._loose, self._renames):
            kept.close()

    def directory(self, path: bytes, body: Iterable[bytes]) -> bytes | None:
        """A directory entry of the level being read, with the pieces of its list; returns its path in the newest level
        if that has it now for the first time, otherwise None."""
        self.is_tree = True
        self._recent = _NOWHERE
        now = self._renames.forward(path)
        known = self._directories.get(now) if now is not None else None
        is_new = now is not None and known is None and (self._level == 0 or self._expected.pop(now) is not None)
        if now is None or not is_new:
            self._again(now, known, body)
            return None
        if self._level:
            self._is_stale(now)
        else:
            self._expected.pop(now)
        self._directories.put(now, self._mark(_UNTOUCHED))
        self._await(now, body)
        return now

    def met(self, path: bytes) -> bytes | None:
        """The path in the newest level of a directory of the level being read, if this level's lists of it (there may
        be two in a row) are the ones that count; otherwise None."""
        now = self._renames.forward(path)
        return now if now is not None and self._is_met(self._directories.get(now)) else None

    def _mark(self, started: bytes) -> bytes:
        return b"%d" % self._level + started

    def _is_met(self, known: bytes | None) -> bool:
        return known is not None and known[:-1] == b"%d" % self._level

    def _await(self, now: bytes, body: Iterable[bytes]) -> None:
        """Wait for what a list names."""
        self._waiting.expect(now, self._runs(now, body))

    def _runs(self, now: bytes, body: Iterable[bytes]) -> Iterator[Run]:
        base = now + b"/" if now else b""
        has_renames = self._renames.started
        for listing in lists.parts(body):
            if not has_renames:
                self._rename(listing.renames)
            for name in listing.directories:
                self._expected.put(base + name, b"")
            yield _run(listing)

    def _again(self, now: bytes | None, known: bytes | None, body: Iterable[bytes]) -> None:
        """A list that is of no directory of the newest level, or of one that is known already: from a newer level, or
        from an entry before this one in the same level."""
        if now is not None and known == self._mark(_UNTOUCHED):
            # Two entries in a row: the first only made GNU tar unlink what the second lists.
            self._waiting.drop(now)
            self._await(now, body)
            return
        has_renames = self._renames.started
        for listing in lists.parts(body):
            if not has_renames:
                self._rename(listing.renames)
        if now is not None and known is not None and not self._is_met(known):
            self._lists.put(now, body)

    def _rename(self, steps: list[tuple[bytes, bytes]]) -> None:
        for source, target in steps:
            self._renames.add(source, target)

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
            self._is_stale(now)
        return now

    def at_hand(self, directory: bytes, name: bytes) -> AtHand | None:
        """Entries of ``directory`` of the level being read follow, ``name`` first. None unless some of them can be
        taken one after the other."""
        if not self.is_tree:
            return None
        recent, parent = self._recent
        if directory != recent:
            parent = self._enter(directory)
        run = self._waiting.at_hand(parent, name) if parent is not None else None
        return AtHand(parent, run, _IN_OLDER if self._level else _IN_NEWEST) if parent is not None and run else None

    def _enter(self, directory: bytes) -> bytes | None:
        """Another directory's entries follow; returns its path in the newest level if that has it."""
        parent = self._renames.forward(directory)
        known = self._directories.get(parent) if parent is not None else None
        if parent is not None and self._is_met(known):
            self._directories.put(parent, self._mark(_STARTED))
        self._recent = directory, parent
        return parent

    def _unlisted(self, path: bytes) -> None:
        """In the newest level every entry must be in a list, and only once."""
        if not self._level:
            self._failures.append(ItemFailure.of(path, "the archive holds it although no directory lists it"))

    def _take_loose(self, path: bytes) -> bytes | None:
        """Archives of single files have no lists: the newest level that holds one wins."""
        if self._loose.get(path) is not None:
            return None
        self._loose.put(path, b"")
        return path

    def end_level(self) -> bool:
        """The level is read; returns whether anything is left that an older one may hold."""
        waiting, self._waiting = self._waiting, Waiting()
        for directory, runs in waiting.directories():
            is_met = self._is_met(self._directories.get(directory))
            self._waiting.expect(directory, map(_missed, runs) if is_met else self._left(directory, runs))
        waiting.close()
        self._renames.end_level()
        self._lists.close()
        self._level += 1
        self._recent = _NOWHERE
        return bool(self._expected) or not self.is_tree or bool(self._waiting)

    def _left(self, directory: bytes, runs: Iterable[Run]) -> Iterator[Run]:
        """What a level that is not the directory's first leaves of ``runs`` to wait for."""
        listed = Waiting()
        for body in self._lists.get(directory)[-1:]:
            listed.expect(directory, map(_run, lists.parts(body)))
        some: Run = {}
        for run in runs:
            left: Run = {}
            for name, state in run.items():
                letter = some.get(name)
                if letter is None:
                    some = listed.at_hand(directory, name) or some
                    letter = some.get(name)
                if letter is None:
                    self._is_absent(directory + b"/" + name if directory else name)
                else:
                    left[name] = MISSING if letter == NOW else state
            yield left
        listed.close()

    def end(self) -> None:
        """All levels are read: what was promised and not found is absent.

        Names that every level down to the oldest calls unchanged were never meant to be stored (mount points; with GNU
        tar also excluded files).
        """
        for directory, runs in self._waiting.directories():
            base = directory + b"/" if directory else b""
            for run in runs:
                for name, state in run.items():
                    if state != LATER:
                        self._is_absent(base + name)
        for path, _ in self._expected.items():
            self._is_absent(path)

    def _is_stale(self, path: bytes) -> None:
        if self._chosen(path):
            self.stale.append(ItemFailure.of(path, "the chosen level lacks it; this is the version of an older one"))

    def _is_absent(self, path: bytes) -> None:
        if self._chosen(path):
            self.absent.append(ItemFailure.of(path, "listed, but no level holds it"))


def _run(listing: Listing) -> Run:
    run = dict.fromkeys(listing.unchanged, LATER)
    run.update(dict.fromkeys(listing.stored, NOW))
    return run


def _missed(run: Run) -> Run:
    """What the level that ``run`` was first read from leaves to wait for."""
    if NOW not in run.values():
        return run
    return {name: MISSING if state == NOW else state for name, state in run.items()}
