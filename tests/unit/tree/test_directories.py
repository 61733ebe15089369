"""The directories of a restore: which are opened, made, remembered and closed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from restoring import attributes, leftovers, reasons, sandbox

from freezer.tree.acl import acl_from_text
from freezer.tree.directories import OPEN_AT_ONCE, Directories, path_fault
from freezer.tree.sandbox import Outcome
from freezer.tree.xattrs import DEFAULT_ACL, read_xattrs

ACL = acl_from_text("user::rwx,group:1234:rwx,group::r-x,mask::rwx,other::---")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    return root


@pytest.fixture
def directories(root: Path) -> Iterator[Directories]:
    found = Directories(os.open(root, os.O_RDONLY), made=False)
    yield found
    found.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_what_is_made_is_private_known_and_returned(directories: Directories, root: Path) -> None:
    made = directories.make(b"a")
    assert (made.made, made.inherits_acl) == (True, False)
    assert directories.is_staged(made)
    assert directories.make(b"a") is made
    assert directories.open(b"a") is made
    directories.settle()
    assert not directories.is_staged(made)
    status = (root / "a").stat()
    assert stat.S_IMODE(status.st_mode) == 0o700
    assert directories.known(b"a") == (status.st_dev, status.st_ino, True, status.st_mtime_ns)
    assert made.device == status.st_dev
    assert os.fstat(made.fd).st_ino == status.st_ino


def test_what_exists_is_opened_and_not_taken_for_made(directories: Directories, root: Path) -> None:
    (root / "a").mkdir(mode=0o700)
    found = directories.make(b"a")
    assert (found.made, found.inherits_acl) == (False, False)
    assert not directories.is_staged(found)
    known = directories.known(b"a")
    assert known is not None
    assert not known.made
    assert os.listdir(root) == ["a"]


@pytest.mark.parametrize(
    ("mode", "made", "expected"), [(0o700, True, True), (0o700, False, False), (0o770, True, False)]
)
def test_a_root_counts_as_made_only_if_nobody_else_can_have_written_in_it(
    root: Path, mode: int, made: bool, expected: bool
) -> None:
    root.chmod(mode)
    directories = Directories(os.open(root, os.O_RDONLY), made=made)
    known = directories.known(b"")
    assert known is not None
    assert known.made is directories.root.made is expected
    directories.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_root_of_somebody_else_does_not_count_as_made(root: Path) -> None:
    root.chmod(0o700)
    os.chown(root, 1000, 1000)
    directories = Directories(os.open(root, os.O_RDONLY), made=True)
    assert not directories.root.made
    directories.close()


def test_a_directory_of_this_run_is_known_again_after_it_was_closed(directories: Directories) -> None:
    directories.make(b"a")
    for number in range(OPEN_AT_ONCE + 1):
        directories.make(b"other%d" % number)
    assert directories.open(b"a").made


def test_a_directory_that_took_anothers_place_was_not_made_by_this_run(directories: Directories, root: Path) -> None:
    directories.make(b"a")
    directories.settle()
    before = directories.known(b"a")
    directories.forget(b"never")
    for number in range(OPEN_AT_ONCE + 1):
        directories.make(b"other%d" % number)
    (root / "a").rename(root / "moved")
    (root / "a").mkdir(mode=0o700)
    assert not directories.open(b"a").made
    assert directories.known(b"a") == before


@pytest.mark.parametrize("make", [True, False])
def test_a_fixed_number_of_directories_is_kept_open(directories: Directories, root: Path, make: bool) -> None:
    for number in range(2 * OPEN_AT_ONCE):
        if not make:
            (root / str(number)).mkdir()
    before = descriptors()
    for number in range(2 * OPEN_AT_ONCE):
        (directories.make if make else directories.open)(b"%d" % number)
        assert descriptors() - before == min(number + 1, OPEN_AT_ONCE)


def test_those_that_were_used_last_stay_open(directories: Directories) -> None:
    first = directories.make(b"first")
    second = directories.make(b"second")
    for number in range(OPEN_AT_ONCE - 2):
        directories.make(b"%d" % number)
    assert directories.open(b"first") is first
    directories.make(b"one more")
    assert is_open(first.fd)
    assert not is_open(second.fd)


def test_what_is_forgotten_is_closed_and_opened_anew(directories: Directories) -> None:
    before = descriptors()
    first = directories.make(b"a")
    directories.settle()
    directories.forget(b"a")
    assert descriptors() == before
    assert directories.known(b"a") is None
    second = directories.open(b"a")
    assert second is not first
    assert not second.made


def test_closing_names_what_is_unfinished_and_closes_all(root: Path) -> None:
    before = descriptors()
    directories = Directories(os.open(root, os.O_RDONLY), made=False)
    for name in (b"a", b"b", b"b/c"):
        directories.make(name)
    directories.close()
    assert descriptors() == before
    assert sorted(os.listdir(root)) == ["a", "b"]
    assert os.listdir(root / "b") == ["c"]


@pytest.mark.parametrize("path", [b"/a", b"a//b", b"../a", b"a/..", b"./a", b"a\0"])
def test_no_unsafe_path_is_opened(directories: Directories, path: bytes) -> None:
    fault = path_fault(path)
    assert fault is not None
    with pytest.raises(OSError, match="unsafe path"):
        directories.open(path)


def test_a_failed_opening_leaves_no_descriptor_and_no_memory(directories: Directories, root: Path) -> None:
    (root / "link").symlink_to(root)
    (root / "file").touch()
    before = descriptors()
    for path in (b"link", b"file", b"none", b"none/below"):
        with pytest.raises(OSError, match=r"."):
            directories.open(path)
        assert directories.known(path) is None
    assert descriptors() == before
    assert directories.open(b"") is directories.root


def test_files_are_written_straight_into_a_directory_that_has_no_name_yet(tmp_path: Path) -> None:
    def content() -> Iterator[tuple[int, bytes]]:
        (unfinished,) = (tmp_path / "t").iterdir()
        assert unfinished.name.startswith(".freezer-tmp-")
        assert len(unfinished.name) == len(".freezer-tmp-") + 16
        assert os.listdir(unfinished) == ["file"]
        yield 0, b"x"

    with sandbox(tmp_path / "t") as box:
        box.make_directory(b"dir")
        assert box.write_file(b"dir/file", attributes(), 1, content()) is Outcome.WRITTEN


def test_nothing_more_is_written_into_a_directory_that_lost_its_name(tmp_path: Path) -> None:
    with sandbox(tmp_path) as box:
        box.make_directory(b"dir")
        (tmp_path / "dir").write_bytes(b"foreign")
        box.make_directory(b"other")
        assert box.write_file(b"dir/file", attributes(), 1, [(0, b"x")]) is Outcome.FAILED
        assert len([failure for failure in box.failures if failure.path == "dir"]) >= 1
        assert "what was restored is in .freezer-tmp-" in box.failures[0].reason
    assert leftovers(tmp_path) == []


def test_directories_and_files_that_somebody_elses_default_acl_would_reach_are_freed_of_it(tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.mkdir()
    os.setxattr(above, os.fsdecode(DEFAULT_ACL), ACL)
    with sandbox(above / "target") as box:
        box.make_directory(b"dir")
        box.write_file(b"dir/file", attributes(), 1, [(0, b"x")])
        box.write_file(b"file", attributes(), 1, [(0, b"x")])
        box.finish()
        assert reasons(box) == {}
    for name in (".", "dir", "dir/file", "file"):
        assert read_xattrs(os.fsencode(above / "target" / name)) == {}
    assert stat.S_IMODE((above / "target/file").stat().st_mode) == 0o644
    assert read_xattrs(os.fsencode(above)) == {DEFAULT_ACL: ACL}


@pytest.mark.parametrize("has_acl", [True, False])
def test_a_root_that_was_there_keeps_its_default_acl_and_is_known_to_have_it(root: Path, has_acl: bool) -> None:
    if has_acl:
        os.setxattr(root, os.fsdecode(DEFAULT_ACL), ACL)
    directories = Directories(os.open(root, os.O_RDONLY), made=False)
    assert directories.root.inherits_acl is has_acl
    directories.close()
    assert read_xattrs(os.fsencode(root)) == ({DEFAULT_ACL: ACL} if has_acl else {})


def test_a_root_that_this_run_made_passes_no_acl_on(root: Path) -> None:
    root.chmod(0o700)
    directories = Directories(os.open(root, os.O_RDONLY), made=True)
    assert not directories.root.inherits_acl
    directories.close()


def test_a_private_root_of_this_run_has_its_inherited_acl_removed(root: Path) -> None:
    root.chmod(0o700)
    os.setxattr(root, os.fsdecode(DEFAULT_ACL), ACL)
    directories = Directories(os.open(root, os.O_RDONLY), made=True)
    assert (directories.root.made, directories.root.inherits_acl) == (True, False)
    directories.close()
    assert read_xattrs(os.fsencode(root)) == {}


def test_only_the_directory_without_a_name_counts_as_such(directories: Directories) -> None:
    made = directories.make(b"a")
    assert directories.make(b"a") is made
    assert directories.is_staged(made)
    assert directories.staged_at(b"a") is made
    assert not directories.is_staged(directories.root)
    assert directories.staged_at(b"") is None


def test_what_is_created_in_a_new_directory_belongs_to_who_made_it(directories: Directories) -> None:
    made = directories.make(b"a")
    status = os.fstat(made.fd)
    assert made.owner == (status.st_uid, status.st_gid)


@pytest.mark.parametrize("has_acl", [True, False])
def test_a_new_directory_that_others_can_reach_counts_as_somebody_elses(
    root: Path, monkeypatch: pytest.MonkeyPatch, has_acl: bool
) -> None:
    if has_acl:
        os.setxattr(root, os.fsdecode(DEFAULT_ACL), ACL)
    directories = Directories(os.open(root, os.O_RDONLY), made=False)
    mkdir = os.mkdir

    def exchanged(path: bytes, mode: int, *, dir_fd: int) -> None:
        mkdir(path, mode, dir_fd=dir_fd)
        os.chmod(path, 0o755, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", exchanged)
    made = directories.make(b"a")
    assert (made.made, made.owner, made.inherits_acl) == (False, None, has_acl)
    directories.close()
    assert (DEFAULT_ACL in read_xattrs(os.fsencode(root / "a"))) is has_acl


@pytest.mark.parametrize("has_acl", [True, False])
def test_a_directory_that_was_there_is_known_to_pass_its_acl_on(
    directories: Directories, root: Path, has_acl: bool
) -> None:
    (root / "a").mkdir()
    if has_acl:
        os.setxattr(root / "a", os.fsdecode(DEFAULT_ACL), ACL)
    assert directories.open(b"a").inherits_acl is has_acl


def test_a_link_to_nothing_in_the_place_of_a_directory_is_an_error_at_once(
    directories: Directories, root: Path
) -> None:
    (root / "link").symlink_to("nothing")
    with pytest.raises(OSError, match=os.strerror(errno.ENOTDIR)):
        directories.make(b"link")
    assert os.listdir(root) == ["link"]


def test_a_new_directory_that_cannot_be_opened_does_not_stay(
    directories: Directories, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refused(path: bytes, *arguments: int, **options: int) -> int:
        if path.startswith(b".freezer-tmp-"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opened(path, *arguments, **options)

    before = descriptors()
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        directories.make(b"a")
    monkeypatch.undo()
    assert descriptors() == before
    assert os.listdir(root) == []
    assert directories.known(b"a") is None
