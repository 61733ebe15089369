"""Nothing unfinished has a final path: what a killed restore leaves is under temporary names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from restoring import attributes, leftovers, reasons, sandbox

from freezer.tree.sandbox import Outcome


@pytest.mark.parametrize("folder", ["", "existing", "new", "new/deeper"])
def test_a_file_has_no_final_path_before_it_is_whole(tmp_path: Path, folder: str) -> None:
    (tmp_path / "existing").mkdir()
    final = tmp_path / folder / "file"

    def content() -> Iterator[tuple[int, bytes]]:
        yield 0, b"half"
        assert not final.exists()
        yield 4, b"half"
        assert not final.exists()

    with sandbox(tmp_path) as box:
        box.make_directory(folder.encode())
        path = f"{folder}/file".lstrip("/").encode()
        assert box.write_file(path, attributes(), 8, content()) is Outcome.WRITTEN
    assert final.read_bytes() == b"halfhalf"
    assert leftovers(tmp_path) == []


def test_a_new_directory_gets_its_name_when_the_next_one_is_needed(tmp_path: Path) -> None:
    with sandbox(tmp_path) as box:
        box.make_directory(b"first")
        box.write_file(b"first/file", attributes(), 1, [(0, b"x")])
        assert not (tmp_path / "first").exists()
        box.make_directory(b"second")
        assert (tmp_path / "first" / "file").read_bytes() == b"x"
        box.write_file(b"first/late", attributes(), 1, [(0, b"y")])
        assert (tmp_path / "first" / "late").read_bytes() == b"y"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_a_directory_whose_name_was_taken_meanwhile_is_told_with_where_its_files_are(tmp_path: Path) -> None:
    with sandbox(tmp_path) as box:
        box.make_directory(b"dir")
        box.write_file(b"dir/file", attributes(), 1, [(0, b"x")])
        (tmp_path / "dir").write_bytes(b"foreign")
        box.finish()
        told = reasons(box)["dir"]
    assert (tmp_path / "dir").read_bytes() == b"foreign"
    kept = next(path for path in tmp_path.iterdir() if path.name.startswith(".freezer-tmp-"))
    assert kept.name in told
    assert (kept / "file").read_bytes() == b"x"
