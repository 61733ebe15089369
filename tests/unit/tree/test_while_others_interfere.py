"""Names that vanish, are taken or are exchanged between two system calls, and calls that fail between two others."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from restoring import attributes, reasons, sandbox

from freezer.errors import TargetError
from freezer.tree import sandbox as sandbox_module
from freezer.tree import xattrs
from freezer.tree.directories import Directories
from freezer.tree.sandbox import Outcome, Policy
from freezer.tree.xattrs import drop_xattr, has_xattrs, read_xattrs
from support.disks import small_disk

DEFAULT_ACL = b"system.posix_acl_default"
# Version 2; owner rwx, group r-x, others nothing (linux/posix_acl_xattr.h).
ACL = b"\2\0\0\0" + b"".join(
    tag.to_bytes(2, "little") + rwx.to_bytes(2, "little") + b"\xff" * 4 for tag, rwx in ((1, 7), (4, 5), (32, 0))
)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    target = tmp_path / "target"
    target.mkdir()
    return target


@pytest.fixture
def no_new_descriptors() -> Iterator[None]:
    before = os.listdir("/proc/self/fd")
    yield
    assert len(os.listdir("/proc/self/fd")) == len(before)


def inherit_an_acl(directory: Path) -> None:
    try:
        os.setxattr(directory, DEFAULT_ACL, ACL)
    except OSError as error:
        pytest.skip(f"no ACLs here: {error}")


def test_a_node_that_is_exchanged_before_it_is_complete_is_a_failure_and_no_temporary_stays(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    symlink = os.symlink

    def exchanged(where: Any, name: Any, *, dir_fd: int) -> None:
        symlink(where, name, dir_fd=dir_fd)
        os.unlink(name, dir_fd=dir_fd)
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=dir_fd))

    monkeypatch.setattr(os, "symlink", exchanged)
    with sandbox(target) as box:
        assert box.symlink(b"link", b"anywhere", attributes()) is Outcome.FAILED
        assert reasons(box) == {"link": "something else took its place while it was restored"}
    assert os.listdir(target) == []


@pytest.mark.usefixtures("no_new_descriptors")
def test_a_new_directory_that_cannot_be_freed_of_its_acl_is_a_failure_and_does_not_stay(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inherit_an_acl(target)

    def refused(*_arguments: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with sandbox(target) as box:
        monkeypatch.setattr(xattrs, "removexattr", refused)
        assert not box.make_directory(b"new")
        assert reasons(box) == {"new": os.strerror(errno.EACCES)}
    assert os.listdir(target) == []


@pytest.mark.usefixtures("no_new_descriptors")
def test_a_directory_whose_acl_cannot_be_read_is_not_written_into(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (target / "dir").mkdir()

    def refused(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with sandbox(target) as box:
        monkeypatch.setattr(xattrs, "listxattr", refused)
        assert box.write_file(b"dir/file", attributes(), 1, [(0, b"x")]) is Outcome.FAILED
        assert reasons(box) == {"dir/file": os.strerror(errno.EACCES)}
    assert os.listdir(target / "dir") == []


def test_a_file_in_the_way_that_vanishes_is_a_failure_of_that_directory_alone(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (target / "x").touch()
    opened = os.open

    def vanishing(path: Any, *arguments: Any, **options: Any) -> int:
        try:
            return opened(path, *arguments, **options)
        except NotADirectoryError:
            (target / "x").unlink()
            raise

    with sandbox(target) as box:
        monkeypatch.setattr(os, "open", vanishing)
        assert not box.make_directory(b"x")
        assert reasons(box) == {"x": os.strerror(errno.ENOTDIR)}
        assert box.make_directory(b"x")
    assert (target / "x").is_dir()


def test_files_that_vanish_while_their_directory_is_removed_do_not_keep_the_others(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (target / "dir").mkdir()
    for number in range(3):
        (target / "dir" / str(number)).touch()
    unlink = os.unlink

    def gone_already(name: Any, **options: Any) -> None:
        unlink(name, **options)
        unlink(name, **options)

    with sandbox(target) as box:
        monkeypatch.setattr(os, "unlink", gone_already)
        assert box.remove(b"dir")
        assert box.failures == []
    assert os.listdir(target) == []


def test_a_directory_removed_before_the_end_gets_no_attributes_and_is_no_failure(target: Path) -> None:
    with sandbox(target) as box:
        box.make_directory(b"dir")
        box.directory_attributes(b"dir", attributes(0o700))
        assert box.remove(b"dir")
        box.finish()
        assert box.failures == []
    assert os.listdir(target) == []


@pytest.mark.parametrize("policy", [Policy.ALWAYS, Policy.NEVER])
def test_a_name_that_comes_twice_in_a_new_directory_follows_the_policy(target: Path, policy: Policy) -> None:
    with sandbox(target, policy) as box:
        box.make_directory(b"dir")
        assert box.write_file(b"dir/file", attributes(), 1, [(0, b"1")]) is Outcome.WRITTEN
        second = box.write_file(b"dir/file", attributes(mtime_ns=5), 1, [(0, b"2")])
        assert second is (Outcome.WRITTEN if policy is Policy.ALWAYS else Outcome.SKIPPED)
    assert (target / "dir/file").read_bytes() == (b"2" if policy is Policy.ALWAYS else b"1")
    assert os.listdir(target / "dir") == ["file"]


def test_a_link_to_nothing_is_refused(target: Path) -> None:
    with sandbox(target) as box:
        assert box.symlink(b"empty", b"", attributes()) is Outcome.FAILED
        assert box.symlink(b"nul", b"a\0b", attributes()) is Outcome.FAILED
        assert reasons(box) == {"empty": "a link to nothing", "nul": "the link's target contains a NUL byte"}
    assert os.listdir(target) == []


def test_files_on_another_file_system_below_the_target_are_linked_to_each_other(target: Path) -> None:
    with small_disk(target / "mounted", "size=64k") as mounted:
        with sandbox(target) as box:
            assert box.write_file(b"mounted/file", attributes(), 1, [(0, b"x")]) is Outcome.WRITTEN
            assert box.hard_link(b"mounted/link", b"mounted/file") is Outcome.WRITTEN
            (mounted / "foreign").touch()
            assert box.hard_link(b"mounted/other", b"mounted/foreign") is Outcome.FAILED
        assert (mounted / "link").samefile(mounted / "file")
        assert sorted(os.listdir(mounted)) == ["file", "foreign", "link"]


def test_a_system_that_cannot_open_below_a_directory_is_refused(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "HAS_DIRECTORY_DESCRIPTORS", False)
    with pytest.raises(TargetError, match="cannot be restored safely"):
        sandbox(target / "new")
    assert os.listdir(target) == []


def test_a_forgotten_directory_is_opened_anew(target: Path) -> None:
    root_fd = os.open(target, os.O_RDONLY)
    directories = Directories(root_fd, made=False)
    first = directories.make(b"dir")
    directories.settle()
    directories.open(b"dir")
    (target / "dir").rename(target / "elsewhere")
    (target / "dir").mkdir()
    directories.forget(b"dir")
    directories.forget(b"dir")
    again = directories.open(b"dir")
    assert os.path.samestat(os.fstat(again.fd), os.stat(target / "dir"))
    assert (first.made, again.made) == (True, False)
    directories.close()


def test_whether_a_file_has_attributes_to_keep_is_found_out_or_an_error(place: Path) -> None:
    path = place / "file"
    path.touch()
    with path.open("rb") as file:
        assert not has_xattrs(file.fileno())
        os.setxattr(path, "user.x", b"1")
        assert has_xattrs(file.fileno())
        fd = file.fileno()
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        has_xattrs(fd)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        read_xattrs(fd)
    with open("/proc/self/status", "rb") as without:
        assert not has_xattrs(without.fileno())


def test_an_attribute_that_vanishes_is_left_out_and_one_that_cannot_be_read_is_an_error(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.fsencode(place / "file")
    Path(os.fsdecode(path)).touch()
    os.setxattr(path, b"user.gone", b"1")
    os.setxattr(path, b"user.stays", b"2")
    getxattr = os.getxattr
    reason = errno.ENODATA

    def reading(file: Any, name: bytes, **options: Any) -> bytes:
        if name == b"user.gone":
            raise OSError(reason, os.strerror(reason))
        return getxattr(file, name, **options)

    monkeypatch.setattr(xattrs, "getxattr", reading)
    assert read_xattrs(path) == {b"user.stays": b"2"}
    reason = errno.EIO
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        read_xattrs(path)


def test_an_attribute_of_nothing_cannot_be_dropped(place: Path) -> None:
    with pytest.raises(FileNotFoundError):
        drop_xattr(os.fsencode(place / "missing"), b"user.x")
