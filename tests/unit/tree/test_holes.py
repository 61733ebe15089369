"""Finding what of a file is content."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freezer.tree.holes import data_extents, is_sparse

PAGE = 4096


def extents_of(path: Path, size: int | None = None) -> list[tuple[int, int]]:
    with path.open("rb") as file:
        return data_extents(file.fileno(), path.stat().st_size if size is None else size)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pages=st.sets(st.integers(0, 40), max_size=12), size=st.integers(0, 45 * PAGE))
def test_extents_and_holes_give_the_file_again(place: Path, pages: set[int], size: int) -> None:
    path = place / "file"
    with path.open("wb") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(bytes([page + 1]) * PAGE)
        file.truncate(size)
    content = path.read_bytes()
    rebuilt = bytearray(size)
    end = -1
    for offset, length in extents_of(path):
        assert length > 0
        assert offset > end
        end = offset + length
        rebuilt[offset:end] = content[offset:end]
    assert end <= size
    assert bytes(rebuilt) == content


def test_a_sparse_file_is_told_from_a_full_one(place: Path) -> None:
    full, sparse = place / "full", place / "sparse"
    full.write_bytes(b"x" * 10 * PAGE)
    with sparse.open("wb") as file:
        file.truncate(2**40)
        file.seek(2**39)
        file.write(b"x" * PAGE)
        os.fsync(file.fileno())
    assert is_sparse(sparse.stat())
    assert not is_sparse(full.stat())
    assert extents_of(sparse) == [(2**39, PAGE)]
    assert extents_of(full) == [(0, 10 * PAGE)]


def test_files_without_content_have_no_extents(place: Path) -> None:
    path = place / "file"
    path.touch()
    assert extents_of(path) == []
    os.truncate(path, 5 * PAGE)
    assert extents_of(path) == []


def test_a_file_that_was_cut_meanwhile_has_the_extents_that_are_left(place: Path) -> None:
    path = place / "file"
    path.write_bytes(b"x" * 2 * PAGE)
    assert extents_of(path, size=9 * PAGE)[0][0] == 0
    os.truncate(path, 0)
    assert extents_of(path, size=9 * PAGE) == []


def test_what_has_grown_behind_the_size_is_left_out(place: Path) -> None:
    path = place / "file"
    path.write_bytes(b"x" * 3 * PAGE)
    assert extents_of(path, size=PAGE + 1) == [(0, PAGE + 1)]


def test_the_position_stays(place: Path) -> None:
    path = place / "file"
    path.write_bytes(b"x" * 100)
    with path.open("rb") as file:
        file.seek(42)
        data_extents(file.fileno(), 100)
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 42


def test_a_file_system_that_cannot_tell_gives_one_extent() -> None:
    with Path("/proc/self/status").open("rb") as file:
        try:
            os.lseek(file.fileno(), 0, os.SEEK_DATA)
        except OSError:
            assert data_extents(file.fileno(), 10) == [(0, 10)]
        else:
            pytest.skip("this /proc knows holes")


def test_a_medium_that_fails_is_an_error_and_the_position_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place / "file"
    path.write_bytes(b"x" * 100)
    lseek = os.lseek

    def failing(fd: int, offset: int, whence: int) -> int:
        if whence == os.SEEK_DATA:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return lseek(fd, offset, whence)

    with path.open("rb") as file:
        file.seek(42)
        monkeypatch.setattr(os, "lseek", failing)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            data_extents(file.fileno(), 100)
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 42
