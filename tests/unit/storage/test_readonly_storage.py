from __future__ import annotations

from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.errors import PermissionDenied
from freezer.storage.local import LocalStorage
from freezer.storage.readonly import ReadOnlyStorage


def test_what_changes_nothing_works_and_what_does_is_refused(tmp_path: Path) -> None:
    inner = LocalStorage(str(tmp_path), clock=SystemClock())
    inner.put("object", b"content")
    (tmp_path / "empty").mkdir()
    storage = ReadOnlyStorage(inner)
    before = sorted((path, path.stat().st_mtime_ns) for path in [tmp_path, *tmp_path.rglob("*")])
    assert storage.exists()
    storage.prepare()
    assert storage.get("object", 3, 2) == b"te"
    assert storage.stat("object") == inner.stat("object")
    assert storage.list() == inner.list()
    assert storage.sweep(10.0**10, dry_run=True) == ["empty/"]
    with storage.hold("data/tar/h_n"), storage.hold("data/tar/h_n"):
        assert not storage.capabilities.holds
    for attempt in (
        lambda: storage.put("object", b""),
        lambda: storage.put_new("new", b""),
        lambda: storage.open_write("new"),
        lambda: storage.delete("object"),
        lambda: storage.sweep(10.0**10),
    ):
        with pytest.raises(PermissionDenied, match="it is open for reading only"):
            attempt()
    assert sorted((path, path.stat().st_mtime_ns) for path in [tmp_path, *tmp_path.rglob("*")]) == before


def test_a_missing_container_is_not_created(tmp_path: Path) -> None:
    storage = ReadOnlyStorage(LocalStorage(str(tmp_path / "new"), clock=SystemClock()))
    with pytest.raises(PermissionDenied):
        storage.prepare()
    assert not (tmp_path / "new").exists()
