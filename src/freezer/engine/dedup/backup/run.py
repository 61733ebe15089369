"""One backup of one source."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection

import msgspec

from freezer.engine.contract import Summary, Tree
from freezer.engine.dedup.backup.again import read_again
from freezer.engine.dedup.backup.contents import Contents, ReadInto
from freezer.engine.dedup.backup.earlier import Earlier, Forgotten, Previous
from freezer.engine.dedup.backup.items import Items, Options
from freezer.engine.dedup.backup.result import Counts, Made
from freezer.engine.dedup.backup.walk import Walk
from freezer.errors import SourceError
from freezer.progress import Notice, Progress
from freezer.repository import trees
from freezer.repository.documents import Owners, Source, SourceKind
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.store import Repository
from freezer.repository.trees import Entry, More, Type
from freezer.tree.handles import Handles
from freezer.tree.owners import group_name, user_name
from freezer.tree.system import geteuid
from freezer.tree.xattrs import read_xattrs

SAFETY_NS = 2_000_000_000
"""How long before its start a backup takes what changed for unsettled. A file written in the same instant gets a ctime
a few milliseconds older than a clock read before."""

_STREAM_MODE = 0o600


class Stream(msgspec.Struct, frozen=True):
    """A source that is read from its beginning to its end, stored as the file ``name``. ``read`` puts bytes into a
    buffer and says how many, 0 at the end; ``path``: where it comes from, empty for standard input."""

    name: bytes
    read: ReadInto
    path: bytes = b""


class DedupBackup:
    """Stores one source through ``writer``; what comes of it is a backup only once a root and a commit say so.

    ``previous``: the backup to compare with, of the same source. The time at which this is made counts as the start.
    """

    def __init__(
        self,
        source: Tree | Stream,
        repository: Repository,
        writer: ChunkWriter,
        previous: Previous | None,
        options: Options,
        *,
        progress: Progress,
        notice: Notice,
    ) -> None:
        self._source = source
        self._repository = repository
        self._writer = writer
        self._previous = previous
        self._options = options
        self._progress = progress
        self._notice = notice
        self._started = repository.now()
        self._made: Made | None = None

    def run(self) -> Made:
        """Read and store everything that is new. :class:`SourceError` if the source as a whole cannot be read; what
        fails in it is in the summary. The caller says by ``progress`` how much there will be."""
        if isinstance(self._source, Stream):
            self._made = self._store_stream(self._source)
            return self._made
        try:
            self._made = self._store_tree(self._source, self._previous)
        except Forgotten as problem:
            self._notice(f"{problem}: everything is read again")
            self._made = self._store_tree(self._source, None)
        return self._made

    def reread(self, ids: Collection[bytes], reader: PackReader) -> None:
        """Store those of the chunks ``ids`` again that unchanged files of the source still hold: a collector took them
        before :meth:`run` had its root. Whatever else is found is stored, too, if it is new. If that is not enough,
        because trees or states are gone that were taken over from an earlier backup, everything is read once more:
        what has not changed makes the same trees."""
        if self._made is None or isinstance(self._source, Stream):
            return
        with self._open(self._source) as handles:
            read_again(
                self._made.source.tree,
                frozenset(ids),
                handles,
                self._contents(),
                reader,
                follow=self._options.follow_symlinks,
            )
        if not all(map(self._writer.has, ids)):
            self._notice("trees that this backup took over were removed meanwhile: everything is read again")
            self._store_tree(self._source, None)

    def _contents(self) -> Contents:
        keys, sizes = self._repository.keys, self._repository.config.chunker
        return Contents(self._writer, sizes, keys.ids.seed, lambda count: self._progress.advance(done_bytes=count))

    def _open(self, tree: Tree) -> Handles:
        try:
            return Handles(tree.path, follow=self._options.follow_symlinks)
        except OSError as error:
            raise SourceError(f"{os.fsdecode(tree.path)} cannot be opened: {os.strerror(error.errno or 0)}") from error

    def _store_tree(self, tree: Tree, previous: Previous | None) -> Made:
        contents, summary = self._contents(), Summary()
        earlier = Earlier(previous, self._writer, self._notice)
        items = Items(contents, earlier, self._options, self._started - SAFETY_NS, summary, self._notice)
        with self._open(tree) as handles:
            try:
                walk = Walk(
                    handles,
                    self._writer,
                    self._repository.keys.ids.name_hash,
                    contents,
                    items,
                    earlier,
                    self._options,
                    self._progress,
                )
                id = walk.run(tree.name)
            finally:
                items.close()
            if tree.name is not None and not items.counts.total:
                reason = summary.failures[0].reason if summary.failures else "there is nothing to back up"
                raise SourceError(f"{os.fsdecode(os.path.join(tree.path, tree.name))} cannot be read: {reason}")
            top = _top(handles, walk) if tree.name is None else b""
        kind = SourceKind.TREE if tree.name is None else SourceKind.ENTRY
        path = tree.path if tree.name is None else os.path.join(tree.path, tree.name)
        items.counts.read_bytes = contents.read_bytes
        return Made(
            Source(path, id, kind, top), walk.memory.store(), _owners(walk.users, walk.groups), summary, items.counts
        )

    def _store_stream(self, stream: Stream) -> Made:
        contents = self._contents()
        content, size = contents.stream(_readable(stream))
        user, group = _ourselves()
        entry = Entry(stream.name, Type.FILE, _STREAM_MODE, user, group, self._started, size, content)
        tree = trees.write(
            [entry], self._repository.keys.ids.name_hash, lambda data: self._writer.store(Use.TREE, data)
        )
        summary = Summary(files=1, bytes=size, stored_items=1, stored_bytes=size)
        counts = Counts(new=1, read_bytes=contents.read_bytes)
        source = Source(stream.path or stream.name, tree, SourceKind.STREAM)
        return Made(source, [], _owners({user}, {group}), summary, counts)


def _top(handles: Handles, walk: Walk) -> bytes:
    """The entry of the source directory itself."""
    status = handles.status
    try:
        xattrs = tuple(sorted(read_xattrs(handles.root).items()))
    except OSError as error:
        walk.fail(b"", error)
        xattrs = ()
    walk.users.add(status.st_uid)
    walk.groups.add(status.st_gid)
    mode, more = stat.S_IMODE(status.st_mode), More(xattrs=xattrs) if xattrs else None
    entry = Entry(b"", Type.DIRECTORY, mode, status.st_uid, status.st_gid, status.st_mtime_ns, more=more)
    return trees.encode_entry(entry)


def _owners(users: set[int], groups: set[int]) -> Owners:
    return Owners(_named(users, user_name), _named(groups, group_name))


def _named(numbers: set[int], name_of: Callable[[int], str]) -> dict[int, str]:
    return {number: name for number in sorted(numbers) if (name := name_of(number))}


def _ourselves() -> tuple[int, int]:
    group = os.getegid() if hasattr(os, "getegid") else 0
    return max(geteuid(), 0), group


def _readable(stream: Stream) -> ReadInto:
    def read(view: memoryview) -> int:
        try:
            return stream.read(view)
        except OSError as error:
            where = os.fsdecode(stream.path) or "the standard input"
            raise SourceError(f"{where} cannot be read: {os.strerror(error.errno or 0)}") from error

    return read
