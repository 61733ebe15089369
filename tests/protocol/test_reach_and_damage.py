from __future__ import annotations

import pytest

from freezer.errors import ContainerError, DamagedError
from freezer.repository import trees
from freezer.repository.documents import Check, Owners, Root, Source, State, Summary
from freezer.repository.index import Index
from freezer.repository.names import PREFIX, Folder, Kind, new_id
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.protocol import condemned
from freezer.repository.protocol.reach import Reach
from freezer.repository.store import Repository
from freezer.repository.trees import Entry, Type
from protocol.stage import HOW, Stage, write_tree

SUMMARY = Summary("host", "home", 1, 2, [], [], 1, 1, 1, 1, 0, True)


def root_of(attempt: str, tree: bytes, states: list[bytes], needs: set[str]) -> Root:
    return Root(attempt, "host", "home", 1, [Source(b"/", tree)], sorted(needs), [], states, Owners({}, {}))


def large(repository: Repository, writer: ChunkWriter) -> tuple[bytes, bytes]:
    """A directory that is divided, one file of which has its chunks in a list; its tree, and a state chunk."""
    ids = b"".join(writer.store(Use.CONTENT, bytes([number]) * 50) for number in range(40))
    raw = trees.encode_content([ids[:200], 4096, ids[200:]])
    lists = b"".join(writer.store(Use.LIST, raw[at : at + 300]) for at in range(0, len(raw), 300))
    entries = [Entry(b"%05d" % number, Type.FIFO, 0o600, 0, 0, 0) for number in range(trees.MOST_ENTRIES + 1)]
    entries[7] = Entry(b"00007", Type.FILE, 0o600, 0, 0, 0, 6096, [0, lists])
    entries[8] = Entry(b"00008", Type.FILE, 0o600, 0, 0, 0, 6096, [0, lists])
    tree = trees.write(entries, repository.keys.ids.name_hash, lambda raw: writer.store(Use.TREE, raw))
    return tree, writer.store(Use.STATE, b"state")


def test_everything_below_a_root_is_reachable_and_nothing_else() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    index = Index()
    writer = ChunkWriter(repository, new_id(stage.clock), index, HOW)
    tree, state = large(repository, writer)
    stranger = writer.store(Use.CONTENT, b"of nobody")
    written = writer.finish()
    reach = Reach(index, PackReader(repository, index).chunk)
    reach.walk([root_of("x", tree, [state], written.needs)])
    assert reach.complete
    assert sum(reach.marks) == len(index) - 1
    (number,) = index.many(stranger)
    assert number >= len(reach.marks) or not reach.marks[number]


@pytest.mark.parametrize("use", [Use.CONTENT, Use.TREE, Use.LIST, Use.STATE])
def test_what_is_lacking_is_known_by_its_use(use: Use) -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    everything = Index()
    writer = ChunkWriter(repository, new_id(stage.clock), everything, HOW)
    tree, state = large(repository, writer)
    written = writer.finish()
    index = Index()
    lacking: set[bytes] = set()
    for name in written.packs:
        record = everything.record(name)
        for bundle in record.bundles if record.kind is use.kind else ():
            lacking.update(trees.split(bundle.ids))
        if record.kind is not use.kind:
            index.add(record)
    reach = Reach(index, PackReader(repository, everything).chunk)
    reach.walk([root_of("x", tree, [state], written.needs)])
    assert reach.missing[use] <= lacking
    assert reach.missing[use]
    assert not reach.unread  # it was read all the same, from where it is known
    blind = Reach(index, PackReader(repository, index).chunk)
    blind.walk([root_of("x", tree, [state], written.needs)])
    assert not blind.complete
    assert bool(blind.unread) == (use is not Use.CONTENT)


def test_an_attempt_whose_chunks_can_be_had_from_nowhere_fails_with_one_line() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    trial = stage.begin(repository)
    index = trial.open_index(None, stage.notices.append)
    writer = ChunkWriter(repository, trial.id, index, HOW)
    tree = write_tree(repository, writer, {b"one": b"abc"})
    written = writer.finish()
    for name in written.packs:
        repository.delete(name)
    root = root_of(trial.id, tree, [], written.needs)
    with pytest.raises(ContainerError, match="was removed meanwhile"):
        trial.commit(root, SUMMARY, writer, index, notice=stage.notices.append)
    writer.abandon()
    assert stage.backups() == []
    stage.clock.advance(1)
    stage.back_up(repository, {b"one": b"abc"})
    stage.prune(repository)
    stage.check()


def test_a_pack_that_says_nothing_of_itself_is_left_alone() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    old = stage.back_up(repository, {b"one": b"abc"})
    junk = f"{Folder.PACKS}{new_id(stage.clock)}-0"
    stage.storage.objects[PREFIX + junk] = b"junk" * 100
    stage.forget(repository, old.attempt)
    assert stage.prune(repository).deleted
    assert stage.packs() == [junk]
    assert any(junk in notice for notice in stage.notices)


def test_what_is_damaged_and_condemned_stays_while_a_backup_needs_it() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    backup = stage.back_up(repository, {b"one": b"abc"})
    (data,) = stage.names(Folder.PACKS)
    condemned.publish(repository, new_id(stage.clock), [data])
    check = Check(1, 2, [(data, State.DAMAGED)], True)
    repository.put(Kind.CHECK, f"{Folder.CHECKS}{new_id(stage.clock)}", check)
    stage.prune(repository)
    assert data in stage.packs()
    assert any("it stays" in notice for notice in stage.notices)
    stage.check()
    stage.forget(repository, backup.attempt)
    stage.prune(repository)
    assert stage.packs() == []


def test_a_condemned_pack_that_a_backup_needs_is_moved_before_it_goes() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    stage.back_up(repository, {b"one": b"abc"})
    before = stage.packs()
    condemned.publish(repository, new_id(stage.clock), before)
    collected = stage.prune(repository)
    assert set(collected.deleted) == set(before)
    assert collected.rescued
    stage.check()
    assert not set(before) & set(stage.packs())


def test_a_damaged_bundle_is_not_moved_and_stops_the_prune_before_anything_is_deleted() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    old = stage.back_up(repository, {b"one": b"abcd"})
    stage.clock.advance(1)
    stage.back_up(repository, {b"one": b"abc"}, "other")
    stage.forget(repository, old.attempt)
    data = next(name for name in stage.packs() if old.attempt in name and name.startswith(Folder.PACKS))
    raw = bytearray(stage.storage.objects[PREFIX + data])
    raw[260] ^= 1
    stage.storage.objects[PREFIX + data] = bytes(raw)
    before = stage.packs()
    with pytest.raises(DamagedError, match=data):
        stage.prune(repository, max_unused=0.0)
    assert stage.packs() == before
    assert stage.names(Folder.GC) == []


def test_announcements_and_decisions_that_cannot_be_read_are_named_and_reaped_as_far_as_possible() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    for attempt in (one := new_id(stage.clock), two := new_id(stage.clock)):
        stage.storage.put(f"{PREFIX}{Folder.ATTEMPTS}{attempt}", b"junk")
    stage.storage.put(f"{PREFIX}{Folder.COMMITS}{two}", b"junk")
    stage.clock.advance(1)
    stage.back_up(repository, {b"one": b"abc"})
    assert stage.reap(repository) == [one]
    stage.prune(repository)
    stage.check()
    for name in (f"{Folder.ATTEMPTS}{one}", f"{Folder.COMMITS}{two}"):
        assert any(name in notice for notice in stage.notices)
