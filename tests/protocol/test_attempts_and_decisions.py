from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec
import pytest

from freezer.errors import BusyError, ContainerError, DamagedError, TransientError
from freezer.repository.documents import Attempt, Decision, Process, Summary, Verdict
from freezer.repository.names import PREFIX, Folder, Kind
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.protocol import condemned, process
from freezer.repository.protocol.attempt import Announcement, begin
from freezer.repository.protocol.backups import history
from freezer.repository.protocol.deciding import CreateOnce, decider_of
from freezer.repository.store import Repository
from freezer.storage.contract import ObjectInfo
from freezer.testing.faulty import Fault, FaultyStorage
from freezer.testing.faulty import Kind as Trouble
from protocol.stage import HOW, Stage, write_tree

SUMMARY = Summary("host", "home", 1, 2, [], [], 1, 1, 1, 1, 0, True)
DECIDERS = pytest.mark.parametrize("markers", [False, True], ids=["create-once", "markers"])


def commit_of(attempt: str) -> Decision:
    return Decision(Verdict.COMMIT, attempt, 1, summary=SUMMARY)


def interrupted(stage: Stage, repository: Repository, content: bytes) -> str:
    """An attempt that has stored packs and no index part, and died; its id."""
    trial = stage.begin(repository)
    writer = ChunkWriter(repository, trial.id, trial.open_index(None, stage.notices.append), HOW)
    write_tree(repository, writer, {b"one": content})
    writer.finish()
    for name in stage.names(Folder.INDEX):
        if trial.id in name:
            repository.delete(name)
    return trial.id


@DECIDERS
def test_the_next_attempt_takes_over_what_an_interrupted_one_has_stored(markers: bool) -> None:
    stage = Stage(markers=markers)
    repository = stage.enter(stage.agent())
    dead = interrupted(stage, repository, b"abcdef")
    before = set(stage.packs())
    stage.clock.advance(1)
    backup = stage.back_up(repository, {b"one": b"abcdef"})
    assert set(stage.packs()) == before  # nothing is stored twice
    stage.check()
    announced = repository.get(Kind.ATTEMPT, f"{Folder.ATTEMPTS}{backup.attempt}", Attempt).document
    assert announced.adopts == [dead]
    assert dead in history(repository, None, stage.notices.append).aborted
    assert len(stage.names(Folder.INDEX)) == 1  # which speaks of the adopted packs
    stage.prune(repository, max_unused=0.0)
    stage.check()
    assert stage.notices == []


def test_packs_of_an_interrupted_attempt_survive_prunes_until_they_are_adopted_from_generation_to_generation() -> None:
    stage = Stage()
    repository, other = stage.enter(stage.agent()), stage.enter(stage.agent())
    first = interrupted(stage, repository, b"abc")
    stage.prune(other)
    stage.clock.advance(1)
    second = interrupted(stage, repository, b"abcde")
    stage.prune(other)
    assert {name.split("/")[1].split("-")[0] for name in stage.packs()} == {first, second}
    packs = stage.packs()
    stage.clock.advance(1)
    stage.back_up(repository, {b"one": b"abcde"})
    assert stage.packs() == packs


def test_packs_of_a_dead_agent_are_collected_after_its_attempt_was_reaped() -> None:
    stage = Stage()
    interrupted(stage, stage.enter(stage.agent()), b"abc")
    other = stage.enter(stage.agent())
    stage.clock.advance(24 * 3600)
    assert stage.reap(other, limit=7 * 24 * 3600) == []
    assert stage.prune(other).deleted == []
    stage.clock.advance(7 * 24 * 3600)
    assert len(stage.reap(other, limit=7 * 24 * 3600)) == 1
    assert stage.prune(other).deleted
    assert stage.packs() == []


def test_an_attempt_whose_process_lives_here_is_left_alone() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    announcement = Announcement("host", "home")
    decider = decider_of(repository)
    begin(repository, decider, announcement, stage.notices.append)
    with pytest.raises(BusyError, match=f"process {os.getpid()}"):
        begin(repository, decider, announcement, stage.notices.append)
    begin(repository, decider, Announcement("host", "another"), stage.notices.append)
    begin(stage.enter(stage.agent()), decider, announcement, stage.notices.append)


def test_a_process_is_known_again_by_boot_and_start_time() -> None:
    own = process.own()
    assert own is not None
    assert process.lives(own)
    assert not process.lives(msgspec.structs.replace(own, started=own.started + 1))
    assert not process.lives(msgspec.structs.replace(own, boot="another"))
    assert not process.lives(Process(own.boot, 2**22 + 1, own.started))


@DECIDERS
def test_the_first_word_counts(markers: bool) -> None:
    stage = Stage(markers=markers)
    repository, reaper = stage.enter(stage.agent()), stage.enter(stage.agent())
    committed, aborted = stage.begin(repository, "one").id, stage.begin(repository, "two").id
    decider_of(repository).commit(commit_of(committed))
    assert not decider_of(reaper).abort(committed, "it seemed dead")
    assert decider_of(reaper).abort(aborted, "it seemed dead")
    with pytest.raises(ContainerError, match=f"the attempt {aborted} was aborted"):
        decider_of(repository).commit(commit_of(aborted))
    decided = decider_of(repository).decided(None, stage.notices.append)
    assert (set(decided.commits), decided.aborted) == ({committed}, {aborted})
    assert decider_of(repository).open_among(frozenset({committed, aborted, "x"})) == {"x"}


@pytest.mark.parametrize("trouble", [Trouble.BEFORE, Trouble.AFTER])
def test_a_commit_whose_answer_never_came_is_looked_up(trouble: Trouble) -> None:
    stage = Stage()
    agent = stage.agent()
    attempt = stage.begin(stage.enter(agent)).id
    faulty = FaultyStorage(stage.storage, [Fault(trouble, "put_new")])
    decider = CreateOnce(stage.enter(agent, faulty))
    if trouble is Trouble.AFTER:
        decider.commit(commit_of(attempt))
    else:
        with pytest.raises(TransientError):
            decider.commit(commit_of(attempt))
    committed = set(decider.decided(None, stage.notices.append).commits)
    assert committed == ({attempt} if trouble is Trouble.AFTER else set())


def test_a_storage_that_is_create_once_no_more_is_refused() -> None:
    stage = Stage()
    weak = Stage(markers=True).storage
    weak.objects.update(stage.storage.objects)
    repository = stage.enter(stage.agent(), weak)
    with pytest.raises(ContainerError, match="create-once, which its storage cannot do"):
        decider_of(repository).abort("0" * 26, "")


def test_a_storage_that_lets_two_decisions_pass_fails_the_attempt_that_lost() -> None:
    stage = Stage()
    agent = stage.agent()
    attempt = stage.begin(stage.enter(agent)).id
    other = stage.enter(stage.agent())

    class Careless(FaultyStorage):
        def put_new(self, name: str, data: bytes) -> None:  # type: ignore[override]
            self._inner.put(name, data)
            decision = Decision(Verdict.ABORT, attempt, 1, reason="it seemed dead")
            self._inner.put(name, other.pack_object(Kind.DECISION, name.removeprefix(PREFIX), decision))

    with pytest.raises(ContainerError, match="it seemed dead"):
        CreateOnce(stage.enter(agent, Careless(stage.storage))).commit(commit_of(attempt))


def test_what_writer_and_reaper_have_both_begun_to_decide_stays_undecided_and_is_kept() -> None:
    stage = Stage(markers=True)
    repository = stage.enter(stage.agent())
    stage.back_up(repository, {b"one": b"abc"})
    (attempt,) = (name.removeprefix(Folder.OK) for name in stage.names(Folder.OK))
    repository.delete(f"{Folder.DONE}{attempt}")
    decision = Decision(Verdict.ABORT, attempt, 1)
    repository.put(Kind.DECISION, f"{Folder.ABORT}{attempt}", decision)
    packs = stage.packs()
    assert not decider_of(repository).abort(attempt, "")
    stage.prune(repository)
    assert stage.backups() == []
    assert stage.packs() == packs


def test_a_commit_that_died_between_ok_and_done_is_completed_by_whoever_comes() -> None:
    stage = Stage(markers=True)
    repository = stage.enter(stage.agent())
    backup = stage.back_up(repository, {b"one": b"abc"})
    repository.delete(f"{Folder.DONE}{backup.attempt}")
    assert stage.backups() == []
    stage.clock.advance(1)
    assert stage.reap(stage.enter(stage.agent())) == []
    assert [each.attempt for each in stage.backups()] == [backup.attempt]
    assert stage.backups()[0].agent == backup.agent


def test_a_pack_that_was_cut_off_is_noticed_before_the_commit() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    trial = stage.begin(repository)
    index = trial.open_index(None, stage.notices.append)
    writer = ChunkWriter(repository, trial.id, index, HOW)
    try:
        write_tree(repository, writer, {b"one": b"abc"})
        pack = writer.finish().packs[0]
        stage.storage.objects[PREFIX + pack] = stage.storage.objects[PREFIX + pack][:-1]
        stage.store(repository, trial, index, writer, {b"one": b"abc"}, "home")
    finally:
        writer.abandon()
    stage.storage.objects.pop(PREFIX + pack)
    stage.check()


def test_a_list_of_condemned_packs_that_cannot_be_read_stops_writers_and_collectors() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    stage.back_up(repository, {b"one": b"abc"})
    condemned.publish(repository, "0" * 26, ["packs/x-0"])
    (name,) = stage.names(Folder.GC)
    stage.storage.objects[PREFIX + name] = stage.storage.objects[PREFIX + name][:-1]
    with pytest.raises(DamagedError, match="it is a list of condemned packs"):
        stage.back_up(repository, {b"one": b"d"})
    with pytest.raises(DamagedError, match="it is a list of condemned packs"):
        stage.prune(repository)


def test_packs_that_a_listing_does_not_show_yet_are_asked_for_by_name() -> None:
    stage = Stage()

    class Lagging(FaultyStorage):
        def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
            return [] if prefix in (PREFIX + Folder.PACKS, PREFIX + Folder.META) else super().list(prefix)

    repository = stage.enter(stage.agent(), Lagging(stage.storage))
    backup = stage.back_up(repository, {b"one": b"abc"})
    assert len(stage.packs()) == 2  # nothing is stored twice
    collected = stage.prune(repository)
    assert (collected.deleted, collected.parts) == ([], [])
    stage.forget(repository, backup.attempt)
    stage.prune(repository)
    assert stage.packs() == []
