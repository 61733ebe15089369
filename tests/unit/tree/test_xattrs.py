"""Extended attributes of files, directories and links."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from freezer.tree.xattrs import MAX_VALUE, drop_xattr, is_kept, named, read_xattrs, write_xattrs

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_what_was_written_is_read_again(place: Path) -> None:
    path = os.fsencode(place / "file")
    (place / "file").touch()
    xattrs = {b"user.text": b"text", b"user.empty": b"", b"user.\xff\xfe": b"\0\xff" * 50}
    assert write_xattrs(path, xattrs) == []
    fd = os.open(path, os.O_RDONLY)
    assert read_xattrs(fd) == xattrs
    os.close(fd)


@as_root
def test_attributes_of_a_link_are_its_own(place: Path) -> None:
    (place / "target").touch()
    os.symlink("target", place / "link")
    os.setxattr(place / "target", "user.target", b"1")
    os.setxattr(place / "link", "trusted.link", b"2", follow_symlinks=False)
    fd = os.open(place, os.O_RDONLY)
    assert read_xattrs(named(fd, b"link")) == {b"trusted.link": b"2"}
    assert read_xattrs(named(fd, b"target")) == {b"user.target": b"1"}
    os.close(fd)


@as_root
def test_labels_of_this_machine_are_left_out(place: Path) -> None:
    path = place / "file"
    path.touch()
    os.setxattr(path, "security.selinux", b"label")
    os.setxattr(path, "user.kept", b"x")
    assert read_xattrs(os.fsencode(path)) == {b"user.kept": b"x"}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"user.x", True),
        (b"trusted.x", True),
        (b"security.capability", True),
        (b"system.posix_acl_access", True),
        (b"system.posix_acl_default", True),
        (b"security.selinux", False),
        (b"security.ima", False),
        (b"system.nfs4_acl", False),
    ],
)
def test_the_kept_namespaces_are_these(name: bytes, kept: bool) -> None:
    assert is_kept(name) is kept


def test_a_value_that_no_system_takes_is_reported_and_the_others_are_set(place: Path) -> None:
    (place / "file").touch()
    path = os.fsencode(place / "file")
    reasons = write_xattrs(path, {b"user.large": b"x" * (MAX_VALUE + 1), b"user.small": b"y"})
    assert reasons == [f"attribute user.large not set: {MAX_VALUE + 1} bytes, the system takes {MAX_VALUE}"]
    assert read_xattrs(path) == {b"user.small": b"y"}


def test_names_that_no_system_takes_are_reported(place: Path) -> None:
    (place / "file").touch()
    reasons = write_xattrs(os.fsencode(place / "file"), {b"nowhere.x": b"1", b"user.a\0b": b"2", b"": b"3"})
    assert len(reasons) == 3


def test_a_file_system_without_attributes_has_none() -> None:
    assert read_xattrs(b"/proc/self/status") == {}


def test_failing_to_read_is_an_error_and_not_emptiness(place: Path) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENOENT)):
        read_xattrs(os.fsencode(place / "missing"))


def test_dropping_says_whether_there_was_anything(place: Path) -> None:
    (place / "file").touch()
    path = os.fsencode(place / "file")
    os.setxattr(path, "user.x", b"1")
    assert drop_xattr(path, b"user.x")
    assert not drop_xattr(path, b"user.x")
