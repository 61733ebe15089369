"""Hard links and nodes in the sandbox: what they may point to, also on a system without /proc."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from restoring import MTIME, attributes, leftovers, put, reasons, sandbox

from freezer.errors import TargetError
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Outcome
from support.disks import small_disk


@pytest.fixture
def target(tmp_path: Path) -> Path:
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    return target


@pytest.fixture(params=["proc", "no proc"])
def proc(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test as it is, and again as on a system where descriptors have no paths."""
    if request.param == "no proc":
        monkeypatch.setattr("freezer.tree.sandbox.has_descriptor_paths", lambda: False)
        monkeypatch.setattr("freezer.tree.apply.has_descriptor_paths", lambda: False)
    return str(request.param)


@pytest.mark.parametrize("folder", [b"", b"new/", b"existing/"])
def test_files_links_and_pipes_get_second_names(target: Path, proc: str, folder: bytes) -> None:
    (target / "existing").mkdir(mode=0o755)
    (target / "there").mkdir(mode=0o755)
    below = target / os.fsdecode(folder)
    with sandbox(target) as box:
        put(box, folder + b"file")
        box.symlink(folder + b"link", b"file", attributes())
        box.fifo(folder + b"fifo", attributes())
        for name in (b"file", b"link", b"fifo"):
            assert box.hard_link(b"there/" + name, folder + name) is Outcome.WRITTEN
        assert box.failures == []
    for name in ("file", "link", "fifo"):
        assert os.path.samestat(os.lstat(target / "there" / name), os.lstat(below / name))
    assert leftovers(target) == []


def test_another_inode_under_the_name_is_never_linked(target: Path, proc: str) -> None:
    (target / "evil").write_bytes(b"evil")
    with sandbox(target) as box:
        put(box, b"mine")
        root = box._directories.open(b"")
        pin = os.open(target / "mine", os.O_PATH)
        (target / "evil").rename(target / "mine")
        with pytest.raises(OSError, match=r"took the place|No such file"):
            box._link(pin, root, b"mine", root, b"again")
        os.close(pin)
    assert os.listdir(target) == ["mine"]


def test_a_second_name_takes_the_place_of_another_file(target: Path) -> None:
    with sandbox(target) as box:
        put(box, b"one")
        put(box, b"two")
        assert box.hard_link(b"two", b"one") is Outcome.WRITTEN
    assert (target / "two").samefile(target / "one")


@pytest.mark.parametrize("policy", list(Policy))
def test_a_second_name_that_is_there_already_is_left(target: Path, policy: Policy) -> None:
    with sandbox(target, policy) as box:
        put(box, b"one")
        assert box.hard_link(b"two", b"one") is Outcome.WRITTEN
        assert box.hard_link(b"two", b"one") is Outcome.EQUAL
        assert box.kept == []
    assert leftovers(target) == []


def test_what_a_private_target_held_before_is_not_linked_to(target: Path) -> None:
    target.chmod(0o700)
    (target / "foreign").write_bytes(b"secret")
    with sandbox(target) as box:
        assert box.hard_link(b"new", b"foreign") is Outcome.FAILED
    assert os.listdir(target) == ["foreign"]


def test_a_new_target_gets_its_attributes_even_if_nothing_may_be_replaced(tmp_path: Path) -> None:
    with sandbox(tmp_path / "new", Policy.NEVER) as box:
        box.directory_attributes(b"", attributes(0o751))
        box.finish()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o751


@pytest.mark.parametrize(("policy", "reason"), [(Policy.NEVER, "exists"), (Policy.IF_NEWER, "exists and is not older")])
def test_what_is_kept_is_listed_with_the_policys_reason(target: Path, policy: Policy, reason: str) -> None:
    (target / "file").write_bytes(b"old")
    with sandbox(target, policy) as box:
        put(box, b"file")
        assert [(item.path, item.reason) for item in box.kept] == [("file", reason)]


def test_a_file_that_cannot_get_its_name_leaves_nothing(target: Path) -> None:
    def content() -> Iterator[tuple[int, bytes]]:
        yield 0, b"new"
        (target / "file").mkdir()

    with sandbox(target) as box:
        assert box.write_file(b"file", attributes(), 3, content()) is Outcome.FAILED
    assert os.listdir(target) == ["file"]


@pytest.mark.parametrize("mtime_ns", [MTIME, 0, -1, 4_000_000_000 * 10**9 + 7])
@pytest.mark.parametrize("mode", [0o600, 0o1777, 0o000])
def test_nodes_get_their_attributes(target: Path, proc: str, mode: int, mtime_ns: int) -> None:
    wanted = attributes(mode, mtime_ns=mtime_ns, atime_ns=mtime_ns + 7)
    with sandbox(target) as box:
        box.fifo(b"fifo", wanted)
        box.symlink(b"link", b"fifo", wanted)
        assert box.failures == []
    for name in ("fifo", "link"):
        status = os.lstat(target / name)
        assert (status.st_mtime_ns, status.st_atime_ns) == (mtime_ns, mtime_ns + 7)
    assert stat.S_IMODE(os.lstat(target / "fifo").st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_nodes_get_their_owners(target: Path, proc: str) -> None:
    wanted = attributes(0o640, uid=1000, gid=1001)
    with sandbox(target) as box:
        box.fifo(b"fifo", wanted)
        box.symlink(b"link", b"fifo", wanted)
        assert box.failures == []
    for name in ("fifo", "link"):
        assert (os.lstat(target / name).st_uid, os.lstat(target / name).st_gid) == (1000, 1001)
    assert (target.stat().st_uid, target.stat().st_gid) == (os.geteuid(), os.getegid())


@pytest.fixture
def other(target: Path) -> Iterator[Path]:
    """Another file system below the target."""
    with small_disk(target / "mounted") as mounted:
        yield mounted


@pytest.fixture
def without_inodes(target: Path) -> Iterator[Path]:
    """A file system in which nothing more can be made."""
    with small_disk(target / "mounted", "nr_inodes=1") as mounted:
        yield mounted


def test_on_another_file_system_only_files_of_this_run_are_linked_to(target: Path, other: Path) -> None:
    (other / "foreign").write_bytes(b"secret")
    with sandbox(target) as box:
        put(box, b"mounted/file")
        assert box.hard_link(b"mounted/again", b"mounted/file") is Outcome.WRITTEN
        assert box.hard_link(b"mounted/new", b"mounted/foreign") is Outcome.FAILED
        assert reasons(box) == {"mounted/new": "cannot link to mounted/foreign: this run did not restore it"}
    assert (other / "again").samefile(other / "file")


def test_a_target_without_room_for_a_directory_ends_the_restore(without_inodes: Path) -> None:
    with sandbox(without_inodes) as box, pytest.raises(TargetError, match="No space left") as caught:
        put(box, b"a/b/c/file")
    assert caught.value.hint is not None


@pytest.mark.parametrize(("number", "has_hint"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
def test_a_hint_says_what_to_do_about_a_full_target(target: Path, number: int, has_hint: bool) -> None:
    def content() -> Iterator[tuple[int, bytes]]:
        yield 0, b"x"
        raise OSError(number, os.strerror(number))

    with sandbox(target) as box, pytest.raises(TargetError) as caught:
        box.write_file(b"file", attributes(), 10, content())
    assert (caught.value.hint is not None) is has_hint
