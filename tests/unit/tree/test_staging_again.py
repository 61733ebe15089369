"""A directory that this run made may take a temporary name once more, while many files are put into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from restoring import MTIME, attributes, sandbox

from freezer.tree.directories import Directories, Directory


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    return root


@pytest.fixture
def directories(root: Path) -> Iterator[Directories]:
    found = Directories(os.open(root, os.O_RDONLY), made=True)
    yield found
    found.close()


def made(directories: Directories, path: bytes) -> Directory:
    directory = directories.make(path)
    directories.settle()
    return directory


def test_what_this_run_made_gets_its_name_back(directories: Directories, root: Path) -> None:
    directory = made(directories, b"a")
    assert directories.stage_again(b"a") is directory
    assert not (root / "a").exists()
    assert directories.staged_at(b"a") is directory
    directories.settle()
    assert (root / "a").stat().st_ino == os.fstat(directory.fd).st_ino


def test_neither_what_existed_nor_the_target_itself_is_renamed(directories: Directories, root: Path) -> None:
    assert directories.stage_again(b"") is None
    (root / "old").mkdir()
    assert directories.stage_again(b"old") is None
    assert os.listdir(root) == ["old"]


def test_a_target_that_this_run_made_is_not_renamed_either(tmp_path: Path) -> None:
    target = tmp_path / "made"
    target.mkdir(mode=0o700)
    found = Directories(os.open(target, os.O_RDONLY), made=True)
    assert found.root.made
    assert found.stage_again(b"") is None
    found.close()


def test_what_new_files_inherit_is_known_of_directories_of_this_run_only(directories: Directories, root: Path) -> None:
    (root / "old").mkdir(mode=0o700)
    assert directories.open(b"old").owner is None
    status = os.fstat(made(directories, b"new").fd)
    assert directories.open(b"new").owner == (status.st_uid, status.st_gid)


def test_a_directory_with_directories_stays_where_it_is(directories: Directories, root: Path) -> None:
    made(directories, b"a")
    made(directories, b"a/b")
    assert directories.stage_again(b"a") is None
    assert (root / "a" / "b").is_dir()


@pytest.mark.parametrize("theirs", ["directory", "link"])
def test_what_somebody_else_has_put_in_its_place_stays_there(directories: Directories, root: Path, theirs: str) -> None:
    made(directories, b"a")
    (root / "a").rename(root / "taken")
    if theirs == "link":
        (root / "a").symlink_to("taken")
    else:
        (root / "a").mkdir()
    assert directories.stage_again(b"a") is None
    assert sorted(os.listdir(root)) == ["a", "taken"]
    assert (root / "a").is_symlink() == (theirs == "link")


def test_who_will_own_new_files_is_known_only_where_nobody_else_decides_it(
    directories: Directories, root: Path
) -> None:
    (root / "old").mkdir(mode=0o700)
    assert directories.open(b"old").owner is None
    assert made(directories, b"new").owner == (os.geteuid(), os.getegid())


def test_many_files_that_are_looked_at_leave_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"new")
    os.utime(tmp_path / "file", ns=(MTIME, MTIME))
    with sandbox(tmp_path) as box:
        box.keep_file(b"file", attributes(), 3, lambda _: True)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            box.keep_file(b"file", attributes(), 3, lambda _: True)
        assert len(os.listdir("/proc/self/fd")) == before


def test_only_many_files_are_worth_another_name(tmp_path: Path) -> None:
    with sandbox(tmp_path) as box:
        for name, expected, is_staged in ((b"few", 2, False), (b"many", 3, True)):
            box.make_directory(name)
            box.make_directory(b"between")  # so that the name is no temporary one any more
            files = box.plain_files(name, expected)
            assert files is not None
            assert (tmp_path / name.decode()).exists() != is_staged
