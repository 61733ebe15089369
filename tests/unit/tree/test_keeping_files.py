"""Files that exist may be kept without a look at what would be restored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from restoring import MTIME, attributes, put, sandbox

from freezer.tree.policy import Policy
from freezer.tree.sandbox import Outcome


def existing(path: Path, content: bytes = b"new", mtime_ns: int = MTIME) -> Path:
    path.write_bytes(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


@pytest.mark.parametrize(
    ("policy", "mtime_ns", "expected"),
    [
        (Policy.NEVER, MTIME, Outcome.EQUAL),
        (Policy.NEVER, MTIME - 1, Outcome.SKIPPED),
        (Policy.IF_NEWER, MTIME - 1, None),
        (Policy.IF_NEWER, MTIME + 1, Outcome.SKIPPED),
        (Policy.IF_CHANGED, MTIME, Outcome.EQUAL),
        (Policy.IF_CHANGED, MTIME + 1, None),
        (Policy.ALWAYS, MTIME, None),
    ],
)
def test_the_policy_says_what_is_kept(tmp_path: Path, policy: Policy, mtime_ns: int, expected: Outcome | None) -> None:
    existing(tmp_path / "file", mtime_ns=mtime_ns)
    with sandbox(tmp_path, policy) as box:
        assert box.keep_file(b"file", attributes(), 3) is expected
        assert box.skipped == (expected is not None)
        assert len(box.kept) == (expected is Outcome.SKIPPED)
        assert not box.failures


def test_what_does_not_exist_or_is_no_file_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    with sandbox(tmp_path, Policy.NEVER) as box:
        assert box.keep_file(b"nothing", attributes(), 3) is None
        assert box.keep_file(b"directory", attributes(), 3) is None
        assert box.keep_file(b"nowhere/file", attributes(), 3) is None
        assert box.keep_file(b"../file", attributes(), 3) is None
        assert not box.skipped


def test_content_is_looked_at_only_if_the_rest_is_the_same(tmp_path: Path) -> None:
    existing(tmp_path / "same")
    existing(tmp_path / "other", mtime_ns=MTIME + 1)
    seen: list[bytes] = []

    def look(fd: int) -> bool:
        seen.append(os.read(fd, 10))
        return seen[-1] == b"new"

    with sandbox(tmp_path, Policy.IF_CHANGED) as box:
        assert box.keep_file(b"other", attributes(), 3, look) is None
        assert not seen
        assert box.keep_file(b"same", attributes(), 3, look) is Outcome.EQUAL
        existing(tmp_path / "same", b"NEW")
        assert box.keep_file(b"same", attributes(), 3, look) is None
        assert seen == [b"new", b"NEW"]


def test_a_file_that_only_looks_the_same_is_replaced(tmp_path: Path) -> None:
    existing(tmp_path / "file", b"NEW")
    with sandbox(tmp_path, Policy.IF_CHANGED) as box:
        assert put(box, b"file") is Outcome.EQUAL
        outcome = box.write_file(b"file", attributes(), 3, [(0, b"new")], differs=True)
        assert outcome is Outcome.WRITTEN
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    existing(tmp_path / "outside")
    (tmp_path / "target").mkdir()
    (tmp_path / "target/file").symlink_to(tmp_path / "outside")
    (tmp_path / "target/directory").symlink_to(tmp_path)
    with sandbox(tmp_path / "target", Policy.IF_CHANGED) as box:
        assert box.keep_file(b"file", attributes(), 3, lambda _fd: True) is None
        assert box.keep_file(b"directory/outside", attributes(), 3, lambda _fd: True) is None


def test_whether_a_directory_is_there(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    with sandbox(tmp_path) as box:
        assert box.has_directory(b"")
        assert box.has_directory(b"directory")
        assert not box.has_directory(b"directory/below")
        assert box.has_directory(b"file")  # something is in the way, at least
