"""New files: whose names they may take, who can read them meanwhile, and what may go wrong."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from restoring import MTIME, attributes, leftovers, reasons, sandbox

from freezer.tree.apply import Metadata
from freezer.tree.directories import Directory
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Outcome
from freezer.tree.write import Created, create_file, create_node
from freezer.tree.xattrs import CAPABILITY, read_xattrs

METADATA = Metadata(same_owner=False, numeric_owner=True, now_ns=0)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield Directory(fd, tmp_path.stat().st_dev, made=False, inherits_acl=False)
    os.close(fd)


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("taken", ["file", "link", "link to nothing"])
def test_a_name_that_is_taken_is_never_written_to(tmp_path: Path, directory: Directory, taken: str) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    if taken == "file":
        (tmp_path / "name").write_bytes(b"precious")
    else:
        (tmp_path / "name").symlink_to("victim" if taken == "link" else "nothing")
    with pytest.raises(FileExistsError):
        create_file(directory, b"name", attributes(), 4, [(0, b"evil")], METADATA)
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "nothing").exists()
    assert os.path.lexists(tmp_path / "name")


def test_what_is_not_whole_is_readable_by_nobody_else(tmp_path: Path, open_umask: None) -> None:
    modes = []

    def content() -> Iterator[tuple[int, bytes]]:
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*/.freezer-tmp-*"))
        yield 0, b"secret"

    (tmp_path / "t").mkdir(mode=0o755)
    with sandbox(tmp_path / "t") as box:
        assert box.write_file(b"file", attributes(0o666), 6, content()) is Outcome.WRITTEN
    assert modes == [0o600]
    assert stat.S_IMODE((tmp_path / "t/file").stat().st_mode) == 0o666


@pytest.mark.parametrize("size", [0, 5, 9, 4096])
@pytest.mark.parametrize("folder", ["", "new/"])
def test_a_file_is_as_long_as_the_backup_says(tmp_path: Path, size: int, folder: str) -> None:
    (tmp_path / "t").mkdir(mode=0o755)
    with sandbox(tmp_path / "t") as box:
        box.write_file(f"{folder}file".encode(), attributes(), size, [(0, b"abc"), (3, b"de")] if size else [])
        assert box.failures == []
    assert (tmp_path / "t" / folder / "file").read_bytes() == (b"abcde" if size else b"").ljust(size, b"\0")


def test_a_new_file_reports_its_identity_only_where_others_could_exchange_it(
    tmp_path: Path, directory: Directory
) -> None:
    problems, status = create_file(directory, b"name", attributes(), 0, [], METADATA)
    assert problems == []
    assert status is not None
    assert status.st_ino == (tmp_path / "name").stat().st_ino
    made = Directory(directory.fd, directory.device, made=True, inherits_acl=False)
    assert create_file(made, b"other", attributes(), 0, [], METADATA) == ([], None)


def test_a_directory_that_cannot_be_emptied_is_told_with_what_is_left(unprivileged: Path) -> None:
    target = unprivileged / "t"
    for path in ("a/closed/deep", "a/open"):
        (target / path).mkdir(parents=True)
        (target / path / "file").touch()
    (target / "a/closed").chmod(0o500)
    with sandbox(target) as box:
        assert not box.remove(b"a")
        assert set(reasons(box)) == {"a/closed/deep", "a/closed", "a"}
    (target / "a/closed").chmod(0o700)
    assert sorted(path.name for path in target.rglob("*")) == ["a", "closed", "deep"]
    assert leftovers(target) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(
    ("mode", "uid", "gid", "expected"),
    [
        (0o4755, 0, 1000, 0o4755),
        (0o2755, 0, 1000, 0o755),
        (0o2755, 0, 0, 0o2755),
        (0o4755, 1000, 0, 0o755),
        (0o0755, 1000, 1000, 0o755),
    ],
)
def test_lent_rights_need_the_user_and_with_setgid_the_group(
    tmp_path: Path, mode: int, uid: int, gid: int, expected: int
) -> None:
    with sandbox(tmp_path / "t", same_owner=False) as box:
        box.write_file(b"file", attributes(mode, uid=uid, gid=gid), 0, [])
        assert bool(box.failures) is (mode != expected)
    assert stat.S_IMODE((tmp_path / "t/file").stat().st_mode) == expected


@pytest.mark.parametrize("folder", [b"", b"new/", b"existing/"])
def test_what_could_not_be_applied_is_told_wherever_the_file_is(tmp_path: Path, folder: bytes) -> None:
    (tmp_path / "existing").mkdir(mode=0o755)
    with sandbox(tmp_path, same_owner=True) as box:
        box.make_directory(b"new")
        assert box.write_file(folder + b"file", attributes(uid=2**40), 0, []) is Outcome.WRITTEN
        assert reasons(box) == {f"{folder.decode()}file": f"owner {2**40}:{os.getegid()} not set: no such number"}


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o600, 0o777, 0o4711, 0o000])
@pytest.mark.parametrize("folder", [b"", b"new/", b"existing/"])
@pytest.mark.parametrize("atime_ns", [None, MTIME + 1])
def test_a_file_has_its_mode_and_times_wherever_it_is(
    tmp_path: Path, folder: bytes, mode: int, atime_ns: int | None
) -> None:
    (tmp_path / "existing").mkdir(mode=0o755)
    with sandbox(tmp_path) as box:
        box.make_directory(b"new")
        box.write_file(folder + b"file", attributes(mode, atime_ns=atime_ns), 1, [(0, b"x")])
        assert box.failures == []
    status = (tmp_path / os.fsdecode(folder) / "file").stat()
    assert stat.S_IMODE(status.st_mode) == mode
    assert status.st_mtime_ns == MTIME
    assert atime_ns in (None, status.st_atime_ns)


@pytest.mark.parametrize("error", [OSError("exchanged"), KeyboardInterrupt()])
def test_a_node_that_cannot_be_completed_is_taken_away(
    tmp_path: Path, directory: Directory, error: BaseException
) -> None:
    def finish() -> Created:
        raise error

    with pytest.raises(type(error)):
        create_node(directory, b"fifo", lambda: os.mkfifo(tmp_path / "fifo"), finish)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(
    ("block", "minor", "outcome"),
    [(False, 3, Outcome.EQUAL), (False, 5, Outcome.WRITTEN), (True, 3, Outcome.WRITTEN)],
)
def test_an_unchanged_device_is_one_with_the_same_kind_and_number(
    tmp_path: Path, block: bool, minor: int, outcome: Outcome
) -> None:
    with sandbox(tmp_path / "t", Policy.IF_CHANGED) as box:
        box.device(b"device", attributes(), False, 1, 3)
        assert box.device(b"device", attributes(), block, 1, minor) is outcome
    status = os.lstat(tmp_path / "t/device")
    assert (stat.S_ISBLK(status.st_mode), os.minor(status.st_rdev)) == (block, minor)


@pytest.mark.parametrize("folder", [b"", b"new/", b"existing/"])
def test_a_time_that_the_file_system_cannot_hold_is_told_wherever_the_file_is(tmp_path: Path, folder: bytes) -> None:
    mtime_ns = -3 * 10**18
    (tmp_path / "existing").mkdir(mode=0o755)
    with sandbox(tmp_path) as box:
        box.make_directory(b"new")
        box.write_file(folder + b"file", attributes(mtime_ns=mtime_ns), 0, [])
        told = reasons(box)
    is_kept = (tmp_path / os.fsdecode(folder) / "file").stat().st_mtime_ns == mtime_ns
    assert told == ({} if is_kept else {f"{folder.decode()}file": "times not set: the file system cannot hold them"})


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_capabilities_are_not_lent_in_the_name_of_another_owner(tmp_path: Path) -> None:
    net_bind = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
    with sandbox(tmp_path / "t", same_owner=False) as box:
        box.write_file(b"file", attributes(0o755, uid=1000, xattrs={CAPABILITY: net_bind}), 0, [])
        assert list(reasons(box)) == ["file"]
    assert read_xattrs(os.fsencode(tmp_path / "t/file")) == {}
