"""A repository in memory, small backups that are made of a few chunks, and what must be true of it at any time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from freezer.repository import trees
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener
from freezer.repository.config import Decider as DeciderName
from freezer.repository.documents import Owners, Root, Source, Summary
from freezer.repository.index import Index
from freezer.repository.keys.agents import Agent
from freezer.repository.local import Head
from freezer.repository.names import Folder, new_id
from freezer.repository.packs.describing import describe
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter, How
from freezer.repository.protocol import collector, forgetting, reaper
from freezer.repository.protocol.attempt import Announcement, Trial, begin
from freezer.repository.protocol.backups import Backup, backups
from freezer.repository.protocol.collector import Collected
from freezer.repository.protocol.deciding import Decider, decider_of
from freezer.repository.store import Repository
from freezer.repository.trees import Entry, Type
from freezer.secret import Secret
from freezer.storage.contract import Capabilities, Storage
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage

Files = Mapping[bytes, bytes]
"""What is backed up: names, and contents of which every byte stands for a chunk."""

HOW = How(workers=1, pack_size=2048, bundle_size=256)
CHUNK = 200  # bytes that a byte of a file stands for: one bundle each


class WeakMemory(MemoryStorage):
    """Cannot decide who was first."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(create_once=False, durable_bytes=False, durable_names=False)


class Stage:
    """``notices`` is all that anybody was told; ``expected`` what every attempt backs up, once it tries to commit.
    ``rows``: what an API would decide by, if that does."""

    def __init__(self, *, markers: bool = False, rows: Decider | None = None) -> None:
        self.clock = FakeClock()
        self.storage = WeakMemory(self.clock) if markers else MemoryStorage(self.clock)
        opener = Opener(Secret(bytes(range(32))), machine=True)
        plan = founding.Plan(opener, decider=DeciderName.API if rows else None)
        self.repository = founding.init(self.storage, self.clock, plan)
        strongest = DeciderName.MARKERS if markers else DeciderName.CREATE_ONCE
        assert self.repository.config.decider is (plan.decider or strongest)
        self._rows = rows
        self.notices: list[str] = []
        self.expected: dict[str, Files] = {}

    def agent(self) -> Agent:
        """A new one, admitted for all hosts."""
        agent = Agent.new(new_id(self.clock))
        self.repository.admit(agent, ["*"])
        return agent

    def enter(self, agent: Agent, storage: Storage | None = None) -> Repository:
        """The repository for that agent, over that storage."""
        mine = self.repository
        return Repository(storage or self.storage, mine.config, mine.keys, self.clock, agent)

    def begin(self, repository: Repository, name: str = "home") -> Trial:
        announcement = Announcement("host", name)
        return begin(
            repository, decider_of(repository, self._rows), announcement, self.notices.append, lives=lambda _: False
        )

    def back_up(
        self, repository: Repository, files: Files, name: str = "home", *, previous: Head | None = None
    ) -> Backup:
        """The whole of it, as an engine does it."""
        trial = self.begin(repository, name)
        index = trial.open_index(None, self.notices.append)
        writer = ChunkWriter(repository, trial.id, index, HOW)
        try:
            return self.store(repository, trial, index, writer, files, name, previous)
        finally:
            writer.abandon()

    def store(
        self,
        repository: Repository,
        trial: Trial,
        index: Index,
        writer: ChunkWriter,
        files: Files,
        name: str,
        previous: Head | None = None,
    ) -> Backup:
        """All that comes after the announcement."""
        writer.publish(trial.unpublished)
        tree = write_tree(repository, writer, files)
        written = writer.finish()
        root = Root(
            trial.id,
            "host",
            name,
            trial.started,
            [Source(b"/", tree)],
            sorted(written.needs),
            written.parts,
            [],
            Owners({}, {}),
        )
        summary = Summary("host", name, trial.started, repository.now(), [], [b"/"], len(files), 1, 0, 0, 0, True)
        self.expected[trial.id] = files

        def reread(missing: set[bytes]) -> None:
            write_tree(repository, writer, files)

        return trial.commit(root, summary, writer, index, previous=previous, reread=reread, notice=self.notices.append)

    def prune(self, repository: Repository, *, max_unused: float = 0.25) -> Collected:
        decider = decider_of(repository, self._rows)
        plan = collector.plan(repository, decider, cache=None, notice=self.notices.append, max_unused=max_unused)
        return collector.carry_out(repository, plan, notice=self.notices.append)

    def reap(self, repository: Repository, *, limit: float = 0.0) -> list[str]:
        decider = decider_of(repository, self._rows)
        overdue = reaper.overdue(repository, decider, self.notices.append, limit=limit)
        return reaper.reap(decider, overdue, self.notices.append)

    def forget(self, repository: Repository, attempt: str) -> None:
        forgetting.forget(repository, attempt, "test", None, self.notices.append)

    def backups(self) -> list[Backup]:
        return backups(self.repository, None, self.notices.append, decider=decider_of(self.repository, self._rows))

    def names(self, *folders: Folder) -> list[str]:
        """What is stored there."""
        return [name for folder in folders for name in self.repository.names(folder)]

    def is_empty(self) -> bool:
        """Whether no pack and no index part is left; or the rest belongs to an attempt that nobody can decide on."""
        ok, abort, done = (
            {name.removeprefix(folder) for name in self.names(folder)}
            for folder in (Folder.OK, Folder.ABORT, Folder.DONE)
        )
        return bool((ok & abort) - done) or not self.names(Folder.PACKS, Folder.META, Folder.INDEX)

    def packs(self) -> list[str]:
        return self.names(Folder.PACKS, Folder.META)

    def read(self, backup: Backup) -> dict[bytes, bytes]:
        """The files of a backup, as somebody finds them who comes now."""
        index = Index.load(self.repository, notice=self.notices.append)
        for name in index.unlisted(self.packs()):
            index.add(describe(self.repository, name))
        return read_root(self.repository, index, backup.root(self.repository))

    def check(self) -> None:
        """Every backup that is there has what it should have."""
        for backup in self.backups():
            assert self.read(backup) == expand(self.expected[backup.attempt]), backup.attempt


def write_tree(repository: Repository, writer: ChunkWriter, files: Files) -> bytes:
    entries = []
    for name, content in sorted(files.items()):
        ids = [writer.store(Use.CONTENT, bytes([byte]) * CHUNK) for byte in content]
        entries.append(Entry(name, Type.FILE, 0o644, 0, 0, 0, len(content) * CHUNK, b"".join(ids)))
    inner = trees.write(entries, repository.keys.ids.name_hash, lambda raw: writer.store(Use.TREE, raw))
    top = [Entry(b"d", Type.DIRECTORY, 0o755, 0, 0, 0, 0, inner)]
    return trees.write(top, repository.keys.ids.name_hash, lambda raw: writer.store(Use.TREE, raw))


def read_root(repository: Repository, index: Index, root: Root) -> dict[bytes, bytes]:
    reader = PackReader(repository, index)

    def entries(tree: bytes) -> list[Entry]:
        return trees.read(tree, partial(reader.chunk, Use.TREE))

    (top,) = entries(root.sources[0].tree)
    assert isinstance(top.content, bytes)
    files: dict[bytes, bytes] = {}
    for entry in entries(top.content):
        assert isinstance(entry.content, bytes)
        chunks = [reader.chunk(Use.CONTENT, id) for id in trees.split(entry.content)]
        files[entry.name] = b"".join(chunks)
    return files


def expand(files: Files) -> dict[bytes, bytes]:
    return {name: b"".join(bytes([byte]) * CHUNK for byte in content) for name, content in files.items()}
