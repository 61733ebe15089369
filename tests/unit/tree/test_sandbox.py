"""The sandbox: where it writes, what it replaces, what it leaves alone."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from restoring import MTIME, attributes, leftovers, put, reasons, sandbox

from freezer.errors import DamagedError, TargetError
from freezer.tree.sandbox import Outcome

UNSAFE = [
    b"../x", b"a/../../x", b"/x", b"/etc/passwd", b"a//x", b"./x", b"a/./x", b"a/", b"..", b".", b"", b"a\0b",
    b"d\0/x", b"d/..", b"//x",
]  # fmt: skip


def snapshot(root: Path) -> dict[str, tuple[int, ...]]:
    """Everything about what is below ``root`` that a restore elsewhere must not change."""
    found = {}
    for parent, directories, files in os.walk(root):
        for name in [*directories, *files, "."]:
            status = os.lstat(os.path.join(parent, name))
            found[os.path.join(parent, name)] = (
                status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime_ns, status.st_ino,
            )  # fmt: skip
    return found


def test_a_tree_is_restored(target: Path, resolver: str) -> None:
    with sandbox(target) as box:
        assert box.make_directory(b"a/b")
        assert put(box, b"a/b/file", b"content") is Outcome.WRITTEN
        assert put(box, b"top", b"") is Outcome.WRITTEN
        assert box.symlink(b"a/link", b"b/file", attributes()) is Outcome.WRITTEN
        assert box.hard_link(b"a/again", b"a/b/file") is Outcome.WRITTEN
        box.directory_attributes(b"a/b", attributes(0o555))
        box.finish()
        assert box.failures == []
    assert (target / "a/link").read_bytes() == b"content"
    assert (target / "a/again").samefile(target / "a/b/file")
    assert (target / "top").read_bytes() == b""
    assert stat.S_IMODE((target / "a/b").stat().st_mode) == 0o555
    assert (target / "a/b").stat().st_mtime_ns == MTIME
    assert leftovers(target) == []


def test_directories_are_private_until_the_end(target: Path) -> None:
    with sandbox(target) as box:
        box.make_directory(b"a/b")
        box.directory_attributes(b"a", attributes(0o777))
        assert box.children(b"a") == [b"b"]
        assert [stat.S_IMODE((target / path).stat().st_mode) for path in ("", "a", "a/b")] == [0o700] * 3
        box.finish()
    assert stat.S_IMODE((target / "a").stat().st_mode) == 0o777


def test_missing_directories_are_made_for_whatever_needs_them(target: Path) -> None:
    with sandbox(target) as box:
        assert put(box, b"x/y/z/file") is Outcome.WRITTEN
        assert box.failures == []
    assert (target / "x/y/z/file").read_bytes() == b"new"


@pytest.mark.parametrize("path", UNSAFE)
def test_unsafe_paths_are_reported_and_nothing_is_written(tmp_path: Path, path: bytes, resolver: str) -> None:
    (tmp_path / "outside").write_bytes(b"x")
    target = tmp_path / "in" / "target"
    target.mkdir(parents=True)
    before = snapshot(tmp_path)
    with sandbox(target) as box:
        box.make_directory(b"d")
        results = [
            put(box, path),
            box.symlink(path, b"x", attributes()),
            box.fifo(path, attributes()),
            box.device(path, attributes(), False, 1, 3),
            box.hard_link(path, b"d"),
        ]
        assert results == [Outcome.FAILED] * 5
        assert box.hard_link(b"new", path) is Outcome.FAILED
        assert not box.remove(path)
        if path:
            assert not box.make_directory(path)
            assert box.children(path) == []
        box.remove(b"d")
        assert len(box.failures) == (9 if path else 7)
    os.utime(target, ns=(0, before[str(target / ".")][4]))
    assert snapshot(tmp_path) == before


def test_names_that_are_too_long_are_reported(target: Path) -> None:
    with sandbox(target) as box:
        assert put(box, b"x" * 256) is Outcome.FAILED
        assert not box.make_directory(b"y" * 256 + b"/z")
        assert put(box, b"n" * 255) is Outcome.WRITTEN
        assert put(box, b"\xff\xfe\n") is Outcome.WRITTEN
        assert set(reasons(box).values()) == {os.strerror(errno.ENAMETOOLONG)}
    assert sorted(os.listdir(os.fsencode(target))) == [b"n" * 255, b"\xff\xfe\n"]


@pytest.mark.parametrize("where", ["new", "existing"])
def test_no_restored_link_is_followed_by_what_comes_after(tmp_path: Path, resolver: str, where: str) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_bytes(b"old")
    target = tmp_path / "target"
    if where == "existing":
        target.mkdir(mode=0o755)
    before = snapshot(victim)
    with sandbox(target) as box:
        assert box.symlink(b"link", b"../victim", attributes()) is Outcome.WRITTEN
        assert put(box, b"link/file") is Outcome.FAILED
        assert put(box, b"link/new") is Outcome.FAILED
        assert not box.make_directory(b"link/new")
        assert not box.remove(b"link/file")
        assert box.hard_link(b"other", b"link/file") is Outcome.FAILED
        box.directory_attributes(b"link", attributes(0o777))
        box.symlink(b"file", b"../victim/file", attributes())
        assert put(box, b"file", b"replaced") is Outcome.WRITTEN
        box.finish()
    assert snapshot(victim) == before
    assert (target / "file").read_bytes() == b"replaced"
    assert not (target / "file").is_symlink()


def test_other_names_of_an_existing_file_keep_its_content(target: Path) -> None:
    target.mkdir()
    (target / "file").write_bytes(b"old")
    os.link(target / "file", target / "other")
    with (target / "file").open("rb") as running, sandbox(target) as box:
        assert put(box, b"file") is Outcome.WRITTEN
        assert running.read() == b"old"
    assert (target / "other").read_bytes() == b"old"
    assert (target / "file").read_bytes() == b"new"
    assert leftovers(target) == []


def test_a_directory_that_was_exchanged_gets_no_attributes(target: Path, resolver: str) -> None:
    target.mkdir()
    with sandbox(target) as box:
        box.make_directory(b"dir")
        box.directory_attributes(b"dir", attributes(0o777))
        box.make_directory(b"other")
        (target / "dir").rename(target / "moved")
        (target / "dir").mkdir(0o711)
        for number in range(70):
            box.make_directory(b"%d" % number)
        box.finish()
        assert list(reasons(box)) == ["dir"]
    assert stat.S_IMODE((target / "dir").stat().st_mode) == 0o711


def test_only_files_of_this_run_are_linked_to(target: Path) -> None:
    target.mkdir()
    (target / "foreign").write_bytes(b"secret")
    (target / "link").symlink_to("foreign")
    with sandbox(target) as box:
        for existing in (b"foreign", b"link", b"missing", b"../target/foreign", b"."):
            assert box.hard_link(b"new", existing) is Outcome.FAILED
        put(box, b"mine")
        box.symlink(b"mine-too", b"anywhere", attributes())
        assert box.hard_link(b"new", b"mine") is Outcome.WRITTEN
        assert box.hard_link(b"new-too", b"mine-too") is Outcome.WRITTEN
    assert (target / "new").samefile(target / "mine")
    assert os.lstat(target / "new-too").st_ino == os.lstat(target / "mine-too").st_ino
    assert (target / "foreign").stat().st_nlink == 1


def test_nothing_is_linked_to_a_file_that_took_another_ones_place(target: Path) -> None:
    target.mkdir()
    (target / "evil").write_bytes(b"evil")
    with sandbox(target) as box:
        put(box, b"mine")
        (target / "evil").rename(target / "mine")
        assert box.hard_link(b"new", b"mine") is Outcome.FAILED
    assert not (target / "new").exists()


def test_gaps_between_pieces_are_holes(place: Path) -> None:
    pieces = [(0, b"a" * 4096), (2**30, bytearray(b"b" * 10)), (2**31, memoryview(b"c" * 4096))]
    with sandbox(place / "t") as box:
        assert box.write_file(b"file", attributes(), 2**32, pieces) is Outcome.WRITTEN
        assert box.write_file(b"hole", attributes(), 2**33, []) is Outcome.WRITTEN
    status = (place / "t/file").stat()
    assert status.st_size == 2**32
    assert status.st_blocks * 512 < 2**20
    with (place / "t/file").open("rb") as file:
        for offset, piece in pieces:
            file.seek(offset - 1 if offset else 0)
            assert file.read(len(piece) + 1).strip(b"\0") == piece
    assert (place / "t/hole").stat().st_size == 2**33


@pytest.mark.parametrize("size", [-1, 2**63, 2**63 - 1])
def test_impossible_sizes_are_reported(target: Path, size: int) -> None:
    if _file_system_has(target.parent / "probe", size):
        pytest.skip("a file of this size is possible on this file system")
    with sandbox(target) as box:
        assert box.write_file(b"file", attributes(), size, []) is Outcome.FAILED
        assert list(reasons(box)) == ["file"]
    assert os.listdir(target) == []


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("error", [DamagedError("damaged"), KeyboardInterrupt(), SystemExit(143)])
def test_an_interrupted_file_leaves_nothing_behind(target: Path, existing: bool, error: BaseException) -> None:
    if existing:
        target.mkdir()
        (target / "file").write_bytes(b"old")

    def content() -> Iterator[tuple[int, bytes]]:
        yield 0, b"half"
        raise error

    with pytest.raises(type(error)), sandbox(target) as box:
        box.write_file(b"file", attributes(), 100, content())
    assert os.listdir(target) == (["file"] if existing else [])
    if existing:
        assert (target / "file").read_bytes() == b"old"


def test_writes_that_the_system_cuts_short_are_completed(target: Path) -> None:
    size = 2**20
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
        with sandbox(target) as box:
            assert box.write_file(b"fits", attributes(), size, [(0, b"x" * size)]) is Outcome.WRITTEN
            assert box.write_file(b"large", attributes(), 2 * size, [(0, b"x" * 2 * size)]) is Outcome.FAILED
            assert reasons(box) == {"large": os.strerror(errno.EFBIG)}
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, ignored)
    assert os.listdir(target) == ["fits"]


def deep_path() -> bytes:
    return b"/".join([b"d" * 240] * 25)


def test_trees_deeper_than_any_path_are_made_and_removed(place: Path, resolver: str) -> None:
    deep = deep_path()
    with sandbox(place / "t") as box:
        assert put(box, deep + b"/file", b"deep") is Outcome.WRITTEN
        assert box.symlink(deep + b"/link", b"file", attributes()) is Outcome.WRITTEN
        assert box.hard_link(deep + b"/again", deep + b"/file") is Outcome.WRITTEN
        box.directory_attributes(deep, attributes(0o755))
        box.finish()
        assert sorted(box.children(deep)) == [b"again", b"file", b"link"]
        assert box.remove(b"d" * 240)
        assert box.failures == []
    assert os.listdir(place / "t") == []


def test_more_levels_than_descriptors_are_made_and_removed(target: Path, resolver: str) -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = len(os.listdir("/proc/self/fd"))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 80, limit[1]))
        with sandbox(target) as box:
            assert put(box, b"d/" * 400 + b"file") is Outcome.WRITTEN
            assert box.remove(b"d")
            assert box.failures == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert os.listdir(target) == []


def test_removing_never_follows_links(tmp_path: Path, target: Path, resolver: str) -> None:
    victim = tmp_path / "victim"
    (victim / "dir").mkdir(parents=True)
    (victim / "dir" / "file").write_bytes(b"x")
    (target / "a" / "b").mkdir(parents=True)
    (target / "a" / "b" / "to-directory").symlink_to(victim)
    (target / "a" / "to-file").symlink_to(victim / "dir" / "file")
    (target / "top").symlink_to(victim)
    before = snapshot(victim)
    with sandbox(target) as box:
        assert sorted(box.children(b"a")) == [b"b", b"to-file"]
        assert box.remove(b"a")
        assert box.remove(b"top")
        assert box.remove(b"never-there")
        assert box.failures == []
    assert os.listdir(target) == []
    assert snapshot(victim) == before


def test_a_removed_directory_can_be_made_again(target: Path) -> None:
    with sandbox(target) as box:
        put(box, b"a/b/file")
        box.directory_attributes(b"a/b", attributes(0o700))
        assert box.remove(b"a")
        assert put(box, b"a/b/file", b"again") is Outcome.WRITTEN
        box.finish()
        assert box.failures == []
    assert (target / "a/b/file").read_bytes() == b"again"


def test_what_cannot_be_removed_is_reported(unprivileged: Path) -> None:
    (unprivileged / "a" / "locked").mkdir(parents=True)
    (unprivileged / "a" / "locked" / "file").touch()
    (unprivileged / "a" / "free").touch()
    (unprivileged / "a" / "locked").chmod(0o555)
    with sandbox(unprivileged) as box:
        assert not box.remove(b"a")
        assert reasons(box)["a/locked/file"] == os.strerror(errno.EACCES)
    assert not (unprivileged / "a" / "free").exists()
    assert (unprivileged / "a" / "locked" / "file").exists()


def test_the_target_must_be_a_directory_that_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TargetError, match="Not a directory"):
        sandbox(tmp_path / "file")
    with pytest.raises(TargetError, match="Not a directory"):
        sandbox(tmp_path / "file" / "below")
    with pytest.raises(TargetError, match="No such file"):
        sandbox(tmp_path / "none", create=False)


def test_a_target_may_be_named_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with sandbox(tmp_path / "link") as box:
        assert put(box, b"file") is Outcome.WRITTEN
    assert (tmp_path / "real/file").read_bytes() == b"new"


def test_no_descriptor_is_left_open(target: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with sandbox(target) as box:
        for number in range(100):
            put(box, b"%d/file" % number)
            put(box, b"%d/file/x" % number)
            box.hard_link(b"%d/link" % number, b"%d/file" % number)
            box.symlink(b"%d/sym" % number, b"x", attributes())
        box.remove(b"5")
        box.finish()
    assert len(os.listdir("/proc/self/fd")) == before


def _file_system_has(probe: Path, size: int) -> bool:
    try:
        with probe.open("wb") as file:
            file.truncate(size)
    except (OSError, OverflowError, ValueError):
        return False
    finally:
        probe.unlink()
    return True
