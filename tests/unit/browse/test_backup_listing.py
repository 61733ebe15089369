"""The list of backups."""

from __future__ import annotations

from pathlib import Path

import msgspec

from freezer.browse.listing import BackupRow, list_backups
from freezer.clock import SystemClock
from freezer.container.catalogue import read_catalogue
from freezer.container.document import GCM_STREAM
from freezer.storage.local import LocalStorage
from support import CONTAINERS
from support.stored import ZERO, key, local, put, record_of


def rows(storage: LocalStorage) -> tuple[BackupRow, ...]:
    return list_backups(read_catalogue(storage))


def test_upstreams_backups_are_listed_as_far_as_they_are_known() -> None:
    listed = rows(LocalStorage(str(CONTAINERS / "upstream-tar-gzip-enc" / "store"), clock=SystemClock()))
    assert [(row.level, row.chain, row.time) for row in listed] == [
        (0, 1795229907, 1795229907),
        (1, 1795229907, 1795229912),
        (2, 1795229907, 1795229919),
    ]
    first = listed[0]
    assert (first.id, first.name, first.engine) == ("fixturehost_fixture_1795229907_0", "fixturehost_fixture", "tar")
    assert (first.compression, first.encryption, first.layout) == ("gzip", "aes-256-cfb", "current")
    assert (first.hostname, first.path, first.partial, first.problem) == (None, None, False, None)


def test_legacy_backups_are_listed_too() -> None:
    listed = rows(LocalStorage(str(CONTAINERS / "upstream-legacy200-tar-gzip-none" / "store"), clock=SystemClock()))
    assert [(row.level, row.layout, row.compression) for row in listed] == [(n, "legacy", None) for n in range(3)]


def test_our_own_backups_tell_more(tmp_path: Path) -> None:
    storage = local(tmp_path)
    full, top = key(0, ZERO), key(1, ZERO + 9)
    record = record_of(full)
    put(storage, full, record=record)
    put(storage, top, record=record_of(top, base=full, failed=2, cipher=GCM_STREAM))
    first, second = rows(storage)
    assert (first.hostname, first.backup_name, first.path, first.encryption) == ("h", "n", "/srv/data", None)
    assert (first.partial, first.failed) == (False, 0)
    assert (second.partial, second.failed, second.path, second.encryption) == (True, 2, None, GCM_STREAM)
    assert first.size == sum(found.size for found in storage.list() if "/0_" in found.name)


def test_one_damaged_record_does_not_hide_the_others(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    put(storage, key(0, ZERO + 1, zero=ZERO + 1), record=b"junk")
    put(storage, key(0, ZERO + 2, zero=ZERO + 2), data=None)
    put(storage, key(2, ZERO + 3, zero=ZERO + 2))
    problems = [row.problem for row in rows(storage)]
    assert problems[0] is None
    assert problems[1] is not None
    assert "no backup record" in problems[1]
    assert problems[2] == "its data is missing from the container"
    assert problems[3] is not None
    assert "level 1 it builds on is missing" in problems[3]


def test_the_list_is_narrowed_by_engine_and_names_and_sorted(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO + 5, zero=ZERO + 5, name="b_n"))
    put(storage, key(0, ZERO, name="b_n"))
    put(storage, key(0, ZERO + 1, name="a_n", engine="rsync"))
    put(storage, key(0, ZERO + 2, zero=ZERO + 2, name="b_n"), data=None)
    catalogue = read_catalogue(storage)
    assert [(row.name, row.time - ZERO) for row in list_backups(catalogue)] == [
        ("a_n", 1),
        ("b_n", 0),
        ("b_n", 2),
        ("b_n", 5),
    ]
    assert {row.name for row in list_backups(catalogue, engine="rsync")} == {"a_n"}
    assert len(list_backups(catalogue, engine="tar", names=["b_n"])) == 3
    assert list_backups(catalogue, names=["c_n"]) == ()


def test_rows_are_json(tmp_path: Path) -> None:
    storage = local(tmp_path)
    put(storage, key(0, ZERO))
    (row,) = rows(storage)
    assert msgspec.json.decode(msgspec.json.encode(row), type=BackupRow) == row
