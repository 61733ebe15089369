"""A file system that is really full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.errors import StorageFull
from freezer.storage.local import LocalStorage
from support.disks import small_disk

pytestmark = pytest.mark.integration


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "size=1m,nr_inodes=40") as disk:
        yield disk


def test_a_full_disk_is_reported_as_such_and_old_backups_can_still_be_removed(full_disk: Path) -> None:
    storage = LocalStorage(str(full_disk), clock=SystemClock())
    storage.put("data/tar/h_n/1/0_1/data", bytes(600_000))
    storage.put("metadata/tar/h_n/1/0_1/metadata", b"{}")
    before = storage.list()
    with pytest.raises(StorageFull, match="No space left"):
        storage.put("data/tar/h_n/2/0_2/data", bytes(600_000))
    upload = storage.open_write("data/tar/h_n/2/0_2/data")
    upload.write(0, bytes(300_000))
    with pytest.raises(StorageFull, match="0_2/data: cannot write at 300000: No space left"):
        upload.write(300_000, bytes(300_000))
    upload.abort()
    assert storage.list() == before
    assert sorted(path.name for path in full_disk.rglob("*") if path.is_file()) == ["data", "metadata"]
    with storage.hold("data/tar/h_n"):
        storage.delete("metadata/tar/h_n/1/0_1/metadata")
        storage.delete("data/tar/h_n/1/0_1/data")
    storage.put("data/tar/h_n/2/0_2/data", bytes(600_000))


def test_a_segment_that_did_not_fit_may_be_written_again_once_there_is_room(full_disk: Path) -> None:
    storage = LocalStorage(str(full_disk), clock=SystemClock())
    (full_disk / "ballast").write_bytes(bytes(700_000))
    upload = storage.open_write("object")
    upload.write(0, b"a" * 100_000)
    with pytest.raises(StorageFull):
        upload.write(100_000, b"b" * 500_000)
    (full_disk / "ballast").unlink()
    upload.write(100_000, b"b" * 500_000)
    upload.commit()
    assert storage.get("object") == b"a" * 100_000 + b"b" * 500_000


def test_a_disk_without_inodes_is_full_too(full_disk: Path) -> None:
    storage = LocalStorage(str(full_disk), clock=SystemClock())

    def fill() -> None:
        for number in range(100):
            storage.put(f"metadata/{number}/x", b"")

    with pytest.raises(StorageFull):
        fill()
    for item in storage.list():
        assert storage.get(item.name) == b""
    assert not list(full_disk.rglob(".freezer-tmp-*"))
