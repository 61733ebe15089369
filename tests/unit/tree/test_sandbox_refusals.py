"""What the sandbox refuses and says about it, item by item."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from restoring import MTIME, attributes, put, reasons, sandbox

from freezer.tree.sandbox import Outcome, Policy, Sandbox

MANY = 70
"""More directories than are kept open."""


def mode(path: Path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def forget_open_directories(box: Sandbox) -> None:
    """Open so many directories that every earlier one has to be opened again."""
    for number in range(MANY):
        box.make_directory(b"other%d" % number)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (b"/x", "unsafe path: it is absolute"),
        (b"a\0b", "unsafe path: it contains a NUL byte"),
        (b".", "unsafe path: it contains the part '.'"),
        (b"..", "unsafe path: it contains the part '..'"),
        (b"d/.", "unsafe path: it contains the part '.'"),
        (b"d/..", "unsafe path: it contains the part '..'"),
        (b"../x", "unsafe path: it contains the part '..'"),
        (b"./x", "unsafe path: it contains the part '.'"),
        (b"d//x", "unsafe path: it contains an empty part"),
        (b"d/", "unsafe path: it contains an empty part"),
    ],
)
def test_an_unsafe_path_is_called_so(target: Path, path: bytes, reason: str) -> None:
    with sandbox(target) as box:
        box.make_directory(b"d")
        put(box, path)
        box.remove(path)
        box.make_directory(path)
        box.children(path)
        assert [failure.reason for failure in box.failures] == [reason] * 4


@pytest.mark.parametrize(
    ("link", "reason"), [(b"", "a link to nothing"), (b"a\0b", "the link's target contains a NUL byte")]
)
def test_a_link_to_what_no_link_can_hold_is_refused(target: Path, link: bytes, reason: str) -> None:
    with sandbox(target) as box:
        assert box.symlink(b"link", link, attributes()) is Outcome.FAILED
        assert reasons(box) == {"link": reason}
    assert os.listdir(target) == []


@pytest.mark.parametrize("size", [-1, 2**63])
def test_a_size_that_no_file_can_have_is_called_so(target: Path, size: int) -> None:
    with sandbox(target) as box:
        box.write_file(b"file", attributes(), size, [])
        assert reasons(box) == {"file": f"impossible size {size}"}


def test_the_largest_size_is_left_to_the_file_system_to_refuse(target: Path) -> None:
    with sandbox(target) as box:
        box.write_file(b"file", attributes(), 2**63 - 1, [])
        assert reasons(box) in ({}, {"file": os.strerror(errno.EFBIG)})


def test_an_ordinary_user_is_told_that_devices_are_for_root(unprivileged: Path) -> None:
    with sandbox(unprivileged / "t", devices=True) as box:
        assert box.device(b"device", attributes(), False, 1, 3) is Outcome.FAILED
        assert reasons(box) == {"device": "device nodes are restored only by root and when asked for"}


def test_a_directory_of_this_run_is_nothing_to_link_to(target: Path) -> None:
    with sandbox(target) as box:
        box.make_directory(b"dir")
        assert box.hard_link(b"link", b"dir") is Outcome.FAILED
        assert reasons(box) == {"link": "cannot link to dir: this run did not restore it"}


def test_the_target_itself_can_be_made_and_described(target: Path) -> None:
    with sandbox(target) as box:
        assert box.make_directory(b"")
        box.directory_attributes(b"", attributes(0o751))
        box.finish()
        assert box.failures == []
    assert mode(target) == 0o751


@pytest.mark.parametrize(("policy", "outcome"), [(Policy.ALWAYS, Outcome.WRITTEN), (Policy.NEVER, Outcome.SKIPPED)])
def test_a_second_item_of_a_name_in_a_new_directory_is_for_the_policy(
    target: Path, policy: Policy, outcome: Outcome
) -> None:
    with sandbox(target, policy) as box:
        box.make_directory(b"dir")
        assert put(box, b"dir/file", b"first") is Outcome.WRITTEN
        assert put(box, b"dir/file", b"second") is outcome
        assert box.failures == []
    assert (target / "dir/file").read_bytes() == (b"second" if outcome is Outcome.WRITTEN else b"first")


def test_directories_that_somebody_removed_meanwhile_are_made_again(target: Path) -> None:
    with sandbox(target) as box:
        box.make_directory(b"a/b")
        forget_open_directories(box)
        (target / "a/b").rmdir()
        assert put(box, b"a/b/c/file") is Outcome.WRITTEN
        assert box.failures == []
    assert (target / "a/b/c/file").read_bytes() == b"new"


def test_attributes_reach_a_directory_that_was_there_and_is_named_for_the_first_time(target: Path) -> None:
    (target / "dir").mkdir(parents=True)
    with sandbox(target) as box:
        box.directory_attributes(b"dir", attributes(0o711))
        box.directory_attributes(b"none", attributes(0o711))
        assert reasons(box) == {"none": os.strerror(errno.ENOENT)}
        box.finish()
    assert mode(target / "dir") == 0o711


def test_a_directory_as_old_as_its_backup_is_not_older(target: Path) -> None:
    (target / "dir").mkdir(parents=True, mode=0o755)
    os.utime(target / "dir", ns=(MTIME, MTIME))
    with sandbox(target, Policy.IF_NEWER) as box:
        box.directory_attributes(b"dir", attributes(0o711))
        box.finish()
    assert mode(target / "dir") == 0o755


@pytest.mark.parametrize("policy", list(Policy))
def test_new_directories_get_their_attributes_under_every_policy(target: Path, policy: Policy) -> None:
    (target / "z").mkdir(parents=True)
    with sandbox(target, policy) as box:
        for path in (b"a", b"z", b"y"):
            box.make_directory(path)
            box.directory_attributes(path, attributes(0o711, mtime_ns=1))
        box.remove(b"y")
        box.finish()
        assert box.failures == []
    assert mode(target / "a") == 0o711


def test_attributes_are_set_once(target: Path) -> None:
    with sandbox(target) as box:
        box.make_directory(b"dir")
        box.directory_attributes(b"dir", attributes(0o711))
        box.finish()
        (target / "dir").chmod(0o700)
        box.finish()
    assert mode(target / "dir") == 0o700


def test_directories_are_closed_to_their_owner_only_after_those_below(unprivileged: Path) -> None:
    target = unprivileged / "t"
    with sandbox(target) as box:
        for path in (b"a", b"a/b"):
            box.make_directory(path)
            box.directory_attributes(path, attributes(0o400))
        forget_open_directories(box)
        box.finish()
        assert box.failures == []
    (target / "a").chmod(0o700)
    assert mode(target / "a/b") == 0o400
