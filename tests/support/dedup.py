"""Backups of the dedup engine one after the other, and what is in them as a manifest (:mod:`support.manifest`)."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Collection
from functools import partial
from pathlib import Path

import msgspec

from freezer.engine.contract import Tree
from freezer.engine.dedup.backup.earlier import Previous
from freezer.engine.dedup.backup.items import Options
from freezer.engine.dedup.backup.result import Made
from freezer.engine.dedup.backup.run import DedupBackup, Stream
from freezer.progress import NoProgress, Progress
from freezer.repository import trees
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener, Plan
from freezer.repository.config import ChunkSizes
from freezer.repository.documents import Root
from freezer.repository.index import Index
from freezer.repository.keys.agents import Agent
from freezer.repository.names import new_id
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter, How, Written
from freezer.repository.trees import Entry, Type
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage
from support.manifest import Manifest, compare, make_manifest

SMALL_CHUNKS = ChunkSizes(1024, 4096, 16384)  # so that files of some kilobytes have several chunks
NO_OPTIONS = Options()
_TYPE_NAMES = {Type.FILE: "file", Type.DIRECTORY: "dir", Type.LINK: "symlink", Type.FIFO: "fifo"}


class Backed(msgspec.Struct):
    """One backup: what came of it, what was written for it, what was noticed, and the root that would be put."""

    made: Made
    written: Written
    notices: list[str]
    root: Root

    @property
    def failures(self) -> dict[str, str]:
        return {failure.path: failure.reason for failure in self.made.summary.failures}


class Series:
    """Backups into one repository in memory, each compared with the one before. Its clock is an hour ahead, so that
    what a test has just written counts as settled, unless ``ahead`` says otherwise."""

    def __init__(self, chunks: ChunkSizes = SMALL_CHUNKS, ahead: float = 3600.0) -> None:
        self.clock = FakeClock(time.time() + ahead)
        self.repository = founding.init(MemoryStorage(self.clock), self.clock, Plan(Opener(), chunks=chunks))
        self.repository.agent = Agent.new(new_id(self.clock))
        self.repository.admit(self.repository.agent, ["*"])
        self.index = Index()
        self.reader = PackReader(self.repository, self.index)
        self.last: Root | None = None

    def backup(
        self,
        source: Path | Tree | Stream,
        options: Options = NO_OPTIONS,
        *,
        progress: Progress | None = None,
        packs: Collection[str] | None = None,
    ) -> Backed:
        """``packs``: those that may be relied on, if not all."""
        usable = self.index.packs if packs is None else packs
        previous = Previous(self.last, self.reader, usable) if self.last else None
        attempt = new_id(self.clock)
        writer = ChunkWriter(self.repository, attempt, self.index, How(workers=2, pack_size=65536, bundle_size=8192))
        notices: list[str] = []
        tree = Tree(os.fsencode(source)) if isinstance(source, Path) else source
        backup = DedupBackup(
            tree,
            self.repository,
            writer,
            previous,
            options,
            progress=progress or NoProgress(),
            notice=notices.append,
        )
        try:
            made = backup.run()
            written = writer.finish()
        finally:
            writer.abandon()
        self.last = Root(
            attempt, "host", "name", 0, [made.source], sorted(written.needs), written.parts, made.states, made.owners
        )
        return Backed(made, written, notices, self.last)

    def entries(self, tree: bytes) -> list[Entry]:
        return trees.read(tree, partial(self.reader.chunk, Use.TREE))

    def content(self, entry: Entry) -> bytes:
        """The content of a file, chunk by chunk."""
        found = b""
        for piece in trees.pieces(entry.content, partial(self.reader.chunk, Use.LIST)):
            if isinstance(piece, int):
                found += bytes(piece)
            else:
                found += b"".join(self.reader.chunk(Use.CONTENT, id) for id in trees.split(piece))
        return found

    def files(self, backed: Backed) -> dict[str, Entry]:
        """Everything in a backup by path."""
        found: dict[str, Entry] = {}
        waiting = [("", backed.made.source.tree)]
        while waiting:
            above, tree = waiting.pop()
            for entry in self.entries(tree):
                path = os.path.join(above, os.fsdecode(entry.name))
                found[path] = entry
                if entry.type == Type.DIRECTORY and isinstance(entry.content, bytes):
                    waiting.append((path, entry.content))
        return found

    def manifest(self, backed: Backed) -> Manifest:
        """What a restore of the backup would make, as :func:`support.manifest.make_manifest` says it."""
        found = {path: self._described(entry) for path, entry in self.files(backed).items()}
        if backed.made.source.top:
            found["."] = self._described(trees.decode_entry(backed.made.source.top, "the top"))
        groups: dict[str, list[str]] = {}
        for path, entry in self.files(backed).items():
            if entry.extra.first:
                first = os.fsdecode(entry.extra.first)
                groups.setdefault(first, [first]).append(path)
        for group in groups.values():
            for path in group:
                found[path]["hardgroup"] = min(group)
        return dict(sorted(found.items()))

    def _described(self, entry: Entry) -> dict[str, object]:
        more = entry.extra
        told: dict[str, object] = {
            "type": _TYPE_NAMES.get(Type(entry.type), "dev"),
            "mode": f"0o{entry.mode:o}",
            "uid": entry.user,
            "gid": entry.group,
            "mtime_ns": entry.modified,
        }
        if entry.type == Type.FILE:
            told["size"] = entry.size
            told["sha256"] = hashlib.sha256(self.content(entry)).hexdigest()
        if more.link:
            told["target"] = os.fsdecode(more.link)
        if more.device:
            told["rdev"] = list(more.device)
        if more.xattrs:
            told["xattrs"] = {os.fsdecode(name): value.decode("latin-1") for name, value in more.xattrs}
        return told


def small_source(folder: Path) -> Path:
    """A new tree of ``item``, ``other`` and ``sub/below``, for tests in which something happens to ``item`` and the
    others must be there."""
    source = folder / "source"
    (source / "sub").mkdir(parents=True)
    (source / "item").write_bytes(b"item")
    (source / "other").write_bytes(b"other")
    (source / "sub" / "below").write_bytes(b"below")
    return source


def assert_whole(series: Series, backed: Backed, source: Path) -> None:
    """Nothing failed, and everything is in the backup as it is in the source."""
    assert not backed.failures
    assert compare(make_manifest(source), series.manifest(backed), ignore=("alloc", "nlink")) == []
