"""One level: scan the source, write the archive, and make the snapshot file that goes with it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from freezer.engine.contract import BlockSink, Summary, Tree
from freezer.engine.tar import lists, pax, snapshot
from freezer.engine.tar.blocks import BlockWriter
from freezer.engine.tar.entries import EntryWriter, ItemChanged, xattr_records
from freezer.engine.tar.handles import Handles
from freezer.engine.tar.scan import Scan, ScannedDirectory, scan_tree
from freezer.engine.tar.snapshot import KnownDirectory
from freezer.errors import SourceError
from freezer.model.items import ItemFailure
from freezer.progress import Progress
from freezer.tree.xattrs import read_xattrs

SAFETY_NS = 2 * pax.SECOND
"""How far the snapshot's time lies before the first look at the source. A file written in the same instant gets a
ctime a few milliseconds older than a clock read before; whatever changed in these two seconds is stored again next
time."""


@dataclass(frozen=True, slots=True)
class StoreOptions:
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
        self._scan = Scan()
        self._incomplete: dict[bytes, set[bytes]] = {}
        try:
            self._handles = Handles(tree.path, follow=options.follow_symlinks)
        except OSError as error:
            raise SourceError(f"{os.fsdecode(tree.path)} cannot be opened: {os.strerror(error.errno or 0)}") from error

    def __enter__(self) -> TarBackup:
        return self

    def __exit__(self, *exception: object) -> None:
        self._handles.__exit__(*exception)

    def scan(self) -> Summary:
        """Look at the whole source; nothing is read or written yet."""
        self._progress.phase("scan")
        if self._tree.name is not None:
            self._scan_file(self._tree.name)
            return self._scan.summary
        self._scan = scan_tree(
            self._handles,
            self._base,
            excluded=self._options.excluded,
            follow_links=self._options.follow_symlinks,
            tick=lambda count, _: self._progress.advance(done_items=count),
        )
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

    def write(self, sink: BlockSink) -> bytes:
        """Write the archive; returns the snapshot file. What could not be stored is in ``summary.failures`` after
        that."""
        summary = self._scan.summary
        self._progress.phase("store", total_bytes=summary.stored_bytes, total_items=summary.stored_items)
        out = BlockWriter(sink, lambda used: self._progress.advance(done_bytes=used))
        entries = EntryWriter(
            out, follow_links=self._options.follow_symlinks, keep_hard_links=not self._options.follow_hard_links
        )
        if self._tree.name is not None and summary.stored_items:
            self._store(entries, self._handles.root, b"", self._tree.name, 0)
        for directory in self._scan.directories:
            self._directory(entries, directory)
        out.finish()
        return self._snapshot()

    def _directory(self, entries: EntryWriter, directory: ScannedDirectory) -> None:
        path = directory.path
        names = directory.entries.split(b"\0") if directory.entries else []
        renames = self._scan.renames if not path else []
        records, descriptor = self._directory_records(directory)
        if directory.replaced:
            # GNU tar and upstream write through existing links; a list without these names makes them unlink first.
            kept = [entry for entry in names if entry[:1] != b"Y"]
            without_times = [record for record in records if record[0] != pax.MTIME_NS]
            entries.directory(path, directory.status, lists.encode(kept, renames), without_times)
            renames = []
        entries.directory(path, directory.status, lists.encode(names, renames), records)
        stored = [entry[1:] for entry in names if entry[:1] == b"Y"]
        if not stored:
            return
        if descriptor is None:
            for name in stored:
                self._failed(path, name, "its directory cannot be opened any more")
            return
        for name, fraction in zip(stored, directory.fractions, strict=True):
            self._store(entries, descriptor, path, name, fraction)
        self._progress.advance(done_items=len(stored))

    def _directory_records(self, directory: ScannedDirectory) -> tuple[pax.Records, int | None]:
        """PAX records of a directory's entry, and its descriptor if it can still be opened."""
        status = directory.status
        records: pax.Records = [] if directory.path else [(pax.ARCHIVE, b"1")]
        if status.st_mtime_ns % pax.SECOND:
            records.append((pax.MTIME, pax.time_text(status.st_mtime_ns)))
        try:
            descriptor = self._handles.directory(directory.path)
            records += xattr_records(read_xattrs(descriptor))
        except OSError:
            descriptor = None
        if any(directory.fractions):
            records.append((pax.MTIME_NS, pax.pack_fractions(directory.fractions)))
        return records, descriptor

    def _store(self, entries: EntryWriter, descriptor: int, path: bytes, name: bytes, fraction: int) -> None:
        full = path + b"/" + name if path else name
        try:
            entries.non_directory(descriptor, name, full, fraction)
        except ItemChanged as change:
            self._failed(path, name, str(change))
        except FileNotFoundError:
            self._failed(path, name, "it vanished before it was read")
        except OSError as error:
            self._failed(path, name, error)

    def _failed(self, path: bytes, name: bytes, reason: OSError | str) -> None:
        self._incomplete.setdefault(path, set()).add(name)
        self._scan.summary.failures.append(ItemFailure.of(path + b"/" + name if path else name, reason))

    def _snapshot(self) -> bytes:
        return snapshot.encode(
            self._time_ns,
            (
                KnownDirectory(
                    directory.path,
                    directory.status.st_dev,
                    directory.status.st_ino,
                    directory.status.st_mtime_ns,
                    self._complete(directory),
                )
                for directory in self._scan.directories
            ),
        )

    def _complete(self, directory: ScannedDirectory) -> bytes:
        """The directory's list without what is not whole in the archive, so that the next level stores it."""
        incomplete = self._incomplete.get(directory.path)
        if not incomplete:
            return directory.entries
        return b"\0".join(entry for entry in directory.entries.split(b"\0") if entry[1:] not in incomplete)
