"""Resolving paths beneath a directory, both ways."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer.tree.openat2 import open_beneath, open_by_components
from freezer.tree.openat2 import resolver as chosen_resolver

FLAGS = os.O_RDONLY


@pytest.fixture
def root_fd(tmp_path: Path) -> Iterator[int]:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "file").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"outside")
    fd = os.open(root, os.O_RDONLY)
    yield fd
    os.close(fd)


def refusal(root_fd: int, path: bytes) -> int | None:
    with pytest.raises(OSError, match=r".") as caught:
        os.close(open_beneath(root_fd, path, FLAGS))
    return caught.value.errno


def test_a_path_of_directories_is_opened(root_fd: int, resolver: str) -> None:
    fd = open_beneath(root_fd, b"a/b/file", FLAGS)
    assert os.read(fd, 99) == b"inside"
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_the_empty_path_is_the_directory_itself(root_fd: int, resolver: str) -> None:
    fd = open_beneath(root_fd, b"", FLAGS)
    assert os.path.samestat(os.fstat(fd), os.fstat(root_fd))
    assert fd != root_fd
    os.close(fd)


@pytest.mark.parametrize("target", ["..", "/", "b", "../..", "/proc/self/root", "b/file"])
def test_no_link_is_followed_wherever_it_leads(root_fd: int, resolver: str, target: str) -> None:
    os.symlink(target, "a/link", dir_fd=root_fd)
    assert refusal(root_fd, b"a/link") in (errno.ELOOP, errno.ENOTDIR)
    assert refusal(root_fd, b"a/link/file") in (errno.ELOOP, errno.ENOTDIR)


@pytest.mark.parametrize("path", [b"../secret", b"a/../../secret", b"..", b"a/b/../../../secret"])
def test_nothing_above_the_root_is_reached(root_fd: int, resolver: str, path: bytes) -> None:
    assert refusal(root_fd, path) == errno.EXDEV


def test_what_does_not_exist_is_said_not_to(root_fd: int, resolver: str) -> None:
    assert refusal(root_fd, b"a/none/file") == errno.ENOENT
    assert refusal(root_fd, b"a/b/file/x") == errno.ENOTDIR


def test_paths_longer_than_the_system_takes_are_opened_in_pieces(root_fd: int, resolver: str) -> None:
    part = b"p" * 250
    fd = os.dup(root_fd)
    for _ in range(40):
        os.mkdir(part, dir_fd=fd)
        fd, above = os.open(part, FLAGS, dir_fd=fd), fd
        os.close(above)
    deep = open_beneath(root_fd, b"/".join([part] * 40), FLAGS)
    assert os.path.samestat(os.fstat(deep), os.fstat(fd))
    os.close(deep)
    os.close(fd)
    assert refusal(root_fd, b"x" * 5000) == errno.ENAMETOOLONG


def test_no_descriptor_is_left_open(root_fd: int, resolver: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for path in (b"a/b/file/x", b"a/none/x/y", b"/".join([b"a", b"b"] * 3000)):
        refusal(root_fd, path)
    os.close(open_beneath(root_fd, b"a/b/file", FLAGS))
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_environment_forces_the_portable_way(resolver: str) -> None:
    assert (chosen_resolver() is open_by_components) == (resolver == "components")
