"""Which backups a container holds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.container.catalogue import find_leftovers, read_catalogue
from freezer.container.layout import (
    SetId,
    claim_name,
    data_name,
    legacy_data_name,
    legacy_state_name,
    record_name,
    segment_name,
    state_name,
)
from freezer.container.levels import next_time
from freezer.errors import DamagedError, DataError, StorageError, TransientError
from freezer.storage.contract import ObjectInfo
from freezer.storage.local import LocalStorage
from support import CONTAINERS
from support.stored import ZERO, key, local, put, record_of


def test_upstreams_container_is_read_whole() -> None:
    storage = LocalStorage(str(CONTAINERS / "upstream-tar-gzip-none" / "store"), clock=SystemClock())
    catalogue = read_catalogue(storage)
    assert [(b.key.level, b.key.time) for b in catalogue.backups] == [(0, 1795229880), (1, 1795229887), (2, 1795229892)]
    assert catalogue.sets() == (SetId("tar", "fixturehost_fixture"),)
    assert not catalogue.broken
    assert not catalogue.notes
    for backup in catalogue.backups:
        record = catalogue.record(backup)
        assert record is not None
        assert (record.compression, record.cipher) == ("gzip", None)
        assert backup.state is not None
        assert backup.size > 1000


def test_the_legacy_layout_is_read_without_records() -> None:
    storage = LocalStorage(str(CONTAINERS / "upstream-legacy200-tar-gzip-none" / "store"), clock=SystemClock())
    for name in (None, "fixturehost_fixture"):
        catalogue = read_catalogue(storage, name=name)
        assert [(b.key.level, b.key.time, b.layout) for b in catalogue.backups] == [
            (0, 1795232490, "legacy"),
            (1, 1795232494, "legacy"),
            (2, 1795232499, "legacy"),
        ]
        assert all(catalogue.record(backup) is None for backup in catalogue.backups)
    assert not read_catalogue(storage, engine="rsync").backups


def test_segments_of_a_swift_container_belong_to_their_backup() -> None:
    store = CONTAINERS / "upstream-swift-tar-gzip-none" / "store" / "freezer_none"
    catalogue = read_catalogue(LocalStorage(str(store), clock=SystemClock()))
    first = catalogue.backups[0]
    assert [os.path.basename(part.name) for part in first.segments] == [f"{n:08d}" for n in range(len(first.segments))]
    assert first.segments
    assert first.size > first.data.size


def test_a_backup_is_there_only_with_record_and_data(tmp_path: Path) -> None:
    storage = local(tmp_path)
    whole = put(storage, key(0, ZERO))
    lost = put(storage, key(1, ZERO + 1), data=None)
    put(storage, key(2, ZERO + 2), record=None)
    catalogue = read_catalogue(storage)
    assert [backup.key for backup in catalogue.backups] == [whole]
    assert list(catalogue.broken) == [lost]
    assert catalogue.keys(whole.set) == {whole, lost}


def test_a_legacy_backup_needs_both_files(tmp_path: Path) -> None:
    storage = local(tmp_path)
    for level in (0, 1):
        storage.put(legacy_data_name(key(level, ZERO + level)), b"x")
    storage.put(legacy_state_name(key(0, ZERO)), b"x")
    assert [backup.key.level for backup in read_catalogue(storage).backups] == [0]


def test_names_that_are_no_numbers_are_noted_and_do_no_harm(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    storage.put("metadata/tar/h_n/old/0_1/metadata", b"{}")
    catalogue = read_catalogue(storage)
    assert len(catalogue.backups) == 1
    assert catalogue.notes == ("metadata/tar/h_n/old/0_1/metadata is not the record of a backup: ignored",)


@pytest.mark.parametrize("engine", [None, "tar"])
def test_a_name_that_begins_another_does_not_see_its_backups(tmp_path: Path, engine: str | None) -> None:
    storage = local(tmp_path)
    mine = put(storage, key(0, ZERO, name="h_web"))
    put(storage, key(0, ZERO + 5, name="h_web2"))
    put(storage, key(0, ZERO + 6, name="h_web/some-uuid"))
    put(storage, key(0, ZERO + 7, name="h_web/some-uuid"), record=None)
    catalogue = read_catalogue(storage, engine=engine, name="h_web")
    assert [backup.key for backup in catalogue.backups] == [mine]
    assert not catalogue.broken
    assert not find_leftovers(storage, engine=engine, name="h_web")


def test_a_backup_in_both_layouts_is_taken_from_the_current_one(tmp_path: Path) -> None:
    storage = local(tmp_path)
    both = put(storage, key(0, ZERO))
    storage.put(legacy_data_name(both), b"x")
    storage.put(legacy_state_name(both), b"x")
    assert [(backup.key, backup.layout) for backup in read_catalogue(storage).backups] == [(both, "current")]


@pytest.mark.parametrize("failing", ["metadata/", "data/", ""])
def test_a_listing_that_fails_is_never_no_backups(tmp_path: Path, failing: str) -> None:
    class Flaky(LocalStorage):
        def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
            if prefix == failing:
                raise TransientError("listing failed")
            return super().list(prefix)

    with pytest.raises(TransientError, match="listing failed"):
        read_catalogue(Flaky(str(tmp_path), clock=SystemClock()))


def test_a_missing_container_is_never_no_backups(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        read_catalogue(LocalStorage(str(tmp_path / "gone"), clock=SystemClock()))


def test_a_record_is_read_once_and_checked(tmp_path: Path) -> None:
    storage = local(tmp_path)
    good = put(storage, key(0, ZERO), record=record_of(key(0, ZERO)))
    put(storage, key(1, ZERO + 1), record=record_of(key(2, ZERO + 9)))
    catalogue = read_catalogue(storage)
    first = catalogue.record(catalogue.backups[0])
    storage.put(record_name(good), b"junk")
    assert catalogue.record(catalogue.backups[0]) is first
    with pytest.raises(DamagedError, match="moved or swapped"):
        catalogue.record(catalogue.backups[1])


def test_leftovers_are_data_that_nothing_commits(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    dead = put(storage, key(1, ZERO + 1), record=None)
    storage.put(segment_name(dead, 0), b"12345")
    other = put(storage, key(0, ZERO + 2, name="h_other"), record=None, state=None)
    leftovers = find_leftovers(storage)
    assert [leftover.key for leftover in leftovers] == [dead, other]
    assert {part.name for part in leftovers[0].objects} == {data_name(dead), state_name(dead), segment_name(dead, 0)}
    assert leftovers[0].size == len(b"data" + b"state" + b"12345")
    assert [leftover.key for leftover in find_leftovers(storage, engine="tar", name="h_n")] == [dead]


def test_what_has_objects_but_no_record_was_begun_and_its_second_is_taken(tmp_path: Path) -> None:
    storage = local(tmp_path)
    whole = put(storage, key(0, ZERO))
    dead = put(storage, key(1, ZERO + 5), record=None)
    catalogue = read_catalogue(storage)
    assert catalogue.begun == {dead}
    assert next_time(catalogue, whole.set, ZERO + 5) == ZERO + 6


def test_a_claim_that_stayed_belongs_to_its_backup_or_to_what_is_left_of_it(tmp_path: Path) -> None:
    storage, kept, begun = local(tmp_path), key(0, ZERO), key(0, ZERO + 9, zero=ZERO + 9)
    put(storage, kept)
    for each in (kept, begun):
        storage.put(claim_name(each, "a1"), b"")
    (backup,) = read_catalogue(storage).backups
    assert claim_name(kept, "a1") in [part.name for part in backup.objects]
    assert [part.name for left in find_leftovers(storage) for part in left.objects] == [claim_name(begun, "a1")]
    assert next_time(read_catalogue(storage), kept.set, ZERO) == ZERO + 10


def test_a_record_that_is_removed_meanwhile_is_one_that_cannot_be_read(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    catalogue = read_catalogue(storage)
    storage.delete(record_name(key(0, ZERO)))
    with pytest.raises(DataError, match="has been removed since"):
        catalogue.record(catalogue.backups[0])
