"""What existing files and directories become, as the policy decides."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from restoring import MTIME, attributes, leftovers, put, reasons, sandbox

from freezer.tree.sandbox import Outcome, Policy

OLDER, SAME, NEWER = MTIME - 1, MTIME, MTIME + 1


@pytest.mark.parametrize(
    ("policy", "content", "mtime_ns", "outcome"),
    [
        (Policy.ALWAYS, b"new", SAME, Outcome.WRITTEN),
        (Policy.ALWAYS, b"other", NEWER, Outcome.WRITTEN),
        (Policy.NEVER, b"other", OLDER, Outcome.SKIPPED),
        (Policy.IF_NEWER, b"other", OLDER, Outcome.WRITTEN),
        (Policy.IF_NEWER, b"other", SAME, Outcome.SKIPPED),
        (Policy.IF_NEWER, b"other", NEWER, Outcome.SKIPPED),
        (Policy.IF_CHANGED, b"old", SAME, Outcome.EQUAL),
        (Policy.IF_CHANGED, b"old", OLDER, Outcome.WRITTEN),
        (Policy.IF_CHANGED, b"old", NEWER, Outcome.WRITTEN),
        (Policy.IF_CHANGED, b"other", SAME, Outcome.WRITTEN),
    ],
)
def test_the_policy_decides_about_existing_files(
    target: Path, policy: Policy, content: bytes, mtime_ns: int, outcome: Outcome
) -> None:
    target.mkdir()
    (target / "file").write_bytes(content)
    os.utime(target / "file", ns=(mtime_ns, mtime_ns))
    pieces: Iterator[tuple[int, bytes]] = iter([(0, b"new")])
    with sandbox(target, policy) as box:
        assert box.write_file(b"file", attributes(), 3, pieces) is outcome
        assert box.failures == []
        assert box.skipped == (outcome in (Outcome.SKIPPED, Outcome.EQUAL))
        is_listed = outcome is Outcome.SKIPPED
        assert [item.path for item in box.kept] == ["file"] * is_listed
    assert (target / "file").read_bytes() == (b"new" if outcome is Outcome.WRITTEN else content)
    if outcome is Outcome.SKIPPED:
        assert next(pieces) == (0, b"new"), "skipped content is the caller's"


@pytest.mark.parametrize("policy", list(Policy))
def test_a_missing_file_is_restored_under_every_policy(target: Path, policy: Policy) -> None:
    target.mkdir()
    with sandbox(target, policy) as box:
        assert put(box, b"file") is Outcome.WRITTEN
        assert put(box, b"dir/file") is Outcome.WRITTEN
        assert (box.failures, box.kept, box.skipped) == ([], [], 0)


def test_unchanged_links_are_recognised(target: Path) -> None:
    target.mkdir()
    for _ in range(2):
        with sandbox(target, Policy.IF_CHANGED) as box:
            put(box, b"file")
            box.symlink(b"link", b"here", attributes())
            box.fifo(b"fifo", attributes())
            box.hard_link(b"again", b"file")
            assert box.failures == []
    assert box.skipped == 4
    with sandbox(target, Policy.IF_CHANGED) as box:
        assert box.symlink(b"link", b"there", attributes()) is Outcome.WRITTEN
    assert os.readlink(target / "link") == "there"
    assert (target / "again").samefile(target / "file")


def test_a_directory_in_the_way_of_a_file_stays(target: Path) -> None:
    (target / "x").mkdir(parents=True)
    with sandbox(target) as box:
        assert put(box, b"x") is Outcome.FAILED
        assert box.symlink(b"x", b"y", attributes()) is Outcome.FAILED
        assert reasons(box) == {"x": "a directory is in the way"}
    assert (target / "x").is_dir()
    assert leftovers(target) == []


@pytest.mark.parametrize("policy", list(Policy))
def test_what_is_in_the_way_of_a_directory_goes_only_as_the_policy_says(target: Path, policy: Policy) -> None:
    target.mkdir()
    (target / "file").touch()
    (target / "link").symlink_to(target)
    replaced = policy in (Policy.ALWAYS, Policy.IF_CHANGED)
    with sandbox(target, policy) as box:
        assert box.make_directory(b"file") is replaced
        assert box.make_directory(b"link") is replaced
        assert len(box.failures) == (0 if replaced else 2)
    assert (target / "file").is_dir() is replaced
    assert (target / "link").is_symlink() is not replaced


def test_existing_directories_are_used_as_they_are_and_foreign_files_stay(target: Path) -> None:
    (target / "dir").mkdir(parents=True)
    (target / "dir" / "foreign").write_bytes(b"mine")
    (target / "dir").chmod(0o751)
    inode = (target / "dir").stat().st_ino
    with sandbox(target) as box:
        assert box.make_directory(b"dir")
        put(box, b"dir/file")
        box.finish()
    assert (target / "dir").stat().st_ino == inode
    assert stat.S_IMODE((target / "dir").stat().st_mode) == 0o751
    assert (target / "dir/foreign").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("policy", "mtime_ns", "applied"),
    [
        (Policy.ALWAYS, NEWER, True),
        (Policy.IF_CHANGED, NEWER, True),
        (Policy.NEVER, OLDER, False),
        (Policy.IF_NEWER, OLDER, True),
        (Policy.IF_NEWER, NEWER, False),
    ],
)
def test_the_policy_decides_about_attributes_of_existing_directories(
    target: Path, policy: Policy, mtime_ns: int, applied: bool
) -> None:
    (target / "dir").mkdir(parents=True)
    (target / "dir").chmod(0o751)
    os.utime(target / "dir", ns=(mtime_ns, mtime_ns))
    with sandbox(target, policy) as box:
        box.make_directory(b"dir")
        put(box, b"dir/file")
        box.directory_attributes(b"dir", attributes(0o711))
        box.finish()
    assert stat.S_IMODE((target / "dir").stat().st_mode) == (0o711 if applied else 0o751)
