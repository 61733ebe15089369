"""Devices in an archive, as a listing shows them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from freezer.engine.tar.restore.extract import Extraction, Selection
from freezer.engine.tar.restore.target import Listing, Seen
from freezer.progress import NoProgress
from support.levels import opener, store


def test_a_listing_tells_kind_and_numbers_of_a_device_and_writes_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    try:
        os.mknod(source / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.mknod(source / "loop", stat.S_IFBLK | 0o600, os.makedev(7, 300))
    except PermissionError:
        pytest.skip("needs root")
    seen: list[Seen] = []
    level = store(source)
    result = Extraction(Listing(seen.append), Selection(), NoProgress()).run([opener(level.archive)])
    assert result.problems() == ()
    assert [(item.path, item.type, item.size, item.target) for item in seen] == [
        (b"", "directory", 0, b""),
        (b"loop", "device", 0, b"block 7,300"),
        (b"null", "device", 0, b"char 1,3"),
    ]
