"""Corners of the sandbox: names, failures and exchanges in a new directory, empty files, nested removals."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from restoring import attributes, put, reasons, sandbox

from freezer.errors import TargetError
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Outcome


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"a\0b", "unsafe path: it contains a NUL byte"),
        (b"..", "unsafe path: it contains the part '..'"),
        (b".", "unsafe path: it contains the part '.'"),
        (b"", "unsafe path: it contains an empty part"),
        (b"x" * 256, os.strerror(errno.ENAMETOOLONG)),
    ],
)
def test_an_impossible_name_in_a_new_directory_is_a_failure_of_that_file_alone(
    target: Path, name: bytes, reason: str
) -> None:
    with sandbox(target) as box:
        box.make_directory(b"dir")
        assert put(box, b"dir/" + name) is Outcome.FAILED
        assert [failure.reason for failure in box.failures] == [reason]
        assert put(box, b"dir/file") is Outcome.WRITTEN
    assert os.listdir(target / "dir") == ["file"]


@pytest.mark.parametrize("folder", [b"", b"new/"])
def test_a_file_of_one_byte_that_is_a_hole_is_one_byte_long(target: Path, folder: bytes) -> None:
    target.mkdir(mode=0o755)
    with sandbox(target) as box:
        box.make_directory(b"new")
        assert box.write_file(folder + b"file", attributes(), 1, []) is Outcome.WRITTEN
    assert (target / os.fsdecode(folder) / "file").read_bytes() == b"\0"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_a_directory_could_not_be_given_is_told(target: Path) -> None:
    with sandbox(target) as box:
        box.make_directory(b"dir")
        box.directory_attributes(b"dir", attributes(0o755, uid=2**40, gid=7))
        box.finish()
        assert reasons(box) == {"dir": f"owner {2**40}:7 not set: no such number"}


@pytest.mark.parametrize("policy", list(Policy))
def test_a_file_in_the_way_that_becomes_a_directory_meanwhile_is_left_with_what_is_in_it(
    target: Path, monkeypatch: pytest.MonkeyPatch, policy: Policy
) -> None:
    target.mkdir()
    (target / "x").touch()
    opened = os.open

    def becoming(path: Any, *arguments: Any, **options: Any) -> int:
        try:
            return opened(path, *arguments, **options)
        except NotADirectoryError:
            (target / "x").unlink()
            (target / "x/below").mkdir(parents=True)
            raise

    with sandbox(target, policy) as box:
        monkeypatch.setattr(os, "open", becoming)
        assert not box.make_directory(b"x")
        assert reasons(box) == {"x": os.strerror(errno.ENOTDIR)}
    assert os.listdir(target / "x") == ["below"]


def test_a_target_that_is_a_file_is_called_so_in_plain_words(target: Path) -> None:
    target.touch()
    with pytest.raises(TargetError) as caught:
        sandbox(target)
    assert caught.value.message == f"cannot restore to {target}: {os.strerror(errno.ENOTDIR)}"


def test_a_directory_below_another_is_removed_with_all_that_is_in_it(target: Path) -> None:
    (target / "a/b/c").mkdir(parents=True)
    for path in ("a/stays", "a/b/file", "a/b/c/file"):
        (target / path).touch()
    with sandbox(target) as box:
        assert box.remove(b"a/b")
        assert box.failures == []
    assert os.listdir(target / "a") == ["stays"]


def test_a_target_whose_attributes_cannot_be_read_is_an_error_and_not_kept_open(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    target.mkdir()
    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr("freezer.tree.xattrs.listxattr", refused)
    with pytest.raises((PermissionError, TargetError), match=os.strerror(errno.EACCES)):
        sandbox(target)
    assert len(os.listdir("/proc/self/fd")) == before
