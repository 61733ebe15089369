from __future__ import annotations

from pathlib import Path

import pytest

from freezer.errors import BackupNotFound, ContainerError, DamagedError, StorageFull
from freezer.repository.cache import Cache
from freezer.repository.documents import Check, Decision, Hold, State, Summary, Tomb, Verdict
from freezer.repository.keys.agents import Agent
from freezer.repository.names import PREFIX, Folder, Kind, new_id
from freezer.repository.protocol import collector, forgetting, quarantine
from freezer.repository.protocol.backups import backups, heads, history, rolled_back
from freezer.repository.protocol.deciding import decider_of
from freezer.repository.protocol.judging import Step
from freezer.repository.store import Repository
from freezer.testing.faulty import Fault, FaultyStorage
from freezer.testing.faulty import Kind as Wrong
from protocol.stage import Stage

DAY = 24 * 3600
SUMMARY = Summary("host", "home", 1, 2, [], [], 1, 1, 1, 1, 0, True)
DECIDERS = pytest.mark.parametrize("markers", [False, True], ids=["create-once", "markers"])


def steps(stage: Stage, repository: Repository, **options: float) -> dict[str, Step]:
    plan = collector.plan(
        repository,
        decider_of(repository),
        cache=None,
        notice=stage.notices.append,
        max_unused=options.get("max_unused", 0.25),
        budget=int(options["budget"]) if "budget" in options else None,
    )
    return {pack.name: pack.step for pack in plan.packs}


@DECIDERS
def test_listing_again_reads_no_decision_a_second_time(tmp_path: Path, markers: bool) -> None:
    stage = Stage(markers=markers)
    repository = stage.enter(stage.agent())
    for content in (b"a", b"b", b"c"):
        stage.back_up(repository, {b"one": content})
        stage.clock.advance(1)
    counting = FaultyStorage(stage.storage)
    reader = Repository(counting, repository.config, repository.keys, stage.clock)
    cache = Cache(str(tmp_path / "cache"), stage.notices.append)
    first = backups(reader, cache, stage.notices.append)
    assert [each.summary.backup_name for each in first] == ["home"] * 3
    counting.calls.clear()
    assert backups(reader, cache, stage.notices.append) == first
    assert not [call for call in counting.calls if call.operation == "get" and "agents/" not in call.name]
    stage.forget(repository, first[0].attempt)
    assert backups(reader, cache, stage.notices.append) == first[1:]
    assert stage.notices == []


def test_what_a_cache_says_that_somebody_altered_is_not_believed(tmp_path: Path) -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    stage.back_up(repository, {b"one": b"a"})
    cache = Cache(str(tmp_path / "cache"), stage.notices.append)
    expected = backups(repository, cache, stage.notices.append)
    for path in (tmp_path / "cache" / "catalog").iterdir():
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
    assert backups(repository, cache, stage.notices.append) == expected


def test_a_commit_of_an_agent_that_may_not_is_no_backup() -> None:
    stage = Stage()
    stranger, narrow = Agent.new(new_id(stage.clock)), Agent.new(new_id(stage.clock))
    stage.repository.admit(narrow, ["another"])
    for agent in (stranger, narrow):
        attempt = new_id(stage.clock)
        repository = stage.enter(agent)
        commit = Decision(Verdict.COMMIT, attempt, 1, summary=SUMMARY)
        repository.put(Kind.DECISION, f"{Folder.COMMITS}{attempt}", commit)
    assert stage.backups() == []
    assert sum("whom nobody admitted" in notice for notice in stage.notices) == 1
    assert sum("may not make backups of host" in notice for notice in stage.notices) == 1


def test_a_tomb_that_nobody_signed_forgets_nothing() -> None:
    stage = Stage()
    backup = stage.back_up(stage.enter(stage.agent()), {b"one": b"a"})
    stranger = stage.enter(Agent.new(new_id(stage.clock)))
    stranger.put(Kind.TOMB, f"{Folder.TOMBS}{backup.attempt}", Tomb(backup.attempt, 1))
    assert [each.attempt for each in stage.backups()] == [backup.attempt]
    stage.prune(stage.enter(stage.agent()))
    stage.check()


def test_a_root_that_is_not_the_one_that_was_committed_is_noticed() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    backup = stage.back_up(repository, {b"one": b"a"})
    root = backup.root(repository)
    repository.put(Kind.ROOT, f"{Folder.ROOTS}{backup.attempt}", root)
    with pytest.raises(DamagedError, match="not the root that was committed"):
        backup.root(repository)
    with pytest.raises(DamagedError, match="nothing is collected"):
        stage.prune(repository)


def test_a_backup_without_a_root_stops_collectors_until_it_is_forgotten() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    backup = stage.back_up(repository, {b"one": b"a"})
    repository.delete(f"{Folder.ROOTS}{backup.attempt}")
    with pytest.raises(DamagedError, match="where a backup begins, is gone"):
        stage.prune(repository)
    stage.forget(repository, backup.attempt)
    assert stage.prune(repository).deleted


def test_a_missing_pack_stops_collectors() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    stage.back_up(repository, {b"one": b"abc"})
    for folder in (Folder.PACKS, Folder.META):
        (name,) = stage.names(folder)
        kept = stage.storage.objects.pop(PREFIX + name)
        with pytest.raises(DamagedError, match="nothing is collected"):
            stage.prune(repository)
        stage.storage.objects[PREFIX + name] = kept


def test_a_rollback_is_noticed_and_forgetting_is_none() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    first = stage.back_up(repository, {b"one": b"a"})
    old = dict(stage.storage.objects)
    stage.clock.advance(1)
    last = stage.back_up(repository, {b"one": b"b"})

    def lines() -> list[str]:
        return rolled_back(history(repository, None, stage.notices.append), seen)

    seen = {first.agent: last.head}
    assert lines() == []
    stage.forget(repository, last.attempt)
    assert lines() == []
    stage.storage.objects.clear()
    stage.storage.objects.update(old)
    (line,) = lines()
    assert last.attempt in line
    assert "rolled back" in line
    seen = heads(history(repository, None, stage.notices.append))
    assert seen == {first.agent: first.head}
    assert lines() == []


def test_commits_of_an_agent_are_chained() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    first = stage.back_up(repository, {b"one": b"a"})
    stage.clock.advance(1)
    second = stage.back_up(repository, {b"one": b"b"}, previous=first.head)
    assert (first.decision.counter, second.decision.counter) == (0, 1)
    assert second.decision.previous == first.object.encode() + first.digest
    assert heads(history(repository, None, stage.notices.append)) == {first.agent: second.head}


def test_a_hold_prevents_a_tomb_until_it_ends_or_is_released() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    attempt = stage.back_up(repository, {b"one": b"a"}).attempt
    until = repository.now() + DAY * 10**9
    forgetting.hold(repository, attempt, until, "audit", stage.notices.append)
    with pytest.raises(ContainerError, match=r"held until .*Z \(audit\)"):
        stage.forget(repository, attempt)
    forgetting.hold(repository, attempt, forgetting.FOR_EVER, "court", stage.notices.append)
    with pytest.raises(ContainerError, match="held for ever"):
        stage.forget(repository, attempt)
    assert forgetting.holds(repository, None, stage.notices.append) == {attempt: Hold(attempt, 0, "court")}
    forgetting.release(repository, attempt, "court", stage.notices.append)
    forgetting.hold(repository, attempt, until, "audit", stage.notices.append)
    stage.clock.advance(DAY + 1)
    stage.forget(repository, attempt)
    with pytest.raises(BackupNotFound, match="forgotten already"):
        forgetting.hold(repository, attempt, forgetting.FOR_EVER, "too late", stage.notices.append)


def test_a_hold_that_came_between_keeps_what_a_tomb_would_let_go() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    backup = stage.back_up(repository, {b"one": b"abc"})
    stage.forget(repository, backup.attempt)
    repository.put(Kind.HOLD, f"{Folder.HOLDS}{backup.attempt}-0", Hold(backup.attempt, 0, ""))
    packs = stage.packs()
    stage.prune(repository)
    assert stage.packs() == packs
    for name in packs:  # a forgotten backup that is lost stops nobody
        repository.delete(name)
    stage.prune(repository)
    assert any("forgotten, but held" in notice for notice in stage.notices)


@DECIDERS
def test_what_is_left_of_forgotten_and_aborted_attempts_goes_after_ninety_days(markers: bool) -> None:
    stage = Stage(markers=markers)
    repository = stage.enter(stage.agent())
    backup = stage.back_up(repository, {b"one": b"a"})
    dead = stage.begin(repository, "dead").id
    stage.clock.advance(1)
    stage.reap(repository)
    stage.forget(repository, backup.attempt)
    stage.prune(repository)
    assert stage.names(Folder.ROOTS)
    stage.clock.advance(91 * DAY)
    assert stage.prune(repository).purged == []  # the clock may be ahead: nothing that was stored shows its time
    newer = stage.back_up(repository, {b"one": b"b"}).attempt
    purged = stage.prune(repository).purged
    assert purged[-1] == f"{Folder.TOMBS}{backup.attempt}"
    left = stage.names(*(folder for folder in Folder if folder not in (Folder.KEYS, Folder.RINGS, Folder.AGENTS)))
    decisions = [f"{Folder.ABORT}{dead}", f"{Folder.TOMBS}{dead}"] if markers else [f"{Folder.COMMITS}{dead}"]
    assert [name for name in left if not name.startswith(Folder.GC) and newer not in name] == decisions
    with pytest.raises(ContainerError, match="aborted"):  # whoever wakes up now is still told so
        decider_of(repository).commit(Decision(Verdict.COMMIT, dead, 1, summary=SUMMARY))


def test_a_pack_that_is_needed_in_part_is_moved_if_the_budget_allows() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    old = stage.back_up(repository, {b"one": b"abcd"})
    stage.clock.advance(1)
    stage.back_up(repository, {b"one": b"abc"}, "other")
    stage.forget(repository, old.attempt)
    data = next(name for name in stage.packs() if old.attempt in name and name.startswith(Folder.PACKS))
    assert steps(stage, repository, max_unused=0.5)[data] is Step.KEEP
    assert steps(stage, repository, max_unused=0.1)[data] is Step.MOVE
    assert steps(stage, repository, max_unused=0.1, budget=1)[data] is Step.KEEP
    collected = stage.prune(repository, max_unused=0.1)
    assert data in collected.deleted
    assert collected.moved_bytes > 0
    stage.check()
    assert len(stage.names(Folder.INDEX)) == 2


def test_without_room_for_what_is_moved_a_prune_deletes_what_nobody_needs_and_moves_the_next_time() -> None:
    stage = Stage()
    agent = stage.agent()
    repository = stage.enter(agent)
    kept = stage.back_up(repository, {b"one": b"abcd"})
    useless = stage.back_up(repository, {b"one": b"xyz"}, "other")
    stage.back_up(repository, {b"one": b"abc"}, "third")
    for each in (kept, useless):
        stage.forget(repository, each.attempt)
    full = Fault(Wrong.BEFORE, "put", f"{PREFIX}{Folder.PACKS}*", times=None, error=lambda: StorageFull("no space"))
    collected = stage.prune(stage.enter(agent, FaultyStorage(stage.storage, [full])), max_unused=0.1)
    assert any(useless.attempt in name for name in collected.deleted)
    assert not any(kept.attempt in name and name.startswith(Folder.PACKS) for name in collected.deleted)
    assert collected.moved_bytes == 0
    assert any("the next prune does it" in notice for notice in stage.notices)
    stage.check()
    collected = stage.prune(repository, max_unused=0.1)
    assert any(kept.attempt in name for name in collected.deleted)
    assert collected.moved_bytes > 0
    stage.check()


def test_a_prune_that_can_only_move_says_that_there_is_no_room() -> None:
    stage = Stage()
    agent = stage.agent()
    repository = stage.enter(agent)
    old = stage.back_up(repository, {b"one": b"abcd"})
    stage.back_up(repository, {b"one": b"abc"}, "other")
    stage.forget(repository, old.attempt)
    stage.prune(repository, max_unused=0.9)  # its trees
    packs = stage.packs()
    full = Fault(Wrong.BEFORE, "put", f"{PREFIX}{Folder.PACKS}*", times=None, error=lambda: StorageFull("no space"))
    with pytest.raises(StorageFull, match="no space"):
        stage.prune(stage.enter(agent, FaultyStorage(stage.storage, [full])), max_unused=0.1)
    assert stage.packs() == packs
    stage.check()


def many_small(stage: Stage, repository: Repository, count: int) -> None:
    """Backups of as many names, each with chunks of its own: a small pack of either kind for each."""
    for number in range(count):
        stage.clock.advance(1)
        stage.back_up(repository, {b"one": bytes([number, number, 255])}, f"name {number}")


@DECIDERS
def test_the_packs_of_many_small_backups_become_a_few(markers: bool) -> None:
    stage = Stage(markers=markers)
    repository = stage.enter(stage.agent())
    many_small(stage, repository, 7)
    assert set(steps(stage, repository).values()) == {Step.KEEP}
    many_small(stage, repository, 20)  # of which seven store nothing but a root
    packs = stage.packs()
    assert len(packs) >= 40
    collected = stage.prune(repository)
    assert sorted(collected.deleted) == sorted(packs)
    assert [len(stage.names(folder)) for folder in (Folder.PACKS, Folder.META)] == [1, 1]
    stage.check()
    assert set(steps(stage, repository).values()) == {Step.KEEP}
    assert stage.prune(repository).moved_bytes == 0


def test_small_packs_are_put_together_as_far_as_the_budget_allows() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    many_small(stage, repository, 12)

    def moved(budget: int | None) -> tuple[int, int]:
        """How many packs, and how many bytes of them."""
        decider = decider_of(repository)
        plan = collector.plan(repository, decider, cache=None, notice=stage.notices.append, budget=budget)
        return len(plan.of(Step.MOVE)), plan.moved

    packs, size = moved(None)
    assert packs == 24
    assert moved(0) == (0, 0)
    fewer, less = moved(size - 1)
    assert 8 <= fewer < 24
    assert less < size


def test_what_was_put_together_is_not_put_together_again_with_little() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    many_small(stage, repository, 20)
    stage.prune(repository)
    (large,) = stage.names(Folder.PACKS)
    many_small(stage, repository, 35)
    plan = {name: step for name, step in steps(stage, repository).items() if name.startswith(Folder.PACKS)}
    assert plan.pop(large) is Step.KEEP
    assert set(plan.values()) == {Step.MOVE}
    assert len(plan) == 15


def test_a_root_among_many_that_cannot_be_read_stops_collectors() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    many_small(stage, repository, 25)
    name = PREFIX + stage.names(Folder.ROOTS)[17]
    stage.storage.objects[name] = stage.storage.objects[name][:-1]
    with pytest.raises(DamagedError, match="nothing is collected while a root cannot be read"):
        stage.prune(repository)


def test_planning_changes_nothing() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    backup = stage.back_up(repository, {b"one": b"abc"})
    stage.forget(repository, backup.attempt)
    before = dict(stage.storage.objects)
    assert set(steps(stage, repository).values()) == {Step.CONDEMN}
    assert stage.storage.objects == before


def test_a_quarantined_pack_is_stored_again_and_then_goes() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    stage.back_up(repository, {b"one": b"abc"})
    (data,) = stage.names(Folder.PACKS)
    check = Check(1, 2, [(data, State.DAMAGED)], True)
    repository.put(Kind.CHECK, f"{Folder.CHECKS}{new_id(stage.clock)}", check)
    assert quarantine.load(repository, None, stage.notices.append) == {data}
    assert steps(stage, repository)[data] is Step.KEEP
    stage.clock.advance(1)
    stage.back_up(repository, {b"one": b"abc"})
    assert len(stage.names(Folder.PACKS)) == 2
    assert stage.prune(repository).deleted == [data]
    stage.check()


def test_index_parts_that_are_lost_are_written_again() -> None:
    stage = Stage()
    repository = stage.enter(stage.agent())
    stage.back_up(repository, {b"one": b"abc"})
    (part,) = stage.names(Folder.INDEX)
    stage.storage.objects[PREFIX + part] = b"rotten"
    stage.prune(repository)
    assert part not in stage.names(Folder.INDEX)
    stage.notices.clear()
    stage.check()
    assert stage.notices == []


@DECIDERS
def test_what_is_not_committed_cannot_be_forgotten(markers: bool) -> None:
    stage = Stage(markers=markers)
    repository = stage.enter(stage.agent())
    attempt = stage.begin(repository).id
    with pytest.raises(BackupNotFound, match=attempt):
        stage.forget(repository, attempt)
    assert stage.names(Folder.TOMBS) == []
