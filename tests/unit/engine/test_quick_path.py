"""The quick way of plain files and the long one write the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from freezer.engine.tar.backup import write
from support import trees
from support.levels import store


def test_an_archive_is_the_same_with_and_without_the_quick_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    trees.make_tree(source, 11)
    store(source)  # the directories' times of last access are settled after that
    seen: list[bytes] = []
    quick = write.store_plain_files

    def counted(out, descriptor, prefix, items, open_file):  # type: ignore[no-untyped-def]
        for name, mark in quick(out, descriptor, prefix, items, open_file):
            seen.append(name)
            yield name, mark

    monkeypatch.setattr(write, "store_plain_files", counted)
    fast = store(source)
    assert len(seen) < fast.summary.stored_items, "some files went the quick way"
    monkeypatch.setattr(write, "store_plain_files", lambda out, descriptor, prefix, items, open_file: items)
    same = store(source).archive == fast.archive
    assert same
