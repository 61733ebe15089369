"""Reads and writes that move less than they are asked to, and a file system that is really full."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import depot_stage
import pytest
from depot import PACKS, Depot
from depot_stage import DepotStage
from stage import SCENARIOS, Stage
from world import World, change, finish, go, restored, settle, start

from freezer.repository import reserve
from support.disks import small_disk
from support.manifest import make_manifest


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_short_reads_and_writes_change_nothing(tmp_path: Path, scenario: str) -> None:
    stage = Stage(tmp_path, SCENARIOS[scenario], files=12)
    stage.reset()
    child = start(stage.argv, "--short")
    go(child)
    assert stage.judge(finish(child)) == "exit 0"


@pytest.mark.parametrize("scenario", depot_stage.SCENARIOS)
def test_short_reads_and_writes_change_nothing_about_a_repository(tmp_path: Path, scenario: str) -> None:
    stage = DepotStage(tmp_path, depot_stage.SCENARIOS[scenario], files=6)
    stage.reset()
    child = start(stage.argv, "--short")
    go(child)
    assert stage.judge(finish(child)) == "exit 0"


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "size=1m,nr_inodes=60") as disk:
        yield disk


def test_a_backup_that_does_not_fit_leaves_the_container_as_it_was(full_disk: Path, chance: random.Random) -> None:
    world = World(full_disk.parent / "world", ["-M", "16K"])
    world.container.symlink_to(full_disk)
    change(world.source, chance, size=20_000)
    world.backup()
    before = {path: path.stat().st_size for path in full_disk.rglob("*") if path.is_file()}
    (world.source / "large").write_bytes(chance.randbytes(2 << 20))
    child = start(world.backup_words())
    go(child)
    run = finish(child)
    assert run.code == 1
    assert run.told_clearly()
    assert "No space left on device" in run.errors[0]
    assert {path: path.stat().st_size for path in full_disk.rglob("*") if path.is_file()} == before
    (world.source / "large").unlink()
    world.backup()
    assert settle(world, may_be_new=False, read_all=True) == []


def test_a_restore_that_does_not_fit_says_so_and_works_once_there_is_room(
    tmp_path: Path, full_disk: Path, chance: random.Random
) -> None:
    world = World(tmp_path / "world")
    (world.source / "large").write_bytes(chance.randbytes(600_000))
    world.backup()
    (full_disk / "ballast").write_bytes(bytes(700_000))
    target = full_disk / "target"
    child = start(world.restore_words(target))
    go(child)
    run = finish(child)
    assert run.code == 1
    assert run.told_clearly()
    assert "No space left on device" in run.errors[0]
    assert not (target / "large").exists()
    (full_disk / "ballast").unlink()
    child = start(world.restore_words(target, "--overwrite"))
    go(child)
    assert finish(child).code == 0
    assert make_manifest(target) == make_manifest(world.source)


def failed_for_want_of_room(words: list[str]) -> None:
    child = start(words)
    go(child)
    run = finish(child)
    assert run.code == 1, run
    assert run.told_clearly()
    assert "No space left on device" in run.errors[0]


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    """One whose container is a file system of 5 MiB; it has two backups."""
    with small_disk(tmp_path / "disk", "size=5m") as disk:
        (tmp_path / "depot").mkdir()
        (tmp_path / "depot" / "container").symlink_to(disk)
        depot = Depot(tmp_path / "depot")
        chance = random.Random(7)
        for _ in range(2):
            change(depot.source, chance, size=20_000)
            depot.backup()
        yield depot


def fill(folder: Path) -> None:
    """Take every byte that is left."""
    with suppress(OSError), (folder / "of somebody else").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_after_a_backup_that_did_not_fit_a_prune_makes_room_on_a_disk_without_a_byte_left(
    depot: Depot, chance: random.Random
) -> None:
    (depot.source / "large").write_bytes(chance.randbytes(8 << 20))
    failed_for_want_of_room(depot.backup_words())
    fill(depot.container)
    (depot.source / "large").unlink()
    failed_for_want_of_room(depot.backup_words())
    kept = depot.names(*PACKS)
    depot.call("prune")
    assert set(kept) <= set(depot.names(*PACKS))  # they wait for the next backup
    depot.call("prune", "--reap-after", "0")
    depot.backup()
    assert settle(depot, may_be_new=False, read_all=True) == []
    assert len(depot.names("reserve")) == reserve.PIECES
    assert depot.garbage() == []


def test_what_did_not_fit_is_taken_over_once_there_is_room(depot: Depot, chance: random.Random) -> None:
    (depot.source / "large").write_bytes(chance.randbytes(3 << 20))
    ballast = depot.container / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    failed_for_want_of_room(depot.backup_words())
    stored = set(depot.names("packs"))
    fill(depot.container)
    depot.call("prune")
    ballast.unlink()
    (depot.container / "of somebody else").unlink()
    depot.backup()
    depot.call("prune")
    assert stored <= set(depot.names("packs"))
    assert settle(depot, may_be_new=False, read_all=True) == []


def test_backups_are_restored_forgotten_and_pruned_on_a_disk_without_a_byte_left(depot: Depot) -> None:
    fill(depot.container)
    (depot.source / "new").write_bytes(b"new")
    failed_for_want_of_room(depot.backup_words())
    for id_ in list(depot.owed):
        assert restored(depot, id_) == []
    assert depot.listed() == depot.owed.keys()
    depot.forget([min(depot.owed)])
    assert settle(depot, may_be_new=False, read_all=True) == []
    depot.call("prune", "--max-unused", "0%")
    depot.backup()
    depot.call("prune", "--max-unused", "0%")
    assert settle(depot, may_be_new=False, read_all=True) == []
    assert depot.garbage() == []
