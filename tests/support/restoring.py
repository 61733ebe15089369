"""Backups in repositories, made with the real parts but without the agent, and restored again."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from freezer.browse.opened import Opened
from freezer.browse.selecting import Selection
from freezer.clock import Clock
from freezer.engine.contract import Restored, Tree
from freezer.engine.dedup.backup.earlier import Previous
from freezer.engine.dedup.backup.items import Options
from freezer.engine.dedup.backup.run import DedupBackup, Stream
from freezer.engine.dedup.restore.run import How, restore
from freezer.engine.dedup.restore.verifying import Checks, verify
from freezer.progress import NoProgress
from freezer.repository import trees
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener, Plan
from freezer.repository.documents import Attempt, Decision, Document, Root, Source, Summary, Verdict
from freezer.repository.ids import digest
from freezer.repository.index import Index
from freezer.repository.keys.agents import Agent
from freezer.repository.names import Folder, Kind, new_id
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.packs.writing import How as Writing
from freezer.repository.protocol.deciding import decider_of
from freezer.repository.store import Repository
from freezer.repository.trees import Entry
from freezer.storage.contract import Storage
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Sandbox

HOST = "host.example"
FILES = 60
"""How many :func:`make_source` makes."""
SMALL = Writing(workers=2, pack_size=64 * 1024, bundle_size=8 * 1024)


def quiet(_notice: str) -> None:
    """Nothing that these tests do is worth a notice."""


def loud(notice: str) -> None:
    raise AssertionError(notice)


def found_repository(
    storage: Storage | None = None, clock: Clock | None = None, plan: Plan | None = None
) -> Repository:
    """A new repository, by default not encrypted and in memory, with an agent that may write."""
    clock = clock or FakeClock()
    made = founding.init(storage or MemoryStorage(clock), clock, plan or Plan(Opener()))
    agent = Agent.new(new_id(clock))
    writing = Repository(made.storage, made.config, made.keys, clock, agent)
    writing.admit(agent, [HOST])
    return writing


def opened(repository: Repository) -> Opened:
    """What restores and listings take."""
    index = Index.load(repository, notice=loud)
    return Opened(repository, index, PackReader(repository, index))


def back_up(
    repository: Repository,
    source: Path | Tree | Stream,
    *,
    earlier: Root | None = None,
    writing: Writing | None = SMALL,
    **options: Any,
) -> Root:
    """A committed backup of ``source``."""
    index = Index.load(repository, notice=loud)
    attempt = new_id(repository.clock)
    repository.put(
        Kind.ATTEMPT,
        Folder.ATTEMPTS + attempt,
        Attempt(repository.agent.id, HOST, "name", repository.now()),  # type: ignore[union-attr]
    )
    writer = ChunkWriter(repository, attempt, index, writing)
    previous = None if earlier is None else Previous(earlier, PackReader(repository, index), index.packs)
    chosen = Tree(os.fsencode(source)) if isinstance(source, Path) else source
    backup = DedupBackup(chosen, repository, writer, previous, Options(**options), progress=NoProgress(), notice=quiet)
    made = backup.run()
    written = writer.finish()
    root = Root(
        attempt, HOST, "name", repository.now(), [made.source], sorted(written.needs), written.parts, made.states,
        made.owners,
    )  # fmt: skip
    return commit(repository, root, files=made.summary.files, bytes=made.summary.bytes, stored=written.stored_bytes)


def commit(repository: Repository, root: Root, *, files: int = 0, bytes: int = 0, stored: int = 0) -> Root:
    """Put the root, and decide on it."""
    raw = repository.put(Kind.ROOT, Folder.ROOTS + root.attempt, root)
    paths = [source.path for source in root.sources]
    summary = Summary(
        root.host, root.backup_name, root.started, repository.now(), ["tag"], paths, files, 0, bytes, stored, 0, True
    )
    decision = Decision(Verdict.COMMIT, root.attempt, repository.now(), digest(raw), summary=summary)
    decider_of(repository).commit(decision)
    return root


def joined(repository: Repository, roots: Sequence[Root]) -> Root:
    """A backup of all sources of several."""
    sources: list[Source] = [source for root in roots for source in root.sources]
    needs = sorted({name for root in roots for name in root.needs})
    root = msgspec.structs.replace(roots[0], attempt=new_id(repository.clock), sources=sources, needs=needs, parts=[])
    return commit(repository, root)


def bring_back(
    repository: Repository | Opened,
    root: Root,
    target: Path,
    *patterns: bytes,
    policy: Policy = Policy.ALWAYS,
    how: How | None = None,
) -> Restored:
    """Restore what ``patterns`` choose to ``target``."""
    at_hand = opened(repository) if isinstance(repository, Repository) else repository
    with Sandbox(target, policy=policy, devices=True) as sandbox:
        result = restore(at_hand, root, sandbox, Selection(patterns), NoProgress(), how)
        sandbox.finish()
    return result


def replaced(document: Document, **changes: Any) -> Any:
    return msgspec.structs.replace(document, **changes)


def make_source(top: Path) -> dict[str, bytes]:
    """Small files of several sizes in five directories; what is in them, by their paths."""
    chance = random.Random(7)
    files = {f"{number % 5}/{number:02}": chance.randbytes(1000 + 700 * (number % 9)) for number in range(FILES)}
    for name, content in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content)
    return files


def with_tree(repository: Repository, root: Root, entries: list[Entry]) -> Root:
    """A backup of which the top directory has these entries, whatever they are."""
    writer = ChunkWriter(repository, new_id(repository.clock), opened(repository).index)
    tree = trees.write(entries, repository.keys.ids.name_hash, lambda data: writer.store(Use.TREE, data))
    writer.finish()
    return replaced(root, sources=[replaced(root.sources[0], tree=tree)])


def entries_of(repository: Repository, root: Root, tree: bytes | None = None) -> list[Entry]:
    """What stands in a directory of a backup, by default the topmost."""
    at_hand = opened(repository)
    return trees.read(tree or root.sources[0].tree, partial(at_hand.reader.chunk, Use.TREE))


def verified(repository: Repository, root: Root, target: Path, **checks: bool) -> dict[str, str]:
    """How ``target`` differs from the backup, by paths."""
    found = verify(opened(repository), root, os.fsencode(target), Selection(), NoProgress(), Checks(**checks))
    return {failure.path: failure.reason for failure in found.failures}
