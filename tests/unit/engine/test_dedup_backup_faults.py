"""A source that changes or fails while it is read."""

from __future__ import annotations

import errno
import os
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freezer.engine.dedup.backup import contents, files
from freezer.engine.dedup.backup.items import Options
from freezer.errors import SourceError, StorageFull
from freezer.progress import NoProgress
from freezer.repository.names import PREFIX, Folder
from freezer.testing.faulty import Fault, FaultyStorage, Kind
from freezer.tree.system import O_NOATIME
from support.dedup import Series, assert_whole, small_source
from support.disks import small_disk
from support.trees import set_xattr

BIG = 6_000_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return small_source(tmp_path)


class Meanwhile(NoProgress):
    """Does something once, between the look at the top directory and the reading of its files; or, with ``reading``,
    after so many bytes were read."""

    def __init__(self, change: Callable[[], object], reading: int = 0) -> None:
        self._change = change
        self._reading = reading
        self._done = False

    def current(self, name: str | bytes) -> None:
        if not self._reading:
            self._once()

    def advance(self, *, done_bytes: int = 0, done_items: int = 0) -> None:
        self._reading -= done_bytes
        if done_bytes and self._reading <= 0:
            self._once()

    def _once(self) -> None:
        if not self._done:
            self._done = True
            self._change()


def failing_to_open(monkeypatch: pytest.MonkeyPatch, name: bytes, number: int = errno.EIO) -> None:
    opened = os.open

    def fail(path: Any, *arguments: Any, **options: Any) -> int:
        if path == name:
            raise OSError(number, os.strerror(number))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", fail)


def test_a_file_that_cannot_be_read_is_listed_and_its_earlier_version_not_taken(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = Series()
    series.backup(source)
    (source / "item").write_bytes(b"changed")
    failing_to_open(monkeypatch, b"item")
    broken = series.backup(source)
    monkeypatch.undo()
    assert broken.failures == {"item": "Input/output error"}
    assert sorted(series.files(broken)) == ["other", "sub", "sub/below"]
    assert broken.made.summary.files == 2
    mended = series.backup(source)  # nothing that can be seen has changed since
    assert_whole(series, mended, source)
    assert (mended.made.counts.new, mended.made.counts.unchanged) == (1, 2)


def test_an_unchanged_file_that_cannot_be_read_any_more_is_taken_over_until_it_is_read(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = Series()
    series.backup(source)
    failing_to_open(monkeypatch, b"item")
    assert_whole(series, series.backup(source), source)
    broken = series.backup(source, Options(rehash=1.0))
    assert broken.failures == {"item": "Input/output error"}
    assert "item" not in series.files(broken)


def test_a_file_that_can_be_read_only_in_part_is_listed_and_left_out(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "item").write_bytes(random.Random(1).randbytes(BIG))
    given = 0
    readv = contents.readv

    def fail(handle: int, buffers: Any) -> int:
        nonlocal given
        if given > BIG // 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        given += (count := readv(handle, buffers))
        return count

    series = Series()
    monkeypatch.setattr(contents, "readv", fail)
    broken = series.backup(source)
    monkeypatch.undo()
    assert broken.failures == {"item": "Input/output error"}
    assert sorted(series.files(broken)) == ["other", "sub", "sub/below"]
    again = series.backup(source)
    assert_whole(series, again, source)
    assert again.written.new_bytes < BIG * 2 // 3  # what was read then is there already


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize(
    ("change", "size"),
    [
        (lambda path: os.truncate(path, 5_000_000), 5_000_000),
        (lambda path: append(path, b"more"), BIG),
        (lambda path: os.utime(path, (5, 5)), BIG),
        (lambda path: path.chmod(0o600), BIG),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_stored_marked_and_listed(
    source: Path, change: Callable[[Path], None], size: int
) -> None:
    (source / "item").write_bytes(random.Random(2).randbytes(BIG))
    series = Series()
    backed = series.backup(source, progress=Meanwhile(lambda: change(source / "item"), reading=1))
    assert backed.failures == {"item": "it changed while it was read"}
    entry = series.files(backed)["item"]
    assert entry.extra.changed == 1
    assert entry.size == size == len(series.content(entry))
    again = series.backup(source)
    assert again.made.counts.changed == 1
    assert_whole(series, again, source)


def test_a_sparse_file_that_shrinks_while_it_is_read_has_the_size_that_it_had(source: Path) -> None:
    with (source / "item").open("wb") as file:
        file.write(random.Random(3).randbytes(BIG))
        file.seek(BIG * 2)
        file.write(b"end")
    series = Series()
    shrink = Meanwhile(lambda: os.truncate(source / "item", 5_000_000), reading=1)
    backed = series.backup(source, progress=shrink)
    entry = series.files(backed)["item"]
    assert backed.failures == {"item": "it changed while it was read"}
    assert entry.size == len(series.content(entry)) == 5_000_000


def test_a_file_that_changes_between_a_look_and_its_opening_is_as_it_was_opened(source: Path) -> None:
    series = Series()
    backed = series.backup(source, progress=Meanwhile(lambda: (source / "item").write_bytes(b"longer than before")))
    assert_whole(series, backed, source)


def test_a_small_file_that_changes_right_after_it_was_read_is_read_again(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = files.has_xattrs

    def change_first(handle: int) -> bool:
        monkeypatch.undo()
        (source / "item").write_bytes(b"new!")  # as long as before
        return asked(handle)

    series = Series()
    monkeypatch.setattr(files, "has_xattrs", change_first)
    assert_whole(series, series.backup(source), source)


def test_what_vanishes_is_left_out_quietly(source: Path) -> None:
    series = Series()

    def vanish() -> None:
        (source / "item").unlink()
        (source / "sub" / "below").unlink()
        (source / "sub").rmdir()

    backed = series.backup(source, progress=Meanwhile(vanish))
    assert list(series.files(backed)) == ["other"]
    assert not backed.failures
    assert_whole(series, series.backup(source), source)


def test_what_vanishes_from_under_an_unchanged_directory_is_left_out(source: Path) -> None:
    (source / "sub" / "deep").mkdir()
    (source / "sub" / "deep" / "file").write_bytes(b"x")
    (source / "changed").mkdir()
    series = Series()
    series.backup(source)
    (source / "changed" / "new").touch()  # the first directory that is looked at closely

    def vanish() -> None:
        (source / "sub" / "deep" / "file").unlink()
        (source / "sub" / "deep").rmdir()

    backed = series.backup(source, progress=Meanwhile(vanish))
    assert sorted(series.files(backed)) == ["changed", "changed/new", "item", "other", "sub", "sub/below"]
    assert not backed.failures


def becomes(kind: str, path: Path) -> None:
    path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("directory", "it is no regular file any more"),
        ("fifo", "it is no regular file any more"),
        ("link", "it became a symbolic link meanwhile"),
        ("socket", "No such device or address"),
    ],
)
def test_a_file_that_becomes_something_else_is_listed(
    source: Path, monkeypatch: pytest.MonkeyPatch, kind: str, reason: str
) -> None:
    monkeypatch.chdir(source)
    series = Series()
    backed = series.backup(source, progress=Meanwhile(lambda: becomes(kind, Path("item"))))
    assert backed.failures == {"item": reason}
    assert sorted(series.files(backed)) == ["other", "sub", "sub/below"]
    assert not series.backup(source).failures


def test_a_directory_that_cannot_be_read_is_listed_kept_by_name_and_read_as_soon_as_it_can_be(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = Series()
    series.backup(source)
    failing_to_open(monkeypatch, b"sub", errno.EACCES)
    for _ in range(2):
        broken = series.backup(source)
        assert broken.failures == {"sub": "Permission denied"}
        assert series.files(broken)["sub"].content == b""
        assert sorted(series.files(broken)) == ["item", "other", "sub"]
    monkeypatch.undo()
    assert_whole(series, series.backup(source), source)


def test_a_top_that_cannot_be_listed_is_an_error_and_no_empty_backup(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fd: int) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "listdir", fail)
    with pytest.raises(SourceError, match="cannot be read: Permission denied"):
        Series().backup(source)


def test_a_name_that_cannot_be_looked_at_is_listed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = os.stat

    def fail(path: Any, **options: Any) -> os.stat_result:
        if path == b"item":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return look(path, **options)

    series = Series()
    monkeypatch.setattr(os, "stat", fail)
    broken = series.backup(source)
    monkeypatch.undo()
    assert broken.failures == {"item": "Input/output error"}
    assert_whole(series, series.backup(source), source)


def test_a_new_name_that_cannot_be_looked_at_is_listed_though_the_directory_looks_as_before(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = Series()
    series.backup(source)
    (source / "sub" / "new").touch()
    look = os.stat

    def fail(path: Any, **options: Any) -> os.stat_result:
        if path == b"new":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return look(path, **options)

    monkeypatch.setattr(os, "stat", fail)
    assert series.backup(source).failures == {"sub/new": "Input/output error"}
    monkeypatch.undo()
    assert_whole(series, series.backup(source), source)


def test_attributes_of_a_directory_that_could_not_be_read_are_there_once_it_can_be(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not set_xattr(os.fsencode(source / "sub"), "user.note", b"x"):
        pytest.skip("machine limit: no extended attributes here")
    series = Series()
    failing_to_open(monkeypatch, b"sub", errno.EACCES)
    series.backup(source)
    monkeypatch.undo()
    assert_whole(series, series.backup(source), source)


def test_a_directory_whose_attributes_cannot_be_read_is_listed_until_they_can_be(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_xattr(os.fsencode(source / "sub"), "user.note", b"x")
    series = Series()

    def fail(_file: int | bytes) -> dict[bytes, bytes]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("freezer.engine.dedup.backup.walk.read_xattrs", fail)
    broken = series.backup(source)
    monkeypatch.undo()
    assert broken.failures == {"sub": "Input/output error"}
    assert "sub/below" in series.files(broken)
    assert_whole(series, series.backup(source), source)


def test_links_are_not_taken_for_vanished_where_their_attributes_cannot_be_reached(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "link").symlink_to("item")

    def fail(_descriptor: int, _name: bytes) -> bytes:
        return b"/nowhere/at all"

    monkeypatch.setattr("freezer.engine.dedup.backup.items.named", fail)
    assert Series().backup(source).failures == {"link": "No such file or directory"}


def test_another_file_system_is_an_empty_directory(source: Path) -> None:
    series = Series()
    with small_disk(source / "mounted") as mounted:
        (mounted / "file").write_bytes(b"x")
        for _ in range(2):
            backed = series.backup(source)
            assert series.files(backed)["mounted"].content == b""
            assert backed.made.summary.mount_points == ["mounted"]
            assert not backed.failures
    backed = series.backup(source)
    assert series.files(backed)["mounted"].content != b""
    assert_whole(series, backed, source)


def test_no_descriptor_stays_open(source: Path) -> None:
    series = Series()
    series.backup(source)
    before = len(os.listdir("/proc/self/fd"))
    series.backup(source, Options(rehash=1.0))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_storage_that_fails_ends_the_backup_and_is_no_failure_of_a_file(source: Path) -> None:
    (source / "item").write_bytes(random.Random(4).randbytes(BIG))
    series = Series()
    full = Fault(Kind.BEFORE, "*", f"{PREFIX}{Folder.PACKS}*", times=None, error=lambda: StorageFull("no space"))
    series.repository.storage = FaultyStorage(series.repository.storage, [full])
    with pytest.raises(StorageFull, match="no space"):
        series.backup(source)


def test_files_of_others_are_read_although_their_access_time_may_not_be_spared(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "item").write_bytes(bytes(300_000))
    opened = os.open

    def refuse(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & O_NOATIME:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return opened(path, flags, *arguments, **options)

    series = Series()
    monkeypatch.setattr(os, "open", refuse)
    backed = series.backup(source)
    monkeypatch.undo()
    assert_whole(series, backed, source)


def test_attributes_of_the_top_that_cannot_be_read_are_listed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_file: int | bytes) -> dict[bytes, bytes]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("freezer.engine.dedup.backup.run.read_xattrs", fail)
    assert Series().backup(source).failures == {".": "Input/output error"}
