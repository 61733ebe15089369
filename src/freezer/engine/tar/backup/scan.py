"""One walk over the source: what this level stores, what it only lists, and what moved.

The whole tree is looked at before the first byte is written, because renames stand at the very beginning of the
archive. The rules are GNU tar's (``incremen.c``): a file is stored when it is new to its directory or its mtime or
ctime is not before the time of the level before; a directory is known again by name and inode, or, under another name,
by device and inode.

Directories come in the order of their paths' bytes, in which the snapshot file lists them, too. Of those that are
still to be looked at only the names are kept, of everything else nothing.
"""

from __future__ import annotations

import heapq
import os
import stat
from array import array
from collections.abc import Callable, Iterator

import msgspec

from freezer.engine.contract import LISTED
from freezer.engine.tar.archive.pax import SECOND
from freezer.engine.tar.archive.snapshot import Snapshot
from freezer.engine.tar.backup.moves import Met, Moves
from freezer.engine.tar.backup.scanned import SPECIAL, Directory, Scan, note_linked
from freezer.model.items import ItemFailure, printable
from freezer.tree.handles import Handles

_NONE_KNOWN: frozenset[bytes] = frozenset()
_NOTHING_BEFORE = Met()


class _Place(msgspec.Struct, frozen=True):
    """A directory that was looked at, for those in it."""

    path: bytes
    identity: tuple[int, int]
    met: Met
    above: _Place | None

    def below(self, name: bytes) -> bytes:
        """The path of a name in it."""
        return self.path + b"/" + name if self.path else name


class _Found(msgspec.Struct):
    """The list of a directory, growing; ``known``: the names that it had in the level before."""

    known: set[bytes] | frozenset[bytes]
    entries: list[bytes] = msgspec.field(default_factory=list)
    marks: array[int] = msgspec.field(default_factory=lambda: array("I"))
    linked: bytearray = msgspec.field(default_factory=bytearray)
    children: list[bytes] = msgspec.field(default_factory=list)
    replaced: bool = False


def scan_tree(
    scan: Scan,
    handles: Handles,
    base: Snapshot | None,
    *,
    excluded: Callable[[bytes], bool] | None = None,
    follow_links: bool = False,
    tick: Callable[[int, bytes], None] | None = None,
) -> None:
    """Walk everything below ``handles.root`` on its file system, and put what is found into ``scan``.

    ``excluded`` is asked with paths from the root; ``tick`` is told how many more entries were seen, and where.
    """
    _Walk(scan, handles, base, excluded, follow_links, tick).run()


class _Walk:
    def __init__(
        self,
        scan: Scan,
        handles: Handles,
        base: Snapshot | None,
        excluded: Callable[[bytes], bool] | None,
        follow_links: bool,
        tick: Callable[[int, bytes], None] | None,
    ) -> None:
        self.scan = scan
        self.handles = handles
        self.excluded = excluded
        self.follow_links = follow_links
        self.tick = tick
        self.summary = scan.summary
        # What did not change after this is unchanged, if it was there.
        self.since = base.time_ns if base is not None else 0
        self.moves = Moves(base) if base is not None else None
        self.device = handles.status.st_dev
        self.any_linked = False

    def run(self) -> None:
        # A directory sorts before everything in it, so the smallest path is always the next one. Of the directories
        # in one directory only the next one is in the heap.
        heap: list[tuple[bytes, Iterator[bytes], _Place]] = []
        self._enter(heap, b"", None)
        while heap:
            path, others, above = heap[0]
            following = next(others, None)
            if following is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (above.below(following), others, above))
            self._enter(heap, path, above)
        if self.moves is not None:
            self.scan.renames = self.moves.steps
        if self.any_linked and self.scan.stored_links:
            # Some unchanged names may have to be stored because another name of the same file is.
            self.summary.stored_items = sum(len(directory.marks) // 4 for directory in self.scan.directories())

    def _enter(self, heap: list[tuple[bytes, Iterator[bytes], _Place]], path: bytes, above: _Place | None) -> None:
        """Look at one directory, and put those in it into the heap."""
        try:
            descriptor = self.handles.directory(path)
            status = os.fstat(descriptor)
            names = _names(descriptor)
        except OSError as error:
            self._fail(path, error)
            return
        identity = (status.st_dev, status.st_ino)
        if self.follow_links and _is_loop(identity, above):
            self._fail(path, "a symbolic link leads back to a directory above it")
            return
        place = _Place(path, identity, self._meet(path, identity, above), above)
        children = self._directory(place, status, descriptor, names)
        if self.tick:
            self.tick(len(names), path)
        if children:
            others = _each(b"\0".join(children))
            heapq.heappush(heap, (place.below(next(others)), others, place))

    def _meet(self, path: bytes, identity: tuple[int, int], above: _Place | None) -> Met:
        if self.moves is None:
            return _NOTHING_BEFORE
        if above is None:
            return self.moves.root(identity[1])
        return self.moves.meet(path, above.met, *identity)

    def _directory(self, place: _Place, status: os.stat_result, descriptor: int, names: list[bytes]) -> list[bytes]:
        """Scan one directory; returns its subdirectories."""
        found = _Found(place.met.known.names() if place.met.known is not None else _NONE_KNOWN)
        summary, excluded, look, follow = self.summary, self.excluded, os.stat, self.follow_links
        for name in names:
            if excluded is not None and excluded(place.below(name)):
                self._note(summary.excluded, place.below(name))
                summary.excluded_count += 1
                continue
            try:
                item = look(name, dir_fd=descriptor, follow_symlinks=follow)
            except OSError as error:
                broken = _broken_link(name, descriptor) if follow else None
                if broken is None:
                    self._fail(place.below(name), error)
                    continue
                item = broken
            kind = item.st_mode & 0o170000
            if kind == stat.S_IFREG:
                summary.files += 1
                summary.bytes += item.st_size
                if self._is_stored(found, name, item, 0):
                    summary.stored_bytes += item.st_size
            elif kind == stat.S_IFDIR:
                self._subdirectory(found, place, name, item)
            elif kind == stat.S_IFSOCK:
                summary.sockets += 1
            else:
                self._count_special(kind, place, name, descriptor)
                self._is_stored(found, name, item, SPECIAL)
        self._add(place, status, found)
        return found.children

    def _is_stored(self, found: _Found, name: bytes, item: os.stat_result, special: int) -> bool:
        """Enter a name that is no directory; whether this level stores it."""
        mtime_ns = item.st_mtime_ns
        mark = mtime_ns % SECOND + special
        if name in found.known:
            if mtime_ns < self.since and item.st_ctime_ns < self.since:
                if item.st_nlink > 1:
                    found.linked += note_linked(len(found.entries), mark, item.st_dev, item.st_ino)
                found.entries.append(b"N" + name)
                return False
            found.replaced = True
        if item.st_nlink > 1 and self.moves is not None:
            self.scan.stored_links.put(item.st_dev, item.st_ino, b"")
        found.entries.append(b"Y" + name)
        found.marks.append(mark)
        self.summary.stored_items += 1
        return True

    def _subdirectory(self, found: _Found, place: _Place, name: bytes, item: os.stat_result) -> None:
        if item.st_dev == self.device:
            found.entries.append(b"D" + name)
            found.children.append(name)
        else:
            found.entries.append(b"N" + name)
            self._note(self.summary.mount_points, place.below(name))

    def _count_special(self, kind: int, place: _Place, name: bytes, descriptor: int) -> None:
        """Count what is neither regular file nor directory."""
        if kind != stat.S_IFLNK:
            self.summary.others += 1
            return
        self.summary.links += 1
        if not _leads_somewhere(name, descriptor):
            self.summary.broken_link_count += 1
            self._note(self.summary.broken_links, place.below(name))

    def _add(self, place: _Place, status: os.stat_result, found: _Found) -> None:
        self.summary.directories += 1
        self.any_linked |= bool(found.linked)
        self.scan.add(
            Directory(
                path=place.path,
                device=status.st_dev,
                inode=status.st_ino,
                mode=status.st_mode,
                uid=status.st_uid,
                gid=status.st_gid,
                mtime_ns=status.st_mtime_ns,
                atime=status.st_atime_ns // SECOND,
                ctime=status.st_ctime_ns // SECOND,
                entries=b"\0".join(found.entries),
                marks=found.marks.tobytes(),
                replaced=found.replaced,
                linked=bytes(found.linked),
            )
        )

    def _fail(self, path: bytes, reason: OSError | str) -> None:
        self.summary.failures.append(ItemFailure.of(path, reason))

    @staticmethod
    def _note(notes: list[str], path: bytes) -> None:
        if len(notes) < LISTED:
            notes.append(printable(path))


def _names(descriptor: int) -> list[bytes]:
    """The sorted names in an open directory; encoded all at once."""
    names = os.listdir(descriptor)
    return sorted(os.fsencode("\0".join(names)).split(b"\0")) if names else []


def _each(names: bytes) -> Iterator[bytes]:
    """The parts of ``names`` between NULs, one by one: a million of them need no million objects."""
    start = 0
    while (end := names.find(b"\0", start)) >= 0:
        yield names[start:end]
        start = end + 1
    yield names[start:]


def _is_loop(identity: tuple[int, int], above: _Place | None) -> bool:
    """Whether a directory in ``above`` is one of those above it."""
    while above is not None and above.identity != identity:
        above = above.above
    return above is not None


def _broken_link(name: bytes, descriptor: int) -> os.stat_result | None:
    """The status of ``name`` if it is a symbolic link."""
    try:
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except OSError:
        return None
    return status if stat.S_ISLNK(status.st_mode) else None


def _leads_somewhere(name: bytes, descriptor: int) -> bool:
    try:
        os.stat(name, dir_fd=descriptor)
    except OSError:
        return False
    return True
