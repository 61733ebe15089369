"""One walk over the source: what this level stores, what it only lists, and what moved.

The whole tree is looked at before the first byte is written, because renames stand at the very beginning of the
archive. Kept per directory are its own attributes and its list as packed bytes; of files nothing but their names,
and the nanoseconds of those that will be stored. The rules are GNU tar's (``incremen.c``): a file is stored when it
is new to its directory or its mtime or ctime is not before the time of the level before; a directory is known again
by name and inode, or, under another name, by device and inode.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from freezer.engine.contract import LISTED, Summary
from freezer.engine.tar.handles import Handles
from freezer.engine.tar.pax import SECOND
from freezer.engine.tar.snapshot import KnownDirectory, Snapshot
from freezer.model.items import ItemFailure, printable

_NONE_KNOWN: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class ScannedDirectory:
    """A directory as this level will store it.

    ``entries``: its list, ``{letter}{name}`` joined by NULs, sorted by name. ``fractions``: nanoseconds of the mtime
    of each ``Y`` name, in order. ``replaced``: whether a ``Y`` name stood in the level before, so that what is there
    when a restore reaches it may be a hard link or a symbolic link and must go first.
    """

    path: bytes
    status: os.stat_result
    entries: bytes = b""
    fractions: list[int] = field(default_factory=list)
    replaced: bool = False


@dataclass(slots=True)
class Scan:
    """The result: directories, each before those in it, and the renames since the level before, in order."""

    directories: list[ScannedDirectory] = field(default_factory=list)
    renames: list[tuple[bytes, bytes]] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)


def scan_tree(
    handles: Handles,
    base: Snapshot | None,
    *,
    excluded: Callable[[bytes], bool] | None = None,
    follow_links: bool = False,
    tick: Callable[[int, bytes], None] | None = None,
) -> Scan:
    """Walk everything below ``handles.root`` on its file system.

    ``excluded`` is asked with paths from the root; ``tick`` is told how many more entries were seen, and where.
    """
    return _Walk(handles, base, excluded, follow_links, tick).run()


class _Walk:
    def __init__(
        self,
        handles: Handles,
        base: Snapshot | None,
        excluded: Callable[[bytes], bool] | None,
        follow_links: bool,
        tick: Callable[[int, bytes], None] | None,
    ) -> None:
        self.handles = handles
        self.base = base
        self.excluded = excluded
        self.follow_links = follow_links
        self.tick = tick
        self.scan = Scan()
        self.summary = self.scan.summary
        self.moves = _Moves(base) if base else None
        self.device = os.stat(handles.root).st_dev
        self.stored_links: set[tuple[int, int]] = set()
        self.unchanged_links: dict[tuple[int, int], list[tuple[ScannedDirectory, bytes, os.stat_result]]] = {}

    def run(self) -> Scan:
        root = os.stat(self.handles.root)
        # Children wait on the stack in reverse, so directories come out in order, each before its own.
        stack = [(b"", root)]
        ancestors: dict[bytes, tuple[int, int]] = {}
        while stack:
            path, status = stack.pop()
            if self.follow_links and self._is_loop(path, status, ancestors):
                self._fail(path, "a symbolic link leads back to a directory above it")
                continue
            children = self._directory(path, status)
            stack.extend((path + b"/" + name if path else name, child) for name, child in reversed(children))
        for identity in self.stored_links & self.unchanged_links.keys():
            for directory, name, status in self.unchanged_links[identity]:
                self._store_too(directory, name, status)
        if self.moves:
            self.scan.renames = self.moves.steps
        return self.scan

    def _store_too(self, directory: ScannedDirectory, name: bytes, status: os.stat_result) -> None:
        """Store an unchanged name of a file that has another name which is stored: only names in one archive are linked
        again. (That happens to unchanged files in directories that are stored anew.)"""
        entries = directory.entries.split(b"\0")
        place = entries.index(b"N" + name)
        entries[place] = b"Y" + name
        directory.entries = b"\0".join(entries)
        before = sum(entry[:1] == b"Y" for entry in entries[:place])
        directory.fractions.insert(before, status.st_mtime_ns % SECOND)
        directory.replaced = True
        self.summary.stored_items += 1

    @staticmethod
    def _is_loop(path: bytes, status: os.stat_result, ancestors: dict[bytes, tuple[int, int]]) -> bool:
        identity = (status.st_dev, status.st_ino)
        above = path
        while above:
            above = above.rpartition(b"/")[0]
            if ancestors.get(above) == identity:
                return True
        ancestors[path] = identity
        return False

    def _directory(self, path: bytes, status: os.stat_result) -> list[tuple[bytes, os.stat_result]]:
        """Scan one directory; returns its subdirectories by name."""
        try:
            descriptor = self.handles.directory(path)
            names = os.listdir(descriptor)
        except OSError as error:
            self._fail(path, error)
            return []
        known, since = self._before(path, status)
        result = ScannedDirectory(path, status)
        children: list[tuple[bytes, os.stat_result]] = []
        entries: list[bytes] = []
        for text in sorted(map(os.fsencode, names)):
            letter, child = self._entry(result, descriptor, text, known, since)
            if letter:
                entries.append(letter + text)
            if child is not None:
                children.append((text, child))
        result.entries = b"\0".join(entries)
        self.scan.directories.append(result)
        self.summary.directories += 1
        if self.tick:
            self.tick(len(names), path)
        return children

    def _before(self, path: bytes, status: os.stat_result) -> tuple[set[bytes] | frozenset[bytes], int]:
        """The names the level before lists for this directory, and the time before which a file is unchanged."""
        if self.base is None or self.moves is None:
            return _NONE_KNOWN, 0
        known = self.moves.meet(path, status)
        return (known.names() if known else _NONE_KNOWN), self.base.time_ns

    def _entry(
        self,
        directory: ScannedDirectory,
        descriptor: int,
        name: bytes,
        known: set[bytes] | frozenset[bytes],
        since: int,
    ) -> tuple[bytes, os.stat_result | None]:
        """Letter of one name (none if it is left out), and its status if it is a directory to walk into."""
        if self.excluded is not None and self.excluded(directory.path + b"/" + name if directory.path else name):
            self._note(self.summary.excluded, directory.path, name)
            self.summary.excluded_count += 1
            return b"", None
        try:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=self.follow_links)
        except OSError as error:
            broken = self._broken_link(name, descriptor) if self.follow_links else None
            if broken is None:
                self._fail(directory.path + b"/" + name if directory.path else name, error)
                return b"", None
            status = broken
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            if status.st_dev != self.device:
                self._note(self.summary.mount_points, directory.path, name)
                return b"N", None
            return b"D", status
        if kind == stat.S_IFSOCK:
            self.summary.sockets += 1
            return b"", None
        self._count(kind, status, directory.path, name, descriptor)
        listed = name in known
        unchanged = listed and status.st_mtime_ns < since and status.st_ctime_ns < since
        if status.st_nlink > 1:
            identity = (status.st_dev, status.st_ino)
            if unchanged:
                self.unchanged_links.setdefault(identity, []).append((directory, name, status))
            else:
                self.stored_links.add(identity)
        if unchanged:
            return b"N", None
        directory.fractions.append(status.st_mtime_ns % SECOND)
        directory.replaced |= listed
        self.summary.stored_items += 1
        if kind == stat.S_IFREG:
            self.summary.stored_bytes += status.st_size
        return b"Y", None

    def _count(self, kind: int, status: os.stat_result, path: bytes, name: bytes, descriptor: int) -> None:
        if kind == stat.S_IFREG:
            self.summary.files += 1
            self.summary.bytes += status.st_size
        elif kind == stat.S_IFLNK:
            self.summary.links += 1
            if not _leads_somewhere(name, descriptor):
                self.summary.broken_link_count += 1
                self._note(self.summary.broken_links, path, name)
        else:
            self.summary.others += 1

    @staticmethod
    def _broken_link(name: bytes, descriptor: int) -> os.stat_result | None:
        try:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except OSError:
            return None
        return status if stat.S_ISLNK(status.st_mode) else None

    def _fail(self, path: bytes, reason: OSError | str) -> None:
        self.summary.failures.append(ItemFailure.of(path or b".", reason))

    @staticmethod
    def _note(notes: list[str], path: bytes, name: bytes) -> None:
        if len(notes) < LISTED:
            notes.append(printable(path + b"/" + name if path else name))


def _leads_somewhere(name: bytes, descriptor: int) -> bool:
    try:
        os.stat(name, dir_fd=descriptor)
    except OSError:
        return False
    return True


class _Moves:
    """Recognises directories of the level before, under their old or a new name.

    A directory found under a new name becomes a rename only when nothing of the level before stands, or may later be
    moved away, where it goes: its parent is a known directory whose list did not have the name, or is new in a new
    place. Everything else (swaps, a directory in the place of a deleted one, whatever lies in a replaced directory) is
    stored again: GNU tar would fail there on restore, or carry the wrong files along.
    """

    def __init__(self, base: Snapshot) -> None:
        self.base = base
        self.steps: list[tuple[bytes, bytes]] = []
        self._by_inode = {(known.device, known.inode): known for known in base.directories.values()}
        self._known: dict[bytes, KnownDirectory] = {}
        self._fresh: set[bytes] = set()
        self._taken: set[bytes] = set()
        self._gone: set[bytes] = set()

    def meet(self, path: bytes, status: os.stat_result) -> KnownDirectory | None:
        """The directory of the level before with whose list that of ``path`` is to be compared, if there is one."""
        if not path:
            here = self.base.directories.get(b"")
            return self._take(path, here) if here is not None and here.inode == status.st_ino else None
        parent, _, name = path.rpartition(b"/")
        above = self._known.get(parent)
        if above is None and parent not in self._fresh:
            return None
        if above is not None:
            before = above.path + b"/" + name if above.path else name
            if before not in self._gone:
                here = self.base.directories.get(before)
                if here is not None and here.inode == status.st_ino:
                    return self._take(path, here)
                if name in above.names():
                    return None
        moved = self._by_inode.get((status.st_dev, status.st_ino))
        if moved is None or not moved.path or moved.path in self._taken or path.startswith(moved.path + b"/"):
            self._fresh.add(path)
            return None
        self.steps.append((self._now(moved.path), path))
        self._gone.add(moved.path)
        return self._take(path, moved)

    def _take(self, path: bytes, known: KnownDirectory) -> KnownDirectory:
        self._known[path] = known
        self._taken.add(known.path)
        return known

    def _now(self, path: bytes) -> bytes:
        """Where a directory of the level before is after the renames so far."""
        for source, target in self.steps:
            if path == source or path.startswith(source + b"/"):
                path = target + path[len(source) :]
        return path
