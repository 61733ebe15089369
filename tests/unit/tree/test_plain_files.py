"""The quick way of plain files into a directory of this run: what it takes, refuses and leaves behind."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from restoring import MTIME, attributes, put, sandbox

from freezer.tree.apply import Plain
from freezer.tree.attributes import Attributes
from freezer.tree.sandbox import Outcome, Sandbox
from freezer.tree.write import PlainFiles

NOON = 1_800_000_000
YEAR_2038 = 2**31 * 10**9


class Noon:
    def now(self) -> float:
        return NOON

    def monotonic(self) -> float:
        raise AssertionError

    def sleep(self, seconds: float) -> None:
        raise AssertionError


@pytest.fixture(params=[False, True])
def same_owner(request: pytest.FixtureRequest) -> bool:
    if request.param and os.geteuid() != 0:
        pytest.skip("needs root")
    return bool(request.param)


@pytest.fixture
def box(tmp_path: Path, same_owner: bool) -> Iterator[Sandbox]:
    with sandbox(tmp_path, same_owner=same_owner, clock=Noon()) as box:
        box.make_directory(b"dir")
        yield box


@pytest.fixture
def files(box: Sandbox) -> PlainFiles:
    found = box.plain_files(b"dir", 100)
    assert found is not None
    return found


@pytest.fixture
def kind(files: PlainFiles) -> Plain:
    found = files.kind(attributes())
    assert found is not None
    return found


def staged(place: Path) -> Path:
    """The directory that has its temporary name still."""
    (found,) = place.iterdir()
    assert found.name.startswith(".freezer-tmp-")
    return found


@pytest.mark.parametrize("content", [b"", b"content"])
@pytest.mark.parametrize("mode", [0o644, 0o600, 0o666, 0o777, 0o000])
@pytest.mark.parametrize("mtime_ns", [MTIME, 0, 10**9, YEAR_2038 - 1])
def test_a_plain_file_comes_back_whole(
    tmp_path: Path, files: PlainFiles, content: bytes, mode: int, mtime_ns: int
) -> None:
    kind = files.kind(attributes(mode))
    assert kind is not None
    assert files.write(kind, b"file", memoryview(content), mtime_ns)
    status = (staged(tmp_path) / "file").stat()
    assert stat.S_IMODE(status.st_mode) == mode
    assert (status.st_mtime_ns, status.st_atime_ns) == (mtime_ns, NOON * 10**9)
    assert status.st_nlink == 1
    assert (staged(tmp_path) / "file").read_bytes() == content


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("owner", [(0, 0), (1000, 0), (0, 1000), (1000, 1001), (2**32 - 2, 2**32 - 2)])
def test_a_plain_file_belongs_to_its_owner_if_that_was_asked_for(
    tmp_path: Path, files: PlainFiles, same_owner: bool, owner: tuple[int, int]
) -> None:
    kind = files.kind(attributes(0o640, uid=owner[0], gid=owner[1]))
    assert kind is not None
    assert files.write(kind, b"file", memoryview(b"x"), MTIME)
    status = (staged(tmp_path) / "file").stat()
    assert (status.st_uid, status.st_gid) == (owner if same_owner else (0, 0))
    assert stat.S_IMODE(status.st_mode) == 0o640


@pytest.mark.parametrize(
    "wanted",
    [
        attributes(0o1755),
        attributes(0o2755),
        attributes(0o4755),
        attributes(xattrs={b"user.x": b"1"}),
        attributes(atime_ns=MTIME),
        attributes(atime_ns=0),
    ],
)
def test_what_takes_more_is_left_to_the_long_way(files: PlainFiles, wanted: Attributes) -> None:
    assert files.kind(wanted) is None


@pytest.mark.parametrize(("uid", "gid"), [(-1, 0), (0, -1), (2**32 - 1, 0), (0, 2**32 - 1), (0, 2**40), (2**40, 0)])
def test_an_owner_that_cannot_be_is_left_to_the_long_way_if_it_was_asked_for(
    files: PlainFiles, same_owner: bool, uid: int, gid: int
) -> None:
    assert (files.kind(attributes(uid=uid, gid=gid)) is None) is same_owner


@pytest.mark.parametrize("name", [b"", b".", b"..", b"../file", b"a/b", b"/file", b"a\0b", b"n" * 256])
def test_no_other_name_than_one_of_this_directory_is_written(
    tmp_path: Path, files: PlainFiles, kind: Plain, name: bytes
) -> None:
    before = os.listdir(tmp_path)
    assert not files.write(kind, name, memoryview(b"x"), MTIME)
    assert os.listdir(tmp_path) == before
    assert os.listdir(staged(tmp_path)) == []


@pytest.mark.parametrize("taken", ["file", "link", "link to nothing"])
def test_a_name_that_is_taken_is_left_as_it_is(tmp_path: Path, files: PlainFiles, kind: Plain, taken: str) -> None:
    place = staged(tmp_path)
    (place / "victim").write_bytes(b"precious")
    if taken == "file":
        (place / "file").write_bytes(b"precious")
    else:
        (place / "file").symlink_to("victim" if taken == "link" else "nothing")
    assert not files.write(kind, b"file", memoryview(b"x"), MTIME)
    assert (place / "victim").read_bytes() == b"precious"
    assert not (place / "nothing").exists()
    assert os.path.lexists(place / "file")


@pytest.mark.parametrize("mtime_ns", [YEAR_2038, YEAR_2038 + 1, 2**40 * 10**9, -YEAR_2038 - 1])
def test_a_time_that_a_file_system_may_not_hold_is_left_to_the_long_way(
    tmp_path: Path, files: PlainFiles, kind: Plain, mtime_ns: int
) -> None:
    assert not files.write(kind, b"file", memoryview(b"x"), mtime_ns)
    assert os.listdir(staged(tmp_path)) == []


@pytest.mark.parametrize("call", ["utime", "write"])
@pytest.mark.parametrize("error", [PermissionError(errno.EPERM, "Not for you"), KeyboardInterrupt()])
def test_a_file_that_cannot_be_completed_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: PlainFiles, kind: Plain, call: str, error: BaseException
) -> None:
    def broken(*_arguments: object, **_options: object) -> int:
        raise error

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, call, broken)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            files.write(kind, b"file", memoryview(b"x"), MTIME)
    else:
        assert not files.write(kind, b"file", memoryview(b"x"), MTIME)
    monkeypatch.undo()
    assert os.listdir(staged(tmp_path)) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_the_system_cuts_short_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: PlainFiles, kind: Plain
) -> None:
    whole = os.write

    def short(fd: int, content: Any) -> int:
        return whole(fd, content[:-1])

    monkeypatch.setattr(os, "write", short)
    assert not files.write(kind, b"file", memoryview(b"content"), MTIME)
    monkeypatch.undo()
    assert os.listdir(staged(tmp_path)) == []


def test_only_directories_of_this_run_are_for_the_quick_way(tmp_path: Path) -> None:
    (tmp_path / "existing").mkdir(mode=0o700)
    with sandbox(tmp_path) as box:
        box.make_directory(b"existing")
        assert box.plain_files(b"existing", 100) is None
        box.make_directory(b"dir")
        assert box.plain_files(b"dir", 100) is not None
        assert box.plain_files(b"existing", 100) is None
        assert box.plain_files(b"", 100) is None
        assert box.plain_files(b"missing", 100) is None


def test_a_directory_that_has_its_name_gets_a_temporary_one_for_many_files(tmp_path: Path) -> None:
    with sandbox(tmp_path) as box:
        box.make_directory(b"dir")
        assert put(box, b"dir/early") is Outcome.WRITTEN
        box.make_directory(b"other")
        assert (tmp_path / "dir" / "early").exists()
        files = box.plain_files(b"dir", 100)
        assert files is not None
        assert not (tmp_path / "dir").exists()
        kind = files.kind(attributes())
        assert kind is not None
        assert files.write(kind, b"late", memoryview(b"content"), MTIME)
        box.make_directory(b"third")
        assert (tmp_path / "dir" / "late").read_bytes() == b"content"
        assert (tmp_path / "dir" / "early").read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == ["dir", "other", "third"]


@pytest.mark.parametrize("expected", [1, 100])
def test_files_of_a_directory_that_keeps_its_name_are_renamed_when_they_are_whole(
    tmp_path: Path, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps it for the sake of a directory in it, or when there are too few files."""
    seen: list[list[str]] = []
    close = os.close

    def closed(fd: int) -> None:
        if (tmp_path / "dir").exists():
            seen.append(sorted(os.listdir(tmp_path / "dir")))
        close(fd)

    with sandbox(tmp_path) as box:
        box.make_directory(b"dir")
        if expected > 1:
            box.make_directory(b"dir/below")
        box.make_directory(b"other")
        files = box.plain_files(b"dir", expected)
        assert files is not None
        kind = files.kind(attributes())
        assert kind is not None
        with monkeypatch.context() as patch:
            patch.setattr(os, "close", closed)
            assert files.write(kind, b"file", memoryview(b"content"), MTIME)
            assert not any("file" in names for names in seen), "it had its name before it was whole"
            assert any(name.startswith(".freezer-tmp-") for names in seen for name in names)
        assert not files.write(kind, b"file", memoryview(b"another"), MTIME), "the name is taken"
        assert (tmp_path / "dir" / "file").read_bytes() == b"content"
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == ["file"]


def test_what_was_put_in_the_place_of_a_directory_keeps_that_place(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    with sandbox(tmp_path / "target") as box:
        for exchange in ("link", "directory"):
            name = exchange.encode()
            box.make_directory(name)
            box.make_directory(b"other")
            place = tmp_path / "target" / exchange
            place.rename(tmp_path / f"away-{exchange}")
            if exchange == "link":
                place.symlink_to(victim)
            else:
                place.mkdir()
            files = box.plain_files(name, 100)
            assert place.is_symlink() == (exchange == "link")
            assert place.is_dir()
            if files is not None:  # it is still open: what is written goes where it went
                kind = files.kind(attributes())
                assert kind is not None
                assert files.write(kind, b"file", memoryview(b"content"), MTIME)
                assert os.listdir(tmp_path / f"away-{exchange}") == ["file"]
            assert os.listdir(victim) == []
            assert os.listdir(place) == []
    assert not [name for name in os.listdir(tmp_path / "target") if name.startswith(".freezer-tmp-")]


def test_an_interrupted_change_of_name_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox(tmp_path) as box:
        box.make_directory(b"dir")
        box.make_directory(b"other")

        def interrupted(*_: object) -> bool:
            raise KeyboardInterrupt

        monkeypatch.setattr(os.path, "samestat", interrupted)
        with pytest.raises(KeyboardInterrupt):
            box.plain_files(b"dir", 100)
        monkeypatch.undo()
        assert sorted(os.listdir(tmp_path)) == ["dir", "other"]


def test_a_new_directory_that_others_can_reach_is_not_for_the_quick_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = os.mkdir

    def open_to_all(path: Any, mode: int, *, dir_fd: int) -> None:
        mkdir(path, mode, dir_fd=dir_fd)
        os.chmod(path, 0o777, dir_fd=dir_fd)

    with sandbox(tmp_path) as box:
        monkeypatch.setattr(os, "mkdir", open_to_all)
        assert box.make_directory(b"dir")
        assert box.plain_files(b"dir", 100) is None
