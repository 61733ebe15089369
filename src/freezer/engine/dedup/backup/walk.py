"""Directories, each looked at before those in it and stored after them."""

from __future__ import annotations

import os
import stat

from freezer.engine.dedup.backup.contents import Contents
from freezer.engine.dedup.backup.earlier import Earlier, Marked, packed
from freezer.engine.dedup.backup.frames import Frame
from freezer.engine.dedup.backup.items import Items, Options, Place, note
from freezer.engine.dedup.backup.memory import Memory
from freezer.engine.dedup.backup.sight import TYPE, Columns, Row, Sight, digest, look, names_in, row_of
from freezer.errors import SourceError
from freezer.model.items import ItemFailure
from freezer.progress import Progress
from freezer.repository import trees
from freezer.repository.ids import Identify
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.states import Known
from freezer.repository.trees import Entry, Type
from freezer.tree.handles import Handles
from freezer.tree.xattrs import read_xattrs


class Walk:
    """One walk over everything below ``handles.root`` on its file system."""

    def __init__(
        self,
        handles: Handles,
        writer: ChunkWriter,
        name_hash: Identify,
        contents: Contents,
        items: Items,
        earlier: Earlier,
        options: Options,
        progress: Progress,
    ) -> None:
        self.users: set[int] = set()
        self.groups: set[int] = set()
        self.memory = Memory(earlier, writer)
        self._handles = handles
        self._writer = writer
        self._name_hash = name_hash
        self._contents = contents
        self._items = items
        self._summary = items.summary
        self._earlier = earlier
        self._excluded = options.excluded
        self._follow = options.follow_symlinks
        self._rehash = options.rehash > 0
        self._progress = progress
        self._device = handles.status.st_dev
        self._stack: list[Frame] = []

    def run(self, only: bytes | None = None) -> bytes:
        """The id of the tree; with ``only``, of one that holds just this entry of the root. :class:`SourceError` if the
        root cannot be read; :class:`~freezer.engine.dedup.backup.earlier.Forgotten`."""
        try:
            names = names_in(self._handles.root) if only is None else [only]
        except OSError as error:
            raise SourceError(f"the source cannot be read: {os.strerror(error.errno or 0)}") from error
        self._enter(b"", b"", row_of(self._handles.status), self._handles.root, names)
        if only is not None:
            self._summary.directories = 0  # the directory that it is in is no part of the backup
        tree = b""
        while self._stack:
            frame = self._stack[-1]
            name = next(frame.children, None)
            if name is not None:
                self._go_down(frame, name)
                continue
            self._stack.pop()
            tree = self._finish(frame)
            if self._stack:
                self._done(self._stack[-1], frame.name, tree)
        return tree

    def _go_down(self, above: Frame, name: bytes) -> None:
        """Look at a directory in ``above``; one that cannot be read has an empty tree."""
        path = above.below(name)
        try:
            descriptor = self._handles.directory(path)
            row = row_of(os.fstat(descriptor))
            names = names_in(descriptor)
        except FileNotFoundError:
            self._done(above, name, None)
            return
        except OSError as error:
            self._refuse(above, name, error)
            return
        if self._follow and any(frame.identity == (row[8], row[1]) for frame in self._stack):
            self._refuse(above, name, "a symbolic link leads back to a directory above it")
            return
        if name in above.fresh:
            self._add_xattrs(above, name, descriptor)
        self._enter(path, name, row, descriptor, names)

    def _refuse(self, above: Frame, name: bytes, reason: OSError | str) -> None:
        """A directory in ``above`` cannot be read."""
        self.fail(above.below(name), reason)
        above.unsettle(name)
        self._done(above, name, b"")

    def _enter(self, path: bytes, name: bytes, row: Row, descriptor: int, names: list[bytes]) -> None:
        """Look at an open directory with ``names`` in it, and store the files in it unless it is quiet."""
        place = Place(descriptor, path + b"/" if path else b"")
        if self._excluded is not None:
            names = self._wanted(place, names)
        sight = look(descriptor, names, follow=self._follow)
        columns = sight.columns
        frame = Frame(path, name, (row[8], row[1]), digest(sight.names, columns))
        bytes_before, read_before = self._summary.bytes, self._contents.read_bytes
        known = self._earlier.known(path)
        if known is not None and frame.digest == known.digest and self._may_be_quiet(sight, columns):
            frame.known = known
            frame.children = iter(self._pass(frame, place, sight, columns))
        else:
            self._study(frame, place, sight, known)
        self.users.update(columns[6])
        self.groups.update(columns[7])
        self._summary.directories += 1
        self._stack.append(frame)
        passed = self._summary.bytes - bytes_before - (self._contents.read_bytes - read_before)  # need not be read
        self._progress.advance(done_bytes=max(passed, 0), done_items=len(names))

    def _wanted(self, place: Place, names: list[bytes]) -> list[bytes]:
        wanted = []
        for name in names:
            if self._excluded is not None and self._excluded(place.below + name):
                self._summary.excluded_count += 1
                note(self._summary.excluded, place.below + name)
            else:
                wanted.append(name)
        return wanted

    def _may_be_quiet(self, sight: Sight, columns: Columns) -> bool:
        """Whether a directory that looks as before can be taken over unseen: not if something may have happened
        elsewhere to which an entry in it refers, nor if some of its files are to be read again by chance."""
        if self._rehash or not self._earlier.trusted or sight.failed:
            return False
        if not columns[5] or max(columns[5]) < 2:
            return True
        linked = (mode for mode, links in zip(columns[0], columns[5], strict=True) if links > 1)
        return not any(mode & TYPE == stat.S_IFREG for mode in linked)

    def _pass(self, frame: Frame, place: Place, sight: Sight, columns: Columns) -> list[bytes]:
        """Count what is in a quiet directory; the directories in it that are to be looked at."""
        modes, sizes, devices = columns[0], columns[2], columns[8]
        others: list[int] = []
        if any(mode & TYPE != stat.S_IFREG for mode in set(modes)):
            others = [at for at, mode in enumerate(modes) if mode & TYPE != stat.S_IFREG]
        files = len(modes) - len(others)
        self._summary.files += files
        self._summary.bytes += sum(sizes) - sum(sizes[at] for at in others)
        self._items.counts.unchanged += files
        folders = []
        for at in others:
            name, kind = sight.names[at], modes[at] & TYPE
            if kind != stat.S_IFDIR:
                self._items.pass_other(place, name, kind)
            elif self._is_ours(frame, name, devices[at]):
                folders.append(name)
        return folders

    def _is_ours(self, frame: Frame, name: bytes, device: int) -> bool:
        """Whether a directory is on the same file system; otherwise it is left empty."""
        if device == self._device:
            return True
        note(self._summary.mount_points, frame.below(name))
        self._done(frame, name, b"")
        return False

    def _study(self, frame: Frame, place: Place, sight: Sight, known: Known | None) -> None:
        """Make entries for everything in a directory that is not quiet."""
        self._progress.current(place.below)
        olds = self._earlier.marked(known)
        make, items, children = self._items.make, frame.items, []
        left_out = False
        for name, row in self._items.ordinary(place, sight, olds, items):
            if row[0] & TYPE == stat.S_IFDIR:
                self._folder(frame, name, row, olds.get(name))
                if self._is_ours(frame, name, row[8]):
                    children.append(name)
                continue
            item = make(place, name, row, olds.get(name))
            if item is not None:
                items.append(item)
            elif row[0] & TYPE != stat.S_IFSOCK:
                left_out = True
        for name, error in sight.failed:
            self._items.failed(place, name, error)
            left_out = True
        if left_out:
            frame.digest = b""
        frame.children = iter(children)
        self._contents.tell()

    def _folder(self, frame: Frame, name: bytes, row: Row, old: Marked | None) -> None:
        """An entry for a directory, without its tree."""
        mode, inode, _, mtime, ctime, _, user, group, _ = row
        more = None
        if old is not None and old.ctime == ctime and old.inode == inode and old.entry.type == Type.DIRECTORY:
            more = old.entry.more
        else:
            frame.fresh.add(name)
        entry = Entry(name, Type.DIRECTORY, mode & 0o7777, user, group, mtime, more=more)
        frame.folders[name] = Marked(entry, self._items.settled(ctime), inode)

    def _add_xattrs(self, above: Frame, name: bytes, descriptor: int) -> None:
        """Complete the entry of an open directory in ``above`` by its attributes."""
        try:
            above.set_xattrs(name, tuple(sorted(read_xattrs(descriptor).items())))
        except OSError as error:
            self.fail(above.below(name), error)
            above.unsettle(name)

    def _done(self, above: Frame, name: bytes, tree: bytes | None) -> None:
        """A directory in ``above`` has this tree now."""
        if above.known is None or tree != self._earlier.tree(above.below(name)):
            above.trees[name] = tree

    def _finish(self, frame: Frame) -> bytes:
        """Store a directory, and remember it; the id of its tree."""
        known = frame.known
        if known is None:
            known = self._put(frame, frame.entries())
        elif frame.trees:
            known = self._put(frame, self._earlier.recall(known))
        self.memory.add(known)
        return known.tree

    def _put(self, frame: Frame, marked: list[Marked]) -> Known:
        there = [each for each in frame.with_trees(marked) if each is not None] if frame.trees else marked
        tree = trees.write([each.entry for each in there], self._name_hash, self._store_tree)
        ctimes = [each.ctime for each in there]
        settled = 0 not in ctimes and len(there) == len(marked)
        inodes = packed([each.inode for each in there])
        return Known(frame.path, tree, frame.digest if settled else b"", packed(ctimes), inodes)

    def _store_tree(self, data: bytes) -> bytes:
        return self._writer.store(Use.TREE, data)

    def fail(self, path: bytes, reason: OSError | str) -> None:
        """Put a directory on the list of failures."""
        self._summary.failures.append(ItemFailure.of(path, reason))
