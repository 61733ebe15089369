"""One level: scan the source, write the archive, and make the snapshot file that goes with it."""

from __future__ import annotations

import os
import stat
from array import array
from collections.abc import Callable

import msgspec

from freezer.engine.contract import BlockSink, Summary, Tree
from freezer.engine.tar.archive import lists, pax, snapshot
from freezer.engine.tar.archive.snapshot import KnownDirectory
from freezer.engine.tar.backup.blocks import BlockWriter
from freezer.engine.tar.backup.entries import EntryWriter, ItemChanged, xattr_records
from freezer.engine.tar.backup.quick import store_plain_files
from freezer.engine.tar.backup.scan import scan_tree
from freezer.engine.tar.backup.scanned import SPECIAL, Directory, Scan
from freezer.errors import SourceError
from freezer.model.items import ItemFailure
from freezer.progress import Progress
from freezer.spill.spool import Spool
from freezer.tree.handles import Handles
from freezer.tree.xattrs import read_xattrs

_FRACTION = SPECIAL - 1
SAFETY_NS = 2 * pax.SECOND
"""How far the snapshot's time lies before the first look at the source. A file written in the same instant gets a
ctime a few milliseconds older than a clock read before; whatever changed in these two seconds is stored again next
time."""


class StoreOptions(msgspec.Struct, frozen=True):
    """``excluded`` is asked with paths from the root; the two link options are upstream's ``--dereference-symlink``."""

    excluded: Callable[[bytes], bool] | None = None
    follow_symlinks: bool = False
    follow_hard_links: bool = False


class TarBackup:
    """One backup of one source; use as a context manager: ``scan``, then ``write``.

    ``base``: the snapshot of the level before, None for a full backup. ``now_ns``: the time at which the source is
    first looked at. Raises :class:`SourceError` if the source itself cannot be opened.
    """

    def __init__(
        self, tree: Tree, base: snapshot.Snapshot | None, options: StoreOptions, *, now_ns: int, progress: Progress
    ) -> None:
        self._tree = tree
        self._base = base
        self._options = options
        self._time_ns = now_ns - SAFETY_NS
        self._progress = progress
        try:
            self._handles = Handles(tree.path, follow=options.follow_symlinks)
        except OSError as error:
            raise SourceError(f"{os.fsdecode(tree.path)} cannot be opened: {os.strerror(error.errno or 0)}") from error
        self._scan = Scan()
        self._state = Spool()

    def __enter__(self) -> TarBackup:
        return self

    def __exit__(self, *exception: object) -> None:
        self._handles.__exit__(*exception)
        self._scan.close()
        self._state.close()

    def scan(self) -> Summary:
        """Look at the whole source; nothing is read or written yet."""
        self._progress.phase("scan")
        if self._tree.name is not None:
            self._scan_file(self._tree.name)
            return self._scan.summary
        scan_tree(
            self._scan,
            self._handles,
            self._base,
            excluded=self._options.excluded,
            follow_links=self._options.follow_symlinks,
            tick=lambda count, _: self._progress.advance(done_items=count),
        )
        self._base = None
        if not self._scan.summary.directories:  # not even its own: that is no backup with an item missing
            reason = self._scan.summary.failures[0].reason
            raise SourceError(f"{os.fsdecode(self._tree.path)} cannot be read: {reason}")
        return self._scan.summary

    def _scan_file(self, name: bytes) -> None:
        summary = self._scan.summary
        try:
            status = os.stat(name, dir_fd=self._handles.root, follow_symlinks=self._options.follow_symlinks)
        except OSError as error:
            raise SourceError(f"{os.fsdecode(name)} cannot be read: {os.strerror(error.errno or 0)}") from error
        summary.files, summary.bytes = 1, status.st_size if stat.S_ISREG(status.st_mode) else 0
        since = self._base.time_ns if self._base else None
        if since is None or status.st_mtime_ns >= since or status.st_ctime_ns >= since:
            summary.stored_items, summary.stored_bytes = 1, summary.bytes

    def write(self, sink: BlockSink) -> Spool:
        """Write the archive; returns the snapshot file, to be read before the context ends. What could not be stored is
        in ``summary.failures`` after that."""
        summary = self._scan.summary
        self._progress.phase("store", total_bytes=summary.stored_bytes, total_items=summary.stored_items)
        out = BlockWriter(sink, lambda used: self._progress.advance(done_bytes=used))
        entries = EntryWriter(
            out, follow_links=self._options.follow_symlinks, keep_hard_links=not self._options.follow_hard_links
        )
        self._state.write(snapshot.encode_time(self._time_ns))
        try:
            if self._tree.name is not None and summary.stored_items:
                self._store(entries, self._handles.root, self._tree.name, self._tree.name, 0)
            for directory in self._scan.directories():
                self._directory(out, entries, directory)
        finally:
            entries.close()
        out.finish()
        return self._state

    def _directory(self, out: BlockWriter, entries: EntryWriter, directory: Directory) -> None:
        """One directory with everything stored in it, and what the snapshot file says of it."""
        renames = [] if directory.path else self._scan.renames
        records, descriptor = self._directory_records(directory)
        if directory.replaced:
            # GNU tar and upstream write through existing links; a list without these names makes them unlink first.
            kept = lists.without(directory.entries, lambda entry: entry[:1] == b"Y")
            without_times = [record for record in records if record[0] != pax.MTIME_NS]
            entries.directory(directory, lists.encode(kept, renames), without_times)
            renames = []
        entries.directory(directory, lists.encode(directory.entries, renames), records)
        incomplete = self._stored(out, entries, directory, descriptor) if directory.marks else set()
        if incomplete:
            # The next level must store them.
            directory.entries = lists.without(directory.entries, lambda entry: entry[1:] in incomplete)
        self._state.write(
            snapshot.encode_directory(
                KnownDirectory(directory.path, directory.device, directory.inode, directory.mtime_ns, directory.entries)
            )
        )

    def _directory_records(self, directory: Directory) -> tuple[pax.Records, int | None]:
        """PAX records of a directory's entry, and its descriptor if it can still be opened."""
        records: pax.Records = [] if directory.path else [(pax.ARCHIVE, b"1")]
        if directory.mtime_ns % pax.SECOND:
            records.append((pax.MTIME, pax.time_text(directory.mtime_ns)))
        try:
            descriptor = self._handles.directory(directory.path)
            records += xattr_records(read_xattrs(descriptor))
        except OSError:
            descriptor = None
        fractions = array("I", (mark & _FRACTION for mark in array("I", directory.marks)))
        if any(fractions):
            records.append((pax.MTIME_NS, pax.pack_fractions(fractions)))
        return records, descriptor

    def _stored(
        self, out: BlockWriter, entries: EntryWriter, directory: Directory, descriptor: int | None
    ) -> set[bytes]:
        """Store what is to be stored of a directory; returns the names that are not whole in the archive."""
        incomplete = set()
        below = directory.path + b"/" if directory.path else b""
        others = directory.stored()
        if descriptor is not None:
            self._progress.current(below)
            others = store_plain_files(out, descriptor, b"./" + below, others, entries.open)
        for name, mark in others:
            if descriptor is None:
                self._failed(below + name, "its directory cannot be opened any more")
                incomplete.add(name)
            elif not self._store(entries, descriptor, name, below + name, mark & _FRACTION):
                incomplete.add(name)
        self._progress.advance(done_items=len(directory.marks) // 4)
        return incomplete

    def _store(self, entries: EntryWriter, descriptor: int, name: bytes, path: bytes, fraction: int) -> bool:
        """Store one item of any kind; whether it is whole in the archive."""
        self._progress.current(path)
        try:
            entries.non_directory(descriptor, name, path, fraction)
        except ItemChanged as change:
            self._failed(path, str(change))
        except FileNotFoundError:
            self._failed(path, "it vanished before it was read")
        except OSError as error:
            self._failed(path, error)
        else:
            return True
        return False

    def _failed(self, path: bytes, reason: OSError | str) -> None:
        self._scan.summary.failures.append(ItemFailure.of(path, reason))
