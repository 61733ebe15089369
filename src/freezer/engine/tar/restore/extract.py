"""Levels, newest first, into a target: each level is read once, each wanted item written once.

A hard link whose target this level does not restore (it changed or went later) must carry the content itself: then, and
only then, the level is read a second time for those files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import zip_longest

from freezer.engine.contract import Restored, Source
from freezer.engine.tar.archive import header, lists
from freezer.engine.tar.archive.limits import Limits, exceeded
from freezer.engine.tar.archive.read import ArchiveReader, Member
from freezer.engine.tar.restore.bodies import Bodies
from freezer.engine.tar.restore.fractions import NO_FRACTIONS, Fractions
from freezer.engine.tar.restore.quick import restore_plain_files
from freezer.engine.tar.restore.restored import Links
from freezer.engine.tar.restore.target import Target
from freezer.engine.tar.restore.wanted import Wanted
from freezer.model.failures import Failures
from freezer.model.items import ItemFailure, printable
from freezer.progress import Progress
from freezer.spill.table import Table
from freezer.tree.sandbox import Outcome

OpenLevel = Callable[[], AbstractContextManager[Source]]
"""Opens the archive of one level for reading from its start."""

_SHOWN = 100  # bytes shown of each end of an endless path
_DIRECTORIES = (header.DUMP_DIRECTORY, header.DIRECTORY)
_NO_CONTENT = (*_DIRECTORIES, header.HARD_LINK)
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

    def has_all_of(self, directory: bytes) -> bool:
        """Whether everything in ``directory`` is selected, and no path in it was chosen by itself."""
        return not any(chosen.startswith(directory + b"/") for chosen in self._paths) and self.has(directory)

    def leads_to(self, path: bytes) -> bool:
        """Whether ``path`` is a directory on the way to something selected."""
        return not path or any(chosen.startswith(path + b"/") for chosen in self._paths)

    def missed(self) -> list[bytes]:
        """Chosen paths that nothing in the backup matched."""
        return [path for path in self._paths if path and path not in self.found]


class Extraction:
    """One restore. ``most_plain``: how many plain bytes are believed of each level, in the order of ``run``; no limit
    where it is None or missing (see :func:`freezer.engine.tar.archive.limits.most_plain`)."""

    def __init__(
        self,
        target: Target,
        selection: Selection,
        progress: Progress,
        *,
        delete: bool = False,
        all_levels: bool = False,
        limits: Limits | None = None,
        most_plain: Sequence[int | None] = (),
    ) -> None:
        self._target = target
        self._selection = selection
        self._progress = progress
        self._delete = delete
        self._all_levels = all_levels
        self._limits = limits or Limits()
        self._most_plain = most_plain
        self._plain_limit: int | None = None
        self._entries = self._plain_bytes = 0
        self._wanted = Wanted(target.failures, selection.has)
        self._listed = Bodies()
        self.result = Restored()

    def run(self, levels: Sequence[OpenLevel]) -> Restored:
        """Extract; with ``all_levels`` also levels that nothing is wanted from are read, to see that they can be."""
        more = True
        try:
            for open_level, most in zip_longest(levels, self._most_plain[: len(levels)]):
                if not more and not self._all_levels:
                    break
                self._plain_limit = most
                self._level(open_level)
                more = self._wanted.end_level()
            self._wanted.end()
            if self._delete:
                self._delete_foreign()
            return self._finish()
        finally:
            self._wanted.close()
            self._listed.close()

    def _level(self, open_level: OpenLevel) -> None:
        links = Links()
        self._plain_bytes = 0
        try:
            self._first_reading(open_level, links)
            if links.deferred:
                self._plain_bytes = 0
                self._links_again(open_level, links)
        finally:
            links.close()

    def _first_reading(self, open_level: OpenLevel, links: Links) -> None:
        """Read one level, but for wanted links to files that are not restored from it."""
        fractions = NO_FRACTIONS
        with open_level() as source:
            reader = ArchiveReader(source, self._limits)
            directory = b""
            for member in reader:
                self._admit(member)
                if member.type in _DIRECTORIES:
                    fractions.close()
                    fractions = self._directory(member, links)
                    directory = member.path
                else:
                    self._item(member, reader, links, fractions)
                if directory and links.marked:
                    self._plain_files(directory, reader, fractions)
        fractions.close()

    def _item(self, member: Member, reader: ArchiveReader, links: Links, fractions: Fractions) -> None:
        """Take in anything but a directory."""
        path = self._wanted.take(member.path)
        if path is None or not self._selection.has(path) or self._too_deep(path):
            return
        if member.type == header.HARD_LINK:
            self._link(path, member.target, links)
            return
        if not member.exact:
            member.attributes.mtime_ns += fractions.of(member.path)
        if self._write(path, member, reader) and (member.links is not None or not links.marked):
            links.written(member.path, path)

    def _plain_files(self, directory: bytes, reader: ArchiveReader, fractions: Fractions) -> None:
        """Restore what comes next while it is ordinary files of ``directory``, in an archive that marks others."""
        coming = reader.at_hand()
        prefix = b"./" + directory + b"/"
        if coming is None or coming[: len(prefix)] != prefix or not self._is_within_limits(len(coming)):
            return
        if bytes(coming[header.TYPE_AT : header.TYPE_AT + 1]) != header.FILE:
            return
        name = bytes(coming[len(prefix) : header.NAME]).split(b"\0", 1)[0]
        names = self._wanted.at_hand(directory, name)
        if names is None or names.run.get(name) not in names.ready:
            return
        parent = names.parent
        files = self._target.plain_files(parent, len(names.run))
        if files is None or not self._selection.has_all_of(parent) or parent.count(b"/") >= self._limits.depth:
            return
        self._progress.current(parent)
        passed = restore_plain_files(coming, prefix, names, fractions, files)
        if passed.files:
            reader.pass_over(passed.position)
            self._entries += passed.files
            self._plain_bytes += header.BLOCK * passed.files + passed.bytes
            self.result.files += passed.files
            self.result.bytes += passed.bytes
            self._progress.advance(done_items=passed.files)

    def _is_within_limits(self, size: int) -> bool:
        """Whether the next ``size`` bytes exceed no limit, whatever they are."""
        most = self._plain_limit
        fits = most is None or self._plain_bytes + size <= most
        return fits and self._entries + size // header.BLOCK <= self._limits.entries

    def _admit(self, member: Member) -> None:
        """Count an entry against the limits."""
        self._entries += 1
        self._plain_bytes += header.BLOCK + member.stored
        limits = self._limits
        if self._entries > limits.entries:
            raise exceeded(f"it has {self._entries} entries", limits.entries, "--restore-max-entries")
        if self._plain_limit is not None and self._plain_bytes > self._plain_limit:
            what = f"a level has more than {self._plain_limit} bytes, over {limits.expansion} for every stored one"
            raise exceeded(what, limits.expansion, "--restore-max-expansion")

    def _too_deep(self, path: bytes) -> bool:
        depth = path.count(b"/")
        if depth <= self._limits.depth:
            return False
        reason = f"it lies {depth} directories deep; --restore-max-depth allows {self._limits.depth}"
        self._target.failures.append(ItemFailure.of(path[:_SHOWN] + b"..." + path[-_SHOWN:], reason))
        return True

    def _directory(self, member: Member, links: Links) -> Fractions:
        """Take in a directory's entry; returns the mtime nanoseconds of its members."""
        body = member.body
        links.marked |= member.marked
        path = self._wanted.directory(member.path, body) if body is not None else self._plain(member)
        if path is not None:
            chosen = self._selection.has(path) or self._selection.leads_to(path)
            if chosen and not self._too_deep(path) and self._target.make_directory(path):
                self._target.directory_attributes(path, member.attributes)
                self.result.directories += 1
        if self._delete and body is not None and (now := self._wanted.met(member.path)) is not None:
            self._listed.put(now, body)
        return _fractions(member)

    def _plain(self, member: Member) -> bytes | None:
        """A directory of an archive that is not incremental."""
        return member.path if self._wanted.take(member.path) is not None else None

    def _write(self, path: bytes, member: Member, reader: ArchiveReader) -> bool:
        """Whether the member is in the target now, so that it can be linked to."""
        target, attributes = self._target, member.attributes
        self._progress.current(path)
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
        """Whether the item is in the target as the backup has it."""
        self._progress.advance(done_items=1)
        if outcome in (Outcome.SKIPPED, Outcome.EQUAL):
            self.result.skipped += 1
            return outcome is Outcome.EQUAL
        if outcome is not Outcome.WRITTEN:
            return False
        self.result.bytes += done
        if file:
            self.result.files += 1
        else:
            self.result.others += 1
        return True

    def _link(self, path: bytes, target: bytes, links: Links) -> None:
        existing = links.find(target)
        if existing is None:
            links.defer(target, path)
        else:
            self._count(self._target.hard_link(path, existing), True, 0)

    def _links_again(self, open_level: OpenLevel, links: Links) -> None:
        """Second reading: the first link gets the content of its target, the others are linked to it."""
        fractions = NO_FRACTIONS
        with open_level() as source:
            reader = ArchiveReader(source, self._limits)
            for member in reader:
                self._admit(member)
                if member.body is not None:
                    fractions.close()
                    fractions = _fractions(member)
                elif member.type not in _NO_CONTENT and (paths := links.take(member.path)):
                    if not member.exact:
                        member.attributes.mtime_ns += fractions.of(member.path)
                    if self._write(paths[0], member, reader):
                        for other in paths[1:]:
                            self._count(self._target.hard_link(other, paths[0]), True, 0)
        fractions.close()
        for target, path in links.left():
            reason = f"it is a hard link to {printable(target)}, which the archive does not hold"
            self._target.failures.append(ItemFailure.of(path, reason))

    def _delete_foreign(self) -> None:
        """Remove what the backup does not list, in the directories that it has."""
        for path in self._listed.paths():
            if not self._selection.has(path):
                continue
            known = Table()
            for body in self._listed.get(path):
                for part in lists.parts(body):
                    for name in (*part.stored, *part.unchanged, *part.directories):
                        known.put(name, b"")
            for name in self._target.children(path):
                if known.get(name) is None and self._target.remove(path + b"/" + name if path else name):
                    self.result.deleted += 1
            known.close()

    def _finish(self) -> Restored:
        self.result.stale = _sorted(self._wanted.stale)
        self.result.absent = _sorted(self._wanted.absent)
        self.result.failures = self._target.failures
        return self.result


def _sorted(failures: Failures) -> Failures:
    failures.sort(key=lambda failure: failure.path)
    return failures


def _fractions(member: Member) -> Fractions:
    return Fractions(member.path, member.body or (b"\0",), member.fractions) if member.fractions else NO_FRACTIONS
