"""Every storage keeps every promise of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.progress import NoProgress
from freezer.storage.check import run_checks
from freezer.storage.contract import Storage
from freezer.storage.promises import PROMISES, Promise, Scratch


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_the_storage_keeps_the_promise(storage: Storage, promise: Promise) -> None:
    if not promise.applies(storage.capabilities):
        pytest.skip(f"{storage.describe()} does not promise this")
    promise.test(storage, Scratch("data/scratch/", SystemClock()))


def test_sweeping_spares_objects_and_uploads_that_go_on(storage: Storage) -> None:
    storage.put("data/object", b"x")
    upload = storage.open_write("data/growing")
    upload.write(0, b"data")
    storage.sweep(SystemClock().now() + 1000)
    upload.commit()
    assert storage.get("data/object") == b"x"
    assert storage.get("data/growing") == b"data"


@pytest.mark.parametrize("storage", ["local", "local with data on another disk", "ssh", "memory"], indirect=True)
def test_checking_a_live_location_leaves_it_exactly_as_it_was(storage: Storage, tmp_path: Path) -> None:
    storage.put("metadata/tar/h_n/1/0_1/metadata", b"{}")
    storage.put("data/tar/h_n/1/0_1/data", b"stream")
    before = [(path, path.lstat()) for path in sorted((tmp_path).rglob("*")) if path.name != "container"]
    objects = storage.list()
    results = run_checks(storage, NoProgress(), clock=SystemClock())
    assert [result for result in results if not result.ok] == []
    assert len(results) == len(PROMISES) + 2
    after = [(path, path.lstat()) for path in sorted((tmp_path).rglob("*")) if path.name != "container"]
    assert [(path, status.st_ino, status.st_mtime_ns) for path, status in after] == [
        (path, status.st_ino, status.st_mtime_ns) for path, status in before
    ]
    assert storage.list() == objects
