"""What a removal leaves alone because it is young, to the second, and what it tells while it works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from freezer.container.catalogue import read_catalogue
from freezer.progress import NoProgress
from freezer.retention.rules import Rules
from freezer.storage.contract import Storage
from freezer.upkeep.removal import RemovalPlan, execute, plan_removal
from support.stored import ZERO, key, local, put

TOUCHED = ZERO + 1000
A_DAY = 86400
NOTHING = Rules(older_than=0)
EVERYTHING = Rules(older_than=ZERO + 10 * A_DAY)


def touch(root: Path, time: float = TOUCHED) -> None:
    """Everything below ``root`` was last touched at ``time``."""
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            os.utime(os.path.join(folder, name), (time, time))


def planned(storage: Storage, rules: Rules, now: float) -> RemovalPlan:
    return plan_removal(read_catalogue(storage), rules, now=now)


def forgotten(root: Path) -> Path:
    """A temporary object that a dead writer has left."""
    path = next(root.rglob("data/tar/h_n")) / ".freezer-tmp-0123456789abcdef"
    path.write_bytes(b"half")
    return path


@pytest.mark.parametrize(("seconds", "is_removed"), [(A_DAY - 1, False), (A_DAY, False), (A_DAY + 1, True)])
def test_a_leftover_goes_when_it_is_more_than_a_day_old(tmp_path: Path, seconds: int, is_removed: bool) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    put(storage, key(1, ZERO + 1), record=None)
    touch(tmp_path)
    assert bool(planned(storage, NOTHING, TOUCHED + seconds).remove) is is_removed


@pytest.mark.parametrize(("seconds", "is_removed"), [(A_DAY - 1, False), (A_DAY, False), (A_DAY + 1, True)])
def test_a_record_without_data_goes_when_it_is_more_than_a_day_old(
    tmp_path: Path, seconds: int, is_removed: bool
) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO + 9, zero=ZERO + 9))
    lost = put(storage, key(0, ZERO), data=None, state=None)
    touch(tmp_path)
    plan = planned(storage, EVERYTHING, TOUCHED + seconds)
    assert ([removal.key for removal in plan.remove] == [lost]) is is_removed


def test_a_young_record_without_data_that_no_rule_removes_is_kept_for_that_reason(tmp_path: Path) -> None:
    storage = local(tmp_path)
    lost = put(storage, key(0, ZERO), data=None, state=None)
    assert planned(storage, Rules(), 0).keep == ((lost, "no rule asks to remove anything"),)


def test_the_last_chain_stays_unless_it_is_given_up_by_name(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    assert planned(storage, EVERYTHING, TOUCHED).remove == ()


@pytest.mark.parametrize(("seconds", "is_swept"), [(A_DAY - 1, False), (A_DAY + 1, True)])
def test_what_a_writer_of_today_is_writing_is_not_swept(tmp_path: Path, seconds: int, is_swept: bool) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    temporary = forgotten(tmp_path)
    touch(tmp_path)
    plan = planned(storage, NOTHING, TOUCHED + seconds)
    assert any(temporary.name in name for name in plan.temporary) is is_swept
    assert plan.sweep_before == TOUCHED + seconds - A_DAY


def test_a_removal_sweeps_also_what_was_left_since_the_plan(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    put(storage, key(1, ZERO + 1), record=None)
    touch(tmp_path)
    plan = planned(storage, NOTHING, TOUCHED + 2 * A_DAY)
    assert plan.temporary == ()
    temporary = forgotten(tmp_path)
    touch(tmp_path)
    assert execute(storage, plan, NoProgress()).temporary == 1
    assert not temporary.exists()


class Told(NoProgress):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def phase(self, name: str, *, total_bytes: int | None = None, total_items: int | None = None) -> None:
        self.calls.append((name, total_bytes, total_items))

    def advance(self, *, done_bytes: int = 0, done_items: int = 0) -> None:
        self.calls.append((done_bytes, done_items))

    def current(self, name: str | bytes) -> None:
        self.calls.append(name)


def test_progress_names_each_backup_and_reaches_its_totals(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    put(storage, key(1, ZERO + 1))
    put(storage, key(0, ZERO + 99, zero=ZERO + 99))
    told = Told()
    plan = planned(storage, Rules(older_than=ZERO + 50), TOUCHED)
    execute(storage, plan, told)
    first, second = plan.remove
    assert told.calls == [
        ("remove", first.size + second.size, 2),
        str(first.key),
        (first.size, 1),
        str(second.key),
        (second.size, 1),
    ]
