"""Removing backups: what goes, in which order, and what an interruption leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.container.catalogue import find_leftovers, read_catalogue
from freezer.container.layout import (
    BackupKey,
    data_name,
    hold_name,
    legacy_data_name,
    legacy_state_name,
    record_name,
    segment_name,
    state_name,
)
from freezer.container.selection import path_to
from freezer.errors import BusyError, TransientError
from freezer.progress import NoProgress
from freezer.retention.rules import Rules
from freezer.storage.contract import Storage
from freezer.storage.local import LocalStorage
from freezer.upkeep.candidates import candidates
from freezer.upkeep.removal import DAY, RemovalPlan, RemovalResult, execute, plan_removal
from support.stored import ZERO, key, local, put, record_of

NOW = ZERO + 400 * DAY
OLD, NEW = ZERO, ZERO + 100 * 86400
CUT = Rules(older_than=ZERO + 50 * DAY)


def age(root: Path) -> None:
    """Make everything below ``root`` look as old as ZERO."""
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            os.utime(os.path.join(folder, name), (ZERO, ZERO))


def fill(storage: Storage) -> tuple[list[BackupKey], list[BackupKey]]:
    """An old chain 0 1 2 2 and a new one 0 1, the old one with segments; their keys."""
    old = [put(storage, key(level, OLD + 10 * n)) for n, level in enumerate((0, 1, 2, 2))]
    for member in old:
        storage.put(segment_name(member, 0), b"segment")
    new = [put(storage, key(level, NEW + level, zero=NEW)) for level in (0, 1)]
    return old, new


def planned(storage: Storage, rules: Rules = CUT, *, allow_empty: bool = False, grace: float = DAY) -> RemovalPlan:
    return plan_removal(read_catalogue(storage), rules, now=NOW, allow_empty=allow_empty, grace=grace)


def run(storage: Storage, plan: RemovalPlan) -> RemovalResult:
    return execute(storage, plan, NoProgress())


def left(storage: Storage) -> list[BackupKey]:
    return [backup.key for backup in read_catalogue(storage).backups]


def test_an_old_chain_goes_whole_and_leaves_nothing(tmp_path: Path) -> None:
    storage = local(tmp_path)
    old, new = fill(storage)
    before = sum(found.size for found in storage.list())
    plan = planned(storage)
    assert [removal.key for removal in plan.remove] == [old[3], old[2], old[1], old[0]]
    assert [kept for kept, _ in plan.keep] == new
    result = run(storage, plan)
    assert left(storage) == new
    assert not find_leftovers(storage)
    after = sum(found.size for found in storage.list())
    assert (result.backups, result.leftovers, result.objects) == (4, 0, 16)
    assert result.bytes == plan.size == before - after
    assert not (tmp_path / "data/tar/h_n" / str(OLD)).exists()


def test_planning_changes_nothing(tmp_path: Path) -> None:
    storage = local(tmp_path)
    fill(storage)
    before = storage.list()
    assert planned(storage).remove
    assert storage.list() == before


def test_the_record_goes_first_of_every_backup(tmp_path: Path) -> None:
    storage = local(tmp_path)
    fill(storage)
    removal = planned(storage).remove[0]
    assert [part.name for part in removal.objects] == [
        record_name(removal.key),
        data_name(removal.key),
        state_name(removal.key),
        segment_name(removal.key, 0),
    ]


class Dying(LocalStorage):
    """Fails for good after so many deletions."""

    def __init__(self, root: Path, deletions: int) -> None:
        super().__init__(str(root), clock=SystemClock())
        self.deletions = deletions

    def delete(self, name: str) -> None:
        if self.deletions == 0:
            raise TransientError("connection lost")
        self.deletions -= 1
        super().delete(name)


@pytest.mark.parametrize("deletions", range(16))
def test_an_interruption_leaves_whole_chains_and_the_next_run_finishes(tmp_path: Path, deletions: int) -> None:
    storage = local(tmp_path)
    _, new = fill(storage)
    with pytest.raises(TransientError):
        run(Dying(tmp_path, deletions), planned(storage))
    catalogue = read_catalogue(storage)
    assert not catalogue.broken
    for chain in catalogue.chains():
        for member in chain.members:
            assert path_to(catalogue, chain, member)[-1] is member
    age(tmp_path)
    run(storage, planned(storage))
    assert left(storage) == new
    assert not find_leftovers(storage)


def test_a_level_that_a_young_increment_needs_stays(tmp_path: Path) -> None:
    storage = local(tmp_path)
    full = put(storage, key(0, OLD))
    young = put(storage, key(1, NEW))
    put(storage, key(0, NEW + 5, zero=NEW + 5))
    plan = planned(storage)
    assert not plan.remove
    reasons = dict(plan.keep)
    assert "its chain was last added to at" in reasons[full]
    assert reasons[full] == reasons[young]


def test_a_cut_off_of_zero_removes_nothing_and_the_newest_chain_stays(tmp_path: Path) -> None:
    storage = local(tmp_path)
    _, new = fill(storage)
    assert not planned(storage, Rules(older_than=0)).remove
    everything = Rules(older_than=NOW)
    assert [kept for kept, _ in planned(storage, everything).keep] == new
    run(storage, planned(storage, everything, allow_empty=True))
    assert left(storage) == []


def test_the_newest_chain_is_the_newest_that_can_be_restored(tmp_path: Path) -> None:
    storage = local(tmp_path)
    old, new = fill(storage)
    storage.put(record_name(new[0]), b"damaged")
    age(tmp_path)
    plan = planned(storage, Rules(older_than=NOW))
    assert {kept for kept, _ in plan.keep} == set(old)
    reasons = {removal.key: removal.reason for removal in plan.remove}
    assert "cannot be restored" in reasons[new[0]]
    assert "cannot be restored" in reasons[new[1]]


def test_a_record_of_a_newer_program_is_not_junk(tmp_path: Path) -> None:
    storage = local(tmp_path)
    _, new = fill(storage)
    storage.put(record_name(new[0]), b'{"engine_name":"tar","encryption":false,"freezer":{"format":9}}')
    storage.put(record_name(new[1]), b'{"engine_name":"tar","encryption":false,"freezer":{"format":9}}')
    assert [kept for kept, _ in planned(storage, Rules(older_than=NOW)).keep] == new


def test_a_newer_programs_increment_on_a_damaged_base_is_no_good_backup(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, OLD), record=b"damaged")
    top = put(storage, key(1, OLD + 1), record=b'{"engine_name":"tar","encryption":false,"freezer":{"format":9}}')
    flaw = candidates(read_catalogue(storage))[top].flaw
    assert flaw is not None
    assert "0_1700000000/metadata is no backup record" in flaw


def test_the_base_that_a_record_names_is_what_it_needs(tmp_path: Path) -> None:
    storage = local(tmp_path)
    full, stated, later, top = (key(level, OLD + n) for n, level in enumerate((0, 1, 1, 2)))
    put(storage, full, record=record_of(full))
    put(storage, stated, record=record_of(stated, base=full))
    put(storage, later, record=record_of(later, base=full))
    put(storage, top, record=record_of(top, base=stated))
    plan = planned(storage, Rules(last=1))
    assert {kept for kept, _ in plan.keep} == {full, stated, top}
    items = candidates(read_catalogue(storage))
    assert items[top].needs == (items[stated].id,)


def test_every_set_is_judged_on_its_own(tmp_path: Path) -> None:
    storage = local(tmp_path)
    mine = put(storage, key(0, OLD))
    other = put(storage, key(0, NEW, zero=NEW, name="h_other"))
    assert [kept for kept, _ in planned(storage, Rules(last=1)).keep] == [mine, other]


def test_only_the_set_that_was_asked_for_is_touched(tmp_path: Path) -> None:
    storage = local(tmp_path)
    fill(storage)
    foreign = put(storage, key(0, OLD, name="h_n2"))
    put(storage, key(0, OLD + 1, name="h_n2"), record=None)
    age(tmp_path)
    plan = plan_removal(
        read_catalogue(storage, engine="tar", name="h_n"), Rules(older_than=NOW), now=NOW, allow_empty=True
    )
    run(storage, plan)
    assert left(storage) == [foreign]
    assert len(find_leftovers(storage)) == 1


def test_a_set_that_is_held_is_not_touched(tmp_path: Path) -> None:
    storage = local(tmp_path)
    old, new = fill(storage)
    plan = planned(storage)
    with local(tmp_path).hold(hold_name(old[0].set), shared=True), pytest.raises(BusyError):
        run(storage, plan)
    assert left(storage) == old + new


def test_a_set_that_gained_a_backup_since_the_plan_is_not_touched(tmp_path: Path) -> None:
    storage = local(tmp_path)
    old, new = fill(storage)
    plan = planned(storage)
    late = put(storage, key(3, OLD + 99))
    with pytest.raises(BusyError, match="gained a backup since"):
        run(storage, plan)
    assert set(left(storage)) == {*old, *new, late}


def test_the_set_is_held_while_its_objects_go(tmp_path: Path) -> None:
    held: list[str] = []

    class Watching(LocalStorage):
        @contextmanager
        def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
            assert not shared
            with super().hold(name):
                held.append(name)
                yield
                held.remove(name)

        def delete(self, name: str) -> None:
            assert held == ["metadata/tar/h_n"]
            super().delete(name)

    storage = Watching(str(tmp_path), clock=SystemClock())
    fill(storage)
    assert run(storage, planned(storage)).backups == 4


def test_leftovers_go_after_their_grace(tmp_path: Path) -> None:
    storage = local(tmp_path)
    good = put(storage, key(0, OLD))
    dead = put(storage, key(1, OLD + 1), record=None)
    touched = max(found.modified for found in storage.list())
    catalogue = read_catalogue(storage)
    keep_all = Rules(older_than=0)
    assert not plan_removal(catalogue, keep_all, now=touched + DAY - 1).remove
    plan = plan_removal(catalogue, keep_all, now=touched + DAY + 1)
    assert [(removal.key, removal.committed, removal.reason) for removal in plan.remove] == [
        (dead, False, "it was never completed")
    ]
    assert plan_removal(catalogue, keep_all, now=touched + 1, grace=0).remove == plan.remove
    result = run(storage, plan)
    assert (result.backups, result.leftovers, result.objects) == (0, 1, 2)
    assert left(storage) == [good]


def test_a_leftover_that_was_committed_since_the_plan_is_spared(tmp_path: Path) -> None:
    storage = local(tmp_path)
    late = put(storage, key(0, OLD), record=None)
    age(tmp_path)
    plan = planned(storage, Rules(older_than=0))
    assert plan.remove
    put(storage, late)
    with pytest.raises(BusyError):
        run(storage, plan)
    assert left(storage) == [late]


def test_a_record_without_data_is_collected_but_not_while_it_is_fresh(tmp_path: Path) -> None:
    storage = local(tmp_path)
    fill(storage)
    lost = put(storage, key(0, OLD + 5, zero=OLD + 5), data=None, state=None)
    fresh = max(found.modified for found in storage.list())
    early = plan_removal(read_catalogue(storage), CUT, now=fresh + 5)
    assert dict(early.keep)[lost] == "it may still be being made"
    age(tmp_path)
    plan = planned(storage)
    assert lost in {removal.key for removal in plan.remove}
    run(storage, plan)
    assert not read_catalogue(storage).broken


def test_legacy_backups_go_by_the_same_rules(tmp_path: Path) -> None:
    storage = local(tmp_path)
    for level in (0, 1):
        for name in (legacy_data_name(key(level, OLD + level)), legacy_state_name(key(level, OLD + level))):
            storage.put(name, b"x")
    new = put(storage, key(0, NEW, zero=NEW))
    assert run(storage, planned(storage)).objects == 4
    assert [found.name for found in storage.list()] == sorted([record_name(new), data_name(new), state_name(new)])


def test_temporary_objects_of_dead_writers_are_planned_and_swept(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, OLD))
    upload = storage.open_write(data_name(key(1, OLD + 1)))
    upload.write(0, b"never committed")
    temporary = next(path for path in tmp_path.rglob(".freezer-tmp-*") if path.is_file())
    content = temporary.read_bytes()
    upload.abort()
    temporary.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_bytes(content)
    age(tmp_path)
    plan = planned(storage, Rules(older_than=0))
    assert str(temporary.relative_to(tmp_path)) in plan.temporary
    assert temporary.exists()
    assert run(storage, plan).temporary >= 1
    assert not temporary.exists()
