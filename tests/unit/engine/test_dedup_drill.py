"""Drills: a part of a backup is restored and compared, so that somebody knows that it can be."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path
from typing import cast

import pytest

from freezer.browse.selecting import Selection
from freezer.engine.dedup.drill import Drilled, drill, sample
from freezer.progress import NoProgress
from freezer.repository.documents import Root
from freezer.repository.names import PREFIX
from freezer.repository.store import Repository
from freezer.testing.memory import MemoryStorage
from support.restoring import back_up, found_repository, opened
from support.trees import make_tree


def drilled(repository: Repository, root: Root, scratch: Path, selection: Selection) -> Drilled:
    return drill(opened(repository), root, os.fsencode(scratch), selection, NoProgress(), repository.clock)


def test_a_whole_backup_is_proved(tmp_path: Path) -> None:
    make_tree(tmp_path / "source")
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    found = drilled(repository, root, tmp_path / "scratch", Selection())
    assert found.proved
    assert found.items > 100


def test_a_sample_has_as_many_items_as_asked_for(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"source/{number % 4}").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"source/{number % 4}/[{number}]*").write_bytes(b"%d" % number)
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    seen: set[str] = set()
    for seed in range(12):
        selection = sample(opened(repository), root, 7, random.Random(seed))
        scratch = tmp_path / f"scratch-{seed}"
        found = drilled(repository, root, scratch, selection)
        assert found.proved
        assert found.items == 7
        names = {path.name for path in scratch.rglob("*") if path.is_file()}
        assert len(names) == 7
        assert found.bytes == sum(len(name) - 3 for name in names)
        seen |= names
    assert len(seen) > 35  # each is as likely as any other
    everything = sample(opened(repository), root, 1000, random.Random(1))
    assert everything.all
    assert drilled(repository, root, tmp_path / "all", everything).items == 50 + 4 + 1  # the directories, too


def test_what_only_root_can_restore_is_not_in_the_sample_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_bytes(b"content")
    try:
        os.mknod(tmp_path / "source/null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("machine limit: devices cannot be made here")
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    assert sample(opened(repository), root, 10, random.Random(1)).all
    monkeypatch.setattr("freezer.engine.dedup.drill.geteuid", lambda: 1000)
    selection = sample(opened(repository), root, 10, random.Random(1))
    assert not selection.all
    found = drilled(repository, root, tmp_path / "scratch", selection)
    assert found.proved
    assert os.listdir(tmp_path / "scratch") == ["file"]


def test_a_damaged_backup_is_not_proved(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_bytes(b"content" * 100)
    repository = found_repository()
    root = back_up(repository, tmp_path / "source")
    objects = cast(MemoryStorage, repository.storage).objects
    for name in [name for name in objects if name.startswith(f"{PREFIX}packs/")]:
        del objects[name]
    found = drilled(repository, root, tmp_path / "scratch", Selection())
    assert not found.proved
    assert {failure.path for failure in found.failures} == {"file"}
