"""Entries for everything but directories: taken over if unchanged, otherwise read and stored."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable, Iterator, Mapping

import msgspec

from freezer.engine.contract import LISTED, Summary
from freezer.engine.dedup.backup.contents import Contents, Unreadable
from freezer.engine.dedup.backup.earlier import Earlier, Marked
from freezer.engine.dedup.backup.files import Files
from freezer.engine.dedup.backup.links import Names
from freezer.engine.dedup.backup.result import Counts
from freezer.engine.dedup.backup.sight import TYPE, Excluded, Row, Sight
from freezer.model.items import ItemFailure, printable
from freezer.repository.trees import NOTHING_MORE, Entry, More, Type
from freezer.tree.system import device_parts, raw_device
from freezer.tree.xattrs import named, read_xattrs

TYPES = {
    stat.S_IFREG: Type.FILE,
    stat.S_IFDIR: Type.DIRECTORY,
    stat.S_IFLNK: Type.LINK,
    stat.S_IFIFO: Type.FIFO,
    stat.S_IFCHR: Type.CHARACTER_DEVICE,
    stat.S_IFBLK: Type.BLOCK_DEVICE,
}


class Options(msgspec.Struct, frozen=True):
    """``excluded`` is asked with paths from the top; the link options are upstream's ``--dereference-symlink``.
    ``rehash``: which part of the unchanged files is read all the same, from 0 to 1, chosen by ``chance``."""

    excluded: Excluded | None = None
    follow_symlinks: bool = False
    follow_hard_links: bool = False
    rehash: float = 0.0
    chance: Callable[[], float] = random.random


Others = Iterator[tuple[bytes, Row]]


class Place(msgspec.Struct, frozen=True):
    """An open directory; ``below``: what stands before the names in it."""

    descriptor: int
    below: bytes


class Items:
    """Makes entries and counts them. What changes at ``recent`` (nanoseconds since 1970) or later is unsettled."""

    def __init__(
        self,
        contents: Contents,
        earlier: Earlier,
        options: Options,
        recent: int,
        summary: Summary,
        notice: Callable[[str], None],
    ) -> None:
        self.summary = summary
        self.counts = Counts()
        self._files = Files(contents, follow=options.follow_symlinks)
        self._earlier = earlier
        self._recent = recent
        self._keep_hard_links = not options.follow_hard_links
        self._rehash = options.rehash
        self._chance = options.chance
        self._names = Names()
        self._notice = notice

    def close(self) -> None:
        """Give memory and disk space back."""
        self._names.close()

    def ordinary(self, place: Place, sight: Sight, olds: Mapping[bytes, Marked], into: list[Marked]) -> Others:
        """Add what most files in ``place`` are to ``into``: plain ones with one name that are new, which are stored, or
        unchanged. Yields the names and rows of everything else, which is for :meth:`make`.

        Here a backup of many files spends its time, so there is no call for each that can be spared.
        """
        plain, regular, recent = self._files.plain, stat.S_IFREG, self._recent
        descriptor, unseen = place.descriptor, self._earlier.trusted and not self._rehash
        new = new_size = unchanged = unchanged_size = 0
        for name, row in zip(sight.names, sight.rows, strict=True):
            mode, inode, size, mtime, ctime, links, _, _, _ = row
            if mode & TYPE == regular and links == 1:
                old = olds.get(name)
                if old is None:
                    entry = plain(descriptor, name, row)
                    if entry is not None:
                        into.append(Marked(entry, ctime if 0 < ctime < recent else 0, inode))
                        new += 1
                        new_size += size
                        continue
                elif unseen and old.ctime == ctime and old.inode == inode:
                    entry = old.entry
                    if entry.more is None and entry.modified == mtime and entry.size == size:
                        into.append(old)
                        unchanged += 1
                        unchanged_size += size
                        continue
            yield name, row
        summary = self.summary
        summary.files += new + unchanged
        summary.bytes += new_size + unchanged_size
        summary.stored_items += new
        summary.stored_bytes += new_size
        self.counts.new += new
        self.counts.unchanged += unchanged

    def make(self, place: Place, name: bytes, row: Row, old: Marked | None) -> Marked | None:
        """The entry of ``name``, with its content stored; None if it is gone, failed or is a socket."""
        kind = row[0] & TYPE
        if kind not in TYPES:
            self._count_other(place, name, kind)
            return None
        linked = row[5] > 1 and kind == stat.S_IFREG and self._keep_hard_links
        made = self._names.other(name, row[8], row[1]) if linked else None
        if made is None:
            try:
                made = self._made(place, name, row, old, linked=linked)
            except Unreadable as problem:
                self.failed(place, name, problem.reason)
                return None
            if linked:
                made = self._names.first(place.below, row[8], made)
        self._count(made.entry, old)
        if kind != stat.S_IFREG:
            self._count_other(place, name, kind)
        return made

    def failed(self, place: Place, name: bytes, reason: OSError | str) -> None:
        """Put ``name`` on the list of failures, unless it is simply not there any more."""
        if isinstance(reason, FileNotFoundError) and _is_gone(place.descriptor, name):
            return
        self.summary.failures.append(ItemFailure.of(place.below + name, reason))

    def settled(self, ctime: int) -> int:
        """What is remembered of a ctime."""
        return ctime if 0 < ctime < self._recent else 0

    def pass_other(self, place: Place, name: bytes, kind: int) -> None:
        """Count what is unchanged and neither a regular file nor a directory."""
        self.counts.unchanged += kind in TYPES
        self._count_other(place, name, kind)

    def _count_other(self, place: Place, name: bytes, kind: int) -> None:
        summary = self.summary
        if kind == stat.S_IFLNK:
            summary.links += 1
            if not _leads_somewhere(place.descriptor, name):
                summary.broken_link_count += 1
                note(summary.broken_links, place.below + name)
        elif kind in TYPES:
            summary.others += 1
        else:
            summary.sockets += 1

    def _made(self, place: Place, name: bytes, row: Row, old: Marked | None, *, linked: bool) -> Marked:
        """What it was in the backup before if that will do; otherwise it is read. :class:`Unreadable`."""
        same = old is not None and _is_same(old, row) and (linked or not old.entry.extra.first)
        if old is not None and same and self._will_do(old.entry):
            return old
        made = self._stored(place, name, row)
        if old is not None and made.entry == old.entry:
            self.counts.reread += 1
        elif old is not None and same and made.entry.content != old.entry.content and not made.entry.extra.changed:
            path = printable(place.below + name)
            self._notice(f"{path} has another content than before, although its size and times are the same")
        return made

    def _will_do(self, entry: Entry) -> bool:
        """Whether an unchanged entry may be taken over: its chunks are there, and chance does not want it read."""
        if not self._earlier.holds_content(entry):
            return False
        return not self._rehash or entry.type != Type.FILE or self._chance() >= self._rehash

    def _stored(self, place: Place, name: bytes, row: Row) -> Marked:
        """Read and store it. :class:`Unreadable`."""
        if row[0] & TYPE != stat.S_IFREG:
            return self._special(place, name, row)
        entry = self._files.plain(place.descriptor, name, row)
        if entry is not None:
            return Marked(entry, self.settled(row[4]), row[1])
        copied = self._files.odd(place.descriptor, name)
        if copied.changed:
            self.failed(place, name, "it changed while it was read")
        return Marked(copied.entry, 0 if copied.changed else self.settled(copied.row[4]), copied.row[1])

    def _special(self, place: Place, name: bytes, row: Row) -> Marked:
        mode, inode, _, mtime, ctime, _, user, group, _ = row
        type = TYPES[mode & TYPE]
        link, device = b"", None
        try:
            if type == Type.LINK:
                link = os.readlink(name, dir_fd=place.descriptor)
            elif type != Type.FIFO:
                status = os.stat(name, dir_fd=place.descriptor, follow_symlinks=False)
                device = device_parts(raw_device(status))
            xattrs = tuple(sorted(read_xattrs(named(place.descriptor, name)).items()))
        except OSError as error:
            raise Unreadable(error) from error
        more = More(link=link, xattrs=xattrs, device=device)
        entry = Entry(name, type, mode & 0o7777, user, group, mtime, more=more if more != NOTHING_MORE else None)
        return Marked(entry, self.settled(ctime), inode)

    def _count(self, entry: Entry, old: Marked | None) -> None:
        summary, counts = self.summary, self.counts
        if entry.type == Type.FILE:
            summary.files += 1
            summary.bytes += entry.size
        if old is not None and old.entry == entry:
            counts.unchanged += 1
            return
        summary.stored_items += 1
        summary.stored_bytes += entry.size
        if old is None:
            counts.new += 1
        else:
            counts.changed += 1


def note(notes: list[str], path: bytes) -> None:
    """Add a path to a list of a summary, which names some only."""
    if len(notes) < LISTED:
        notes.append(printable(path))


def _is_same(old: Marked, row: Row) -> bool:
    """Whether what can be seen is what it was."""
    mode, inode, size, mtime, ctime, _, _, _, _ = row
    entry, type = old.entry, TYPES[mode & TYPE]
    same = old.ctime == ctime and old.inode == inode and entry.type == type and entry.modified == mtime
    return same and (type != Type.FILE or entry.size == size)


def _is_gone(descriptor: int, name: bytes) -> bool:
    """Whether there is nothing of that name: also what leads to it may be missing, as /proc for attributes of links."""
    try:
        os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _leads_somewhere(descriptor: int, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=descriptor)
    except OSError:
        return False
    return True
