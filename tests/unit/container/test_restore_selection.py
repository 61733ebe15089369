"""Which backup a restore takes, and the levels it applies."""

from __future__ import annotations

from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.container.catalogue import read_catalogue
from freezer.container.layout import BackupKey
from freezer.container.selection import select
from freezer.errors import BackupNotFound, ChainBroken, UsageError
from freezer.storage.local import LocalStorage
from support import CONTAINERS
from support.stored import ZERO, key, local, put, record_of

SECOND = ZERO + 1000


def chosen(storage: LocalStorage, **wishes: object) -> list[tuple[int, int]]:
    """Level and seconds after ZERO of every backup that would be applied."""
    asked: dict[str, object] = {"hostname": "h", "backup_name": "n"} | wishes
    picked = select(read_catalogue(storage), **asked)  # type: ignore[arg-type]
    return [(backup.key.level, backup.key.time - ZERO) for backup in picked]


@pytest.fixture
def differential(tmp_path: Path) -> LocalStorage:
    """``--always-level 2``: levels 0 1 2 2 2, then a new chain 0 1."""
    storage = local(tmp_path)
    for level, seconds in ((0, 0), (1, 10), (2, 20), (2, 30), (2, 40)):
        put(storage, key(level, ZERO + seconds))
    for level, seconds in ((0, 1000), (1, 1010)):
        put(storage, key(level, ZERO + seconds, zero=SECOND))
    return storage


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (None, [(0, 1000), (1, 1010)]),
        (1010, [(0, 1000), (1, 1010)]),
        (1009, [(0, 1000)]),
        (999, [(0, 0), (1, 10), (2, 40)]),
        (40, [(0, 0), (1, 10), (2, 40)]),
        (39, [(0, 0), (1, 10), (2, 30)]),
        (20, [(0, 0), (1, 10), (2, 20)]),
        (19, [(0, 0), (1, 10)]),
        (0, [(0, 0)]),
    ],
)
def test_the_newest_state_no_newer_than_the_date_is_taken(
    differential: LocalStorage, date: int | None, expected: list[tuple[int, int]]
) -> None:
    assert chosen(differential, date=None if date is None else ZERO + date) == expected


def test_an_increment_builds_on_the_base_it_had_not_on_a_later_one(tmp_path: Path) -> None:
    storage = local(tmp_path)
    for level, seconds in ((0, 0), (1, 10), (2, 20), (1, 30)):
        put(storage, key(level, ZERO + seconds))
    assert chosen(storage, level=2) == [(0, 0), (1, 10), (2, 20)]
    assert chosen(storage) == [(0, 0), (1, 30)]


def test_a_level_asks_for_the_newest_backup_of_that_level(differential: LocalStorage) -> None:
    assert chosen(differential, level=2) == [(0, 0), (1, 10), (2, 40)]
    assert chosen(differential, level=0) == [(0, 1000)]
    with pytest.raises(BackupNotFound, match=r"no backup of h_n has level 3: there are levels 0, 1, 2"):
        chosen(differential, level=3)


def test_every_fixture_date_gives_its_level() -> None:
    for store in ("upstream-tar-gzip-none", "upstream-legacy200-tar-gzip-none"):
        storage = LocalStorage(str(CONTAINERS / store / "store"), clock=SystemClock())
        catalogue = read_catalogue(storage)
        for number, backup in enumerate(catalogue.backups):
            picked = select(catalogue, hostname="fixturehost", backup_name="fixture", date=backup.key.time)
            assert [each.key.level for each in picked] == list(range(number + 1))


def test_a_date_before_every_backup_says_how_old_the_oldest_is(differential: LocalStorage) -> None:
    with pytest.raises(BackupNotFound, match=r"as old as 2023-11-14T22:13:19Z.*oldest.*2023-11-14T22:13:20Z"):
        chosen(differential, date=ZERO - 1)


def test_an_unknown_name_is_answered_with_what_there_is(tmp_path: Path) -> None:
    storage = local(tmp_path)
    with pytest.raises(BackupNotFound, match="nor any other"):
        chosen(storage)
    for name in ("h_etc", "h_home", "other_n"):
        put(storage, key(0, ZERO, name=name))
    with pytest.raises(BackupNotFound, match="host h has the backup names: etc, home"):
        chosen(storage)
    with pytest.raises(BackupNotFound, match="these hosts have one: other"):
        chosen(storage, hostname="third")
    with pytest.raises(BackupNotFound, match="h_etc, h_home, other_n"):
        chosen(storage, hostname="third", backup_name="third")


def test_a_long_list_of_names_is_cut(tmp_path: Path) -> None:
    storage = local(tmp_path)
    for number in range(14):
        put(storage, key(0, ZERO, name=f"x_{number:02d}"))
    with pytest.raises(BackupNotFound, match=r"x_09 and 4 more") as caught:
        chosen(storage)
    assert "x_10" not in caught.value.message


def test_a_template_that_upstream_did_not_expand_is_found_under_its_raw_name(tmp_path: Path) -> None:
    storage = local(tmp_path)
    raw = "freezer_{mode}_{resource_id}"
    put(storage, key(0, ZERO, name=f"h_{raw}"))
    assert chosen(storage, backup_name="freezer_fs_h", raw_name=raw) == [(0, 0)]
    put(storage, key(0, SECOND, zero=SECOND, name="h_freezer_fs_h"))
    assert chosen(storage, backup_name="freezer_fs_h", raw_name=raw) == [(0, 1000)]
    assert chosen(storage, backup_name="freezer_fs_h", raw_name=raw, date=SECOND - 1) == [(0, 0)]


def test_a_missing_level_between_is_named(tmp_path: Path) -> None:
    storage = local(tmp_path)
    for level in (0, 2):
        put(storage, key(level, ZERO + level))
    with pytest.raises(ChainBroken, match=r"has level 2, but the level 1 it builds on is missing") as caught:
        chosen(storage)
    assert "KeyError" not in str(caught.value)
    assert chosen(storage, date=ZERO + 1) == [(0, 0)]


def test_a_level_0_whose_data_is_gone_breaks_the_chain_instead_of_giving_an_older_one(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    put(storage, key(0, SECOND, zero=SECOND), data=None)
    with pytest.raises(ChainBroken, match="data of level 0 of h_n") as caught:
        chosen(storage)
    assert caught.value.hint is not None
    assert "2023-11-14T22:13:20Z" in caught.value.hint
    assert chosen(storage, date=SECOND - 1) == [(0, 0)]


def test_a_clock_that_went_back_under_upstream_leaves_no_doubt_with_one_candidate(tmp_path: Path) -> None:
    storage = local(tmp_path)
    for level, seconds in ((0, 0), (1, 50), (2, 20)):
        put(storage, key(level, ZERO + seconds))
    assert chosen(storage, level=2) == [(0, 0), (1, 50), (2, 20)]


def test_of_two_possible_bases_the_newer_is_taken_and_a_guess_is_refused(tmp_path: Path) -> None:
    storage = local(tmp_path)
    for level, seconds in ((0, 0), (1, 10), (1, 20), (2, 30), (2, 5)):
        put(storage, key(level, ZERO + seconds))
    assert chosen(storage) == [(0, 0), (1, 20), (2, 30)]
    with pytest.raises(ChainBroken, match="the level 1 it builds on is missing"):
        chosen(storage, date=ZERO + 5)


def recorded(
    storage: LocalStorage, level: int, seconds: int, base: BackupKey | None, **fields: str | bytes
) -> BackupKey:
    mine = key(level, ZERO + seconds)
    return put(storage, mine, record=record_of(mine, base=base, **fields))  # type: ignore[arg-type]


def test_the_recorded_base_beats_the_times(tmp_path: Path) -> None:
    storage = local(tmp_path)
    full = recorded(storage, 0, 0, None)
    first = recorded(storage, 1, 10, full)
    recorded(storage, 1, 20, full)
    recorded(storage, 2, 30, first)
    assert chosen(storage) == [(0, 0), (1, 10), (2, 30)]


def test_a_base_with_another_state_is_not_the_base(tmp_path: Path) -> None:
    storage = local(tmp_path)
    full = recorded(storage, 0, 0, None, state=b"replaced")
    recorded(storage, 1, 10, full)
    with pytest.raises(ChainBroken, match="was not made from the level 0 that is stored now"):
        chosen(storage)


def test_a_recorded_base_that_is_gone_is_named_with_its_time(tmp_path: Path) -> None:
    storage = local(tmp_path)
    recorded(storage, 0, 0, None)
    recorded(storage, 1, 10, key(0, ZERO - 60))
    with pytest.raises(ChainBroken, match="level 0 of 2023-11-14T22:12:20Z it builds on is missing"):
        chosen(storage)


def test_a_record_that_names_a_base_of_another_level_is_refused(tmp_path: Path) -> None:
    storage = local(tmp_path)
    full = recorded(storage, 0, 0, None)
    recorded(storage, 2, 10, full)
    with pytest.raises(ChainBroken, match="names a level 0 as its base"):
        chosen(storage)


@pytest.mark.parametrize("id", ["h_n_1700000010_1", "my_container_h_n_1700000010_1", "6fd6f7b7"])
def test_an_id_needs_no_names(tmp_path: Path, id: str) -> None:
    storage = local(tmp_path)
    full = recorded(storage, 0, 0, None)
    recorded(storage, 1, 10, full, backup_id="6fd6f7b7")
    recorded(storage, 2, 20, key(1, ZERO + 10))
    put(storage, key(1, ZERO + 10, name="n"), record=b"unreadable")
    assert chosen(storage, hostname="?", backup_name="?", id=id) == [(0, 0), (1, 10)]


def test_of_two_names_that_end_a_composed_id_the_longer_is_meant(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO, name="x_n"))
    put(storage, key(0, ZERO, name="n"))
    (picked,) = select(read_catalogue(storage), hostname="?", backup_name="?", id=f"c_x_n_{ZERO}_0")
    assert picked.key.set.name == "x_n"


def test_an_unknown_or_ambiguous_id_is_an_error(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    put(storage, key(0, ZERO, engine="rsync"))
    with pytest.raises(BackupNotFound, match="has the id 77"):
        chosen(storage, id="77")
    with pytest.raises(UsageError, match="several engines") as caught:
        chosen(storage, id=key(0, ZERO).id)
    assert caught.value.hint == "add --engine, one of: rsync, tar"
    assert chosen(storage, id=key(0, ZERO).id, engine="rsync") == [(0, 0)]


def test_an_engine_that_was_named_is_the_only_one_looked_at(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    put(storage, key(0, SECOND, zero=SECOND, engine="rsync"))
    assert chosen(storage) == [(0, 1000)]
    assert chosen(storage, engine="tar") == [(0, 0)]
