"""The level of the next backup: upstream's arithmetic, checked by running it many times."""

from __future__ import annotations

from pathlib import Path

import pytest

from freezer.container.catalogue import read_catalogue
from freezer.container.layout import SetId, legacy_data_name, legacy_state_name
from freezer.container.levels import DAY, LevelDecision, LevelRules, next_level, next_time
from freezer.storage.local import LocalStorage
from support.stored import ZERO, key, local, put, record_of

SET = SetId("tar", "h_n")
INCREMENTAL = LevelRules(incremental=True)


def decide(storage: LocalStorage, rules: LevelRules = INCREMENTAL, now: float = ZERO + 100) -> LevelDecision:
    return next_level(read_catalogue(storage, engine="tar", name="h_n"), SET, rules, now)


def run(storage: LocalStorage, rules: LevelRules, times: int, *, step: int = 10) -> list[int]:
    """Make ``times`` backups, ``step`` seconds apart; their levels."""
    levels = []
    for number in range(times):
        now = ZERO + number * step
        catalogue = read_catalogue(storage, engine="tar", name="h_n")
        decision = next_level(catalogue, SET, rules, now)
        time = next_time(catalogue, SET, now)
        put(storage, key(decision.level, time, zero=time if decision.zero is None else decision.zero))
        levels.append(decision.level)
    return levels


@pytest.mark.parametrize(
    ("rules", "levels"),
    [
        (LevelRules(incremental=False, max_level=3), [0, 0, 0]),
        (INCREMENTAL, [0, 1, 2, 3, 4, 5]),
        (LevelRules(incremental=True, max_level=2), [0, 1, 2, 0, 1, 2, 0]),
        (LevelRules(incremental=True, max_level=0), [0, 0, 0]),
        (LevelRules(incremental=True, always_level=2), [0, 1, 2, 2, 2, 2]),
        (LevelRules(incremental=True, always_level=1), [0, 1, 1, 1]),
        (LevelRules(incremental=True, always_level=0), [0, 0, 0]),
        (LevelRules(incremental=True, max_level=2, always_level=2), [0, 1, 2, 0, 1]),
    ],
)
def test_a_row_of_backups_has_upstreams_levels(tmp_path: Path, rules: LevelRules, levels: list[int]) -> None:
    assert run(local(tmp_path), rules, len(levels)) == levels


def test_a_chain_above_the_always_level_starts_anew(tmp_path: Path) -> None:
    storage = local(tmp_path)
    run(storage, INCREMENTAL, 4)
    decision = decide(storage, LevelRules(incremental=True, always_level=2))
    assert (decision.level, decision.base) == (0, None)
    assert "above --always-level 2" in decision.reason


def test_daily_runs_reach_the_restart_because_it_counts_from_level_0(tmp_path: Path) -> None:
    rules = LevelRules(incremental=True, restart_always_level=3)
    assert run(local(tmp_path), rules, 9, step=DAY) == [0, 1, 2, 3, 0, 1, 2, 3, 0]


def test_exactly_the_days_are_not_more_than_the_days(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    rules = LevelRules(incremental=True, restart_always_level=0.5)
    assert decide(storage, rules, ZERO + DAY / 2).level == 1
    assert decide(storage, rules, ZERO + DAY / 2 + 0.01).level == 0


def test_differentials_all_build_on_the_newest_level_below(tmp_path: Path) -> None:
    storage = local(tmp_path)
    for level, seconds in ((0, 0), (1, 10), (2, 20), (2, 30)):
        put(storage, key(level, ZERO + seconds))
    decision = decide(storage, LevelRules(incremental=True, always_level=2))
    assert decision.base is not None
    assert (decision.level, decision.zero, decision.base.key) == (2, ZERO, key(1, ZERO + 10))
    grown = decide(storage, INCREMENTAL)
    assert grown.base is not None
    assert (grown.level, grown.base.key) == (3, key(2, ZERO + 30))


def test_a_clock_set_back_forces_a_full_backup_and_says_so(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    decision = decide(storage, now=ZERO - 1)
    assert decision.level == 0
    assert "clock was set back" in decision.reason
    assert decide(storage, now=ZERO).level == 1


def test_after_a_clock_was_wrong_once_increments_go_on(tmp_path: Path) -> None:
    """Names run ahead of the clock to stay unique; the record has the real time."""
    storage = local(tmp_path)
    far = ZERO + 10 * DAY
    put(storage, key(0, far, zero=far))
    after = key(0, far + 1, zero=far + 1)
    put(storage, after, record=record_of(after, started=ZERO + 50.0))
    assert decide(storage, now=ZERO + 100).level == 1
    assert decide(storage, now=ZERO + 49).level == 0


@pytest.mark.parametrize("missing", ["data", "state"])
def test_a_base_without_its_parts_is_not_built_on(tmp_path: Path, missing: str) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    put(storage, key(1, ZERO + 1), **{missing: None})  # type: ignore[arg-type]
    decision = decide(storage)
    assert decision.level == 0
    assert "level 1 of h_n (tar) at 1700000001" in decision.reason


def test_a_chain_with_a_gap_is_not_built_on(tmp_path: Path) -> None:
    storage = local(tmp_path)
    for level in (0, 2):
        put(storage, key(level, ZERO + level))
    decision = decide(storage)
    assert decision.level == 0
    assert "level 1 it builds on is missing" in decision.reason


def test_a_chain_with_a_damaged_record_is_not_built_on(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO), record=b"{")
    put(storage, key(1, ZERO + 1))
    decision = decide(storage)
    assert decision.level == 0
    assert "no backup record" in decision.reason


def test_a_broken_old_chain_does_not_disturb_the_newest(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO - 50, zero=ZERO - 50), data=None)
    put(storage, key(0, ZERO))
    assert decide(storage).level == 1


def test_a_legacy_chain_is_not_continued(tmp_path: Path) -> None:
    storage = local(tmp_path)
    for name in (legacy_data_name(key(0, ZERO)), legacy_state_name(key(0, ZERO))):
        storage.put(name, b"x")
    decision = decide(storage)
    assert decision.level == 0
    assert "upstream 2.0" in decision.reason


def test_two_backups_in_one_second_get_different_times(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    put(storage, key(0, ZERO + 7, zero=ZERO + 7), data=None)
    put(storage, key(0, ZERO + 99, name="h_other"))
    catalogue = read_catalogue(storage)
    assert next_time(catalogue, SET, ZERO + 7.9) == ZERO + 8
    assert next_time(catalogue, SET, ZERO + 2) == ZERO + 8
    assert next_time(catalogue, SET, ZERO + 50.9) == ZERO + 50
    assert next_time(catalogue, SetId("tar", "h_new"), 12.5) == 12


def test_a_full_backup_is_due_only_where_the_rules_ask_for_it(tmp_path: Path) -> None:
    storage = local(tmp_path)
    assert not decide(storage).due, "there is nothing to build on"
    run(storage, INCREMENTAL, 3)
    assert decide(storage, LevelRules(incremental=True, max_level=2)).due
    assert decide(storage, LevelRules(incremental=True, restart_always_level=0.0001)).due
    assert not decide(storage).due
    assert not decide(storage, now=ZERO - DAY).due, "the clock was set back"
