"""Levels, newest first, into a target: each level is read once, each wanted item written once.

A hard link whose target this level does not restore (it changed or went later) must carry the content itself: then, and
only then, the level is read a second time for those files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from freezer.engine.contract import Restored, Source
from freezer.engine.tar import header, lists
from freezer.engine.tar.read import ArchiveReader, Member
from freezer.engine.tar.target import Target
from freezer.engine.tar.wanted import Wanted
from freezer.model.items import ItemFailure, printable
from freezer.progress import Progress
from freezer.tree.sandbox import Outcome

OpenLevel = Callable[[], AbstractContextManager[Source]]
"""Opens the archive of one level for reading from its start."""

_DEVICES = (header.CHARACTER_DEVICE, header.BLOCK_DEVICE)


class Selection:
    """The part of a backup to restore: everything, or given paths with all below them."""

    def __init__(self, paths: Sequence[bytes] = ()) -> None:
        self._paths = [lists.clean(path.strip(b"/")) for path in paths]
        self.found: set[bytes] = set()

    def has(self, path: bytes) -> bool:
        """Whether ``path`` is selected."""
        if not self._paths:
            return True
        for chosen in self._paths:
            if not chosen or path == chosen or path.startswith(chosen + b"/"):
                self.found.add(chosen)
                return True
        return False

    def leads_to(self, path: bytes) -> bool:
        """Whether ``path`` is a directory on the way to something selected."""
        return not path or any(chosen.startswith(path + b"/") for chosen in self._paths)

    def missed(self) -> list[bytes]:
        """Chosen paths that nothing in the backup matched."""
        return [path for path in self._paths if path and path not in self.found]


class Extraction:
    """One restore. ``levels``: from the newest to level 0."""

    def __init__(
        self,
        target: Target,
        selection: Selection,
        progress: Progress,
        *,
        delete: bool = False,
        all_levels: bool = False,
    ) -> None:
        self._target = target
        self._selection = selection
        self._progress = progress
        self._delete = delete
        self._all_levels = all_levels
        self._wanted = Wanted()
        self._listed: dict[bytes, bytes] = {}
        self.result = Restored()

    def run(self, levels: Sequence[OpenLevel]) -> Restored:
        """Extract; with ``all_levels`` also levels that nothing is wanted from are read, to see that they can be."""
        more = True
        for open_level in levels:
            if not more and not self._all_levels:
                break
            deferred = self._level(open_level)
            if deferred:
                self._links_again(open_level, deferred)
            more = self._wanted.end_level()
        self._wanted.end()
        if self._delete:
            self._delete_foreign()
        return self._finish()

    def _level(self, open_level: OpenLevel) -> dict[bytes, list[bytes]]:
        """Read one level; returns wanted links by the path (in this level) of a target that was not restored from
        it."""
        written = _Written()
        deferred: dict[bytes, list[bytes]] = {}
        fractions: dict[bytes, int] = {}
        with open_level() as source:
            reader = ArchiveReader(source)
            for member in reader:
                if member.type in (header.DUMP_DIRECTORY, header.DIRECTORY):
                    fractions = self._directory(member, written)
                    continue
                path = self._wanted.take(member.path)
                if path is None or not self._selection.has(path):
                    continue
                if member.type == header.HARD_LINK:
                    self._link(path, member.target, written, deferred)
                    continue
                if not member.exact:
                    member.attributes.mtime_ns += fractions.get(member.path, 0)
                if self._write(path, member, reader):
                    written.add(member, path)
        return deferred

    def _directory(self, member: Member, written: _Written) -> dict[bytes, int]:
        """Take in a directory's entry; returns the mtime nanoseconds of its members by their path in this level."""
        body = member.body
        written.marked |= member.marked
        listing = lists.parse(body) if body is not None else lists.Listing()
        path = self._wanted.directory(member.path, listing, body or b"\0") if body is not None else self._plain(member)
        if path is not None:
            chosen = self._selection.has(path) or self._selection.leads_to(path)
            if chosen and self._target.make_directory(path):
                self._target.directory_attributes(path, member.attributes)
                self.result.directories += 1
            if self._delete:
                self._listed[path] = body or b"\0"
        base = member.path + b"/" if member.path else b""
        return {base + name: part for name, part in zip(listing.stored, member.fractions, strict=False) if part}

    def _plain(self, member: Member) -> bytes | None:
        """A directory of an archive that is not incremental."""
        return member.path if self._wanted.take(member.path) is not None else None

    def _write(self, path: bytes, member: Member, reader: ArchiveReader) -> bool:
        target, attributes = self._target, member.attributes
        if member.type == header.FILE:
            outcome = target.write_file(path, attributes, member.size, reader.content(member))
            done = member.stored
        elif member.type == header.SYMLINK:
            outcome, done = target.symlink(path, member.target, attributes), 0
        elif member.type == header.FIFO:
            outcome, done = target.fifo(path, attributes), 0
        elif member.type in _DEVICES:
            block = member.type == header.BLOCK_DEVICE
            outcome, done = target.device(path, attributes, block, member.major, member.minor), 0
        else:
            kind = member.type.decode("latin-1")
            target.failures.append(ItemFailure.of(path, f"entries of type {kind!r} cannot be restored"))
            return False
        return self._count(outcome, member.type == header.FILE, done)

    def _count(self, outcome: Outcome, file: bool, done: int) -> bool:
        self._progress.advance(done_bytes=done, done_items=1)
        if outcome is Outcome.SKIPPED:
            self.result.skipped += 1
        if outcome is not Outcome.WRITTEN:
            return False
        self.result.bytes += done
        if file:
            self.result.files += 1
        else:
            self.result.others += 1
        return True

    def _link(self, path: bytes, target: bytes, written: _Written, deferred: dict[bytes, list[bytes]]) -> None:
        existing = written.find(target)
        if existing is None:
            deferred.setdefault(target, []).append(path)
        else:
            self._count(self._target.hard_link(path, existing), True, 0)

    def _links_again(self, open_level: OpenLevel, deferred: dict[bytes, list[bytes]]) -> None:
        """Second reading: the first link gets the content of its target, the others are linked to it."""
        fractions: dict[bytes, int] = {}
        with open_level() as source:
            reader = ArchiveReader(source)
            for member in reader:
                if member.body is not None:
                    fractions = dict(_fractions(member))
                elif member.path in deferred and member.type != header.HARD_LINK:
                    first, *others = deferred.pop(member.path)
                    if not member.exact:
                        member.attributes.mtime_ns += fractions.get(member.path, 0)
                    if self._write(first, member, reader):
                        for other in others:
                            self._count(self._target.hard_link(other, first), True, 0)
        for target, paths in deferred.items():
            reason = f"it is a hard link to {printable(target)}, which the archive does not hold"
            self._target.failures += [ItemFailure.of(path, reason) for path in paths]

    def _delete_foreign(self) -> None:
        """Remove what the backup does not list, in the directories that it has."""
        for path, body in self._listed.items():
            if not self._selection.has(path):
                continue
            listing = lists.parse(body)
            known = {*listing.stored, *listing.unchanged, *listing.directories}
            for name in self._target.children(path):
                if name not in known and self._target.remove(path + b"/" + name if path else name):
                    self.result.deleted += 1

    def _finish(self) -> Restored:
        result, chosen = self.result, self._selection.has
        reason = "the chosen level lacks it; this is the version of an older one"
        result.stale = [ItemFailure.of(path, reason) for path in sorted(self._wanted.stale) if chosen(path)]
        result.absent = [
            ItemFailure.of(path, "listed, but no level holds it")
            for path in sorted(self._wanted.absent)
            if chosen(path)
        ]
        result.failures = self._target.failures + [
            ItemFailure.of(path, "the archive holds it although no directory lists it")
            for path in self._wanted.unlisted
        ]
        return result


def _fractions(member: Member) -> list[tuple[bytes, int]]:
    base = member.path + b"/" if member.path else b""
    names = lists.parse(member.body or b"\0").stored
    return [(base + name, part) for name, part in zip(names, member.fractions, strict=False) if part]


class _Written:
    """Files that this level restored and that later hard links of it may name.

    ``marked`` archives say which files have several links; of others every file must be kept in mind.
    """

    def __init__(self) -> None:
        self.marked = False
        self._paths: dict[bytes, bytes] = {}

    def add(self, member: Member, path: bytes) -> None:
        if member.links is not None or not self.marked:
            self._paths[member.path] = path

    def find(self, target: bytes) -> bytes | None:
        return self._paths.get(target)
