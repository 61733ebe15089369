"""Containers and their objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from freezer.browse.info import ContainerRow, find_local, list_objects, sum_up
from freezer.clock import SystemClock
from freezer.errors import PermissionDenied, StorageError
from freezer.storage.local import LocalStorage
from support.stored import ZERO, key, local, put


def open_local(path: str) -> LocalStorage:
    return LocalStorage(path, clock=SystemClock())


def test_a_container_is_summed_up(tmp_path: Path) -> None:
    storage = local(tmp_path)
    storage.put("a/b", b"12345")
    storage.put("c", b"123")
    assert sum_up(storage, "shown") == ContainerRow(container="shown", size=8, objects=2)


def test_a_missing_container_is_an_error_and_not_empty(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        sum_up(open_local(str(tmp_path / "gone")), "gone")


def test_objects_are_listed_with_size_and_time(tmp_path: Path) -> None:
    storage = local(tmp_path)
    storage.put("a/b", b"12345")
    storage.put("c", b"123")
    assert [(row.name, row.size) for row in list_objects(storage)] == [("a/b", 5), ("c", 3)]
    (row,) = list_objects(storage, "a/")
    assert row.modified == (tmp_path / "a" / "b").stat().st_mtime


def test_containers_are_found_in_a_place_and_one_level_below(tmp_path: Path) -> None:
    put(local(tmp_path), key(0, ZERO))
    put(local(tmp_path / "store"), key(0, ZERO))
    put(local(tmp_path / "deep" / "store"), key(0, ZERO))
    put(local(tmp_path / ".hidden"), key(0, ZERO))
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "store")
    (tmp_path / "not" / "metadata").mkdir(parents=True)
    (tmp_path / "not" / "metadata" / "notes.txt").write_text("somebody else's")
    (tmp_path / "file").write_text("")
    found = find_local([str(tmp_path), str(tmp_path / "missing"), str(tmp_path / ".")], open_local)
    assert [row.container for row in found] == [str(tmp_path.resolve()), str(tmp_path.resolve() / "store")]
    assert (found[1].objects, found[1].size) == (
        3,
        sum(p.stat().st_size for p in (tmp_path / "store").rglob("*") if p.is_file()),
    )


def test_what_may_not_be_read_is_passed_over(tmp_path: Path) -> None:
    put(local(tmp_path / "mine"), key(0, ZERO))
    put(local(tmp_path / "theirs"), key(0, ZERO))

    def refusing(path: str) -> LocalStorage:
        storage = open_local(path)
        if path.endswith("theirs"):

            def refuse(prefix: str = "") -> list[object]:
                raise PermissionDenied("not for you")

            storage.list = refuse  # type: ignore[method-assign, assignment]
        return storage

    assert [Path(row.container).name for row in find_local([str(tmp_path)], refusing)] == ["mine"]
