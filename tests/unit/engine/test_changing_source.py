"""A source that changes between the scan and the reading of its files, or that cannot be read: the archive stays an
archive, and what is missing in it is told."""

from __future__ import annotations

import errno
import io
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from freezer.engine.contract import Tree
from freezer.engine.tar.archive import snapshot
from freezer.engine.tar.backup.write import StoreOptions, TarBackup
from freezer.errors import DamagedError, SourceError
from freezer.progress import NoProgress
from freezer.tree.handles import Handles
from support.levels import Level, restore, settled, store
from support.manifest import compare, make_manifest

NOW = 1_795_256_055 * 10**9


class _Sink:
    def __init__(self) -> None:
        self.archive = b""

    def acquire(self) -> bytearray:
        return bytearray(4096)

    def submit(self, block: bytearray, used: int) -> None:
        self.archive += block[:used]


def store_while(
    source: Path, change: Callable[[], object], *, name: bytes | None = None, options: StoreOptions | None = None
) -> tuple[Level, dict[str, str]]:
    """A full level of ``source``, which ``change`` changes after the scan; and why items are missing, by path."""
    sink = _Sink()
    tree = Tree(os.fsencode(source), name)
    with TarBackup(tree, None, options or StoreOptions(), now_ns=NOW, progress=NoProgress()) as backup:
        summary = backup.scan()
        change()
        state = b"".join(backup.write(sink))
    return Level(sink.archive, state, summary), {failure.path: failure.reason for failure in summary.failures}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two files; whatever happens to ``item``, ``other`` must come back."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "item").write_bytes(b"x" * 100_000)
    (source / "other").write_bytes(b"other")
    return source


def restored(level: Level, target: Path) -> list[str]:
    restore([level], target)
    assert (target / "other").read_bytes() == b"other"
    return sorted(os.listdir(target))


def becomes(kind: str, path: Path) -> None:
    path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{(parent := os.open(path.parent, os.O_RDONLY))}/{path.name}")
            os.close(parent)


REASONS = {
    "directory": "it became a directory meanwhile",
    "socket": "it became a socket meanwhile",
    "nothing": "it vanished before it was read",
}


@pytest.mark.parametrize("kind", REASONS)
def test_a_file_that_became_something_else_is_told_and_not_listed_in_the_next_level(
    source: Path, tmp_path: Path, kind: str
) -> None:
    level, told = store_while(source, lambda: becomes(kind, source / "item"))
    assert told == {"item": REASONS[kind]}
    assert restored(level, tmp_path / "out") == ["other"]
    (root,) = snapshot.decode(level.state)
    assert root.entries == b"Yother"


def test_a_file_that_became_a_link_or_a_pipe_is_stored_as_that(source: Path, tmp_path: Path) -> None:
    def change() -> None:
        (source / "item").unlink()
        os.mkfifo(source / "item")
        (source / "other").rename(source / "elsewhere")
        (source / "other").symlink_to("elsewhere")

    level, told = store_while(source, change)
    assert told == {}
    restore([level], tmp_path / "out")
    assert stat.S_ISFIFO((tmp_path / "out/item").stat().st_mode)
    assert os.readlink(tmp_path / "out/other") == "elsewhere"


def test_a_file_exchanged_between_a_look_and_its_opening_is_never_read_as_a_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open
    opens = 0

    def exchanged(path: Any, *arguments: Any, **options: Any) -> int:
        nonlocal opens
        opens += path == b"item"
        if path == b"item" and opens == 2:  # the first is the quick way's, which leaves linked files alone
            (source / "item").unlink()
            os.mkfifo(source / "item")
        return opened(path, *arguments, **options)

    os.link(source / "item", source / "later")
    level, told = store_while(source, lambda: monkeypatch.setattr(os, "open", exchanged))
    assert told == {"item": "it is no regular file any more"}
    monkeypatch.undo()
    assert restored(level, tmp_path / "out") == ["later", "other"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: os.truncate(path, 60_000), "it shrank by 40000 bytes while it was read"),
        (lambda path: os.utime(path, (5, 5)), "it changed while it was read"),
    ],
)
def test_a_file_that_changes_under_the_reader_is_stored_with_its_size_and_told(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], reason: str
) -> None:
    size = (source / "item").stat().st_size
    file_io = io.FileIO

    class Changing(file_io):  # type: ignore[misc, valid-type]
        def readinto(self, buffer: Any) -> int:
            change(source / "item")
            return super().readinto(buffer) or 0

    monkeypatch.setattr(io, "FileIO", Changing)
    level, told = store_while(source, lambda: None)
    assert list(told) == ["item"]
    assert told["item"].startswith(reason)
    assert restored(level, tmp_path / "out") == ["item", "other"]
    assert (tmp_path / "out/item").stat().st_size == size


def test_a_file_that_can_be_read_only_in_part_is_filled_up_with_zeros_and_told(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_io = io.FileIO

    class Failing(file_io):  # type: ignore[misc, valid-type]
        given = 0

        def readinto(self, buffer: Any) -> int:
            if self.given > 50_000:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            count = super().readinto(buffer) or 0
            self.given += count
            return count

    monkeypatch.setattr(io, "FileIO", Failing)
    level, told = store_while(source, lambda: None)
    assert told == {"item": f"it could be read only in part: {os.strerror(errno.EIO)}"}
    assert restored(level, tmp_path / "out") == ["item", "other"]
    content = (tmp_path / "out/item").read_bytes()
    assert len(content) == 100_000
    assert content.rstrip(b"\0") == b"x" * len(content.rstrip(b"\0"))
    assert 50_000 < len(content.rstrip(b"\0")) < 100_000


def test_a_file_with_more_extents_than_a_header_holds_comes_back(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "sparse").open("wb") as file:
        for number in range(60):
            file.seek(number * 64 * 1024)
            file.write(b"%04d" % number * 1024)
        file.truncate(70 * 64 * 1024)
    level = store(source)
    assert restore([level], tmp_path / "out").problems() == ()
    assert compare(make_manifest(source), make_manifest(tmp_path / "out")) == []


def test_a_directory_that_cannot_be_opened_any_more_is_told_file_by_file(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "dir").mkdir(parents=True)
    for name in ("a", "b"):
        (source / "dir" / name).write_bytes(b"x")
    (source / "other").write_bytes(b"other")

    def change() -> None:
        # So many others that the scan's descriptor of it is closed.
        (source / "dir").rename(tmp_path / "moved")
        (source / "dir").symlink_to(tmp_path / "moved")

    for number in range(70):
        (source / f"e{number:02}").mkdir()
    level, told = store_while(source, change)
    reason = "its directory cannot be opened any more"
    assert told == {"dir/a": reason, "dir/b": reason}
    assert "dir" in restored(level, tmp_path / "out")
    assert {known.path: known.entries for known in snapshot.decode(level.state)}[b"dir"] == b""


def test_only_so_many_directories_are_open_at_once(tmp_path: Path) -> None:
    paths = [b"a/b/c/d", b"a", b"e", b"a/b", b"f/g"]
    for path in paths:
        os.makedirs(os.path.join(os.fsencode(tmp_path), path), exist_ok=True)
    before = len(os.listdir("/proc/self/fd"))
    with Handles(os.fsencode(tmp_path), limit=2) as handles:
        for path in paths * 2:
            status = os.fstat(handles.directory(path))
            assert os.path.samestat(status, os.stat(os.path.join(os.fsencode(tmp_path), path)))
            assert len(os.listdir("/proc/self/fd")) <= before + 3
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_root_that_cannot_be_looked_at_is_an_error_and_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(os.listdir("/proc/self/fd"))

    def failing(_fd: int) -> os.stat_result:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fstat", failing)
    with pytest.raises(SourceError, match="cannot be opened: Input/output error"):
        TarBackup(Tree(os.fsencode(tmp_path)), None, StoreOptions(), now_ns=NOW, progress=NoProgress())
    monkeypatch.undo()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_root_that_cannot_be_listed_is_an_error_and_no_empty_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_fd: int) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "listdir", failing)
    with pytest.raises(SourceError, match="cannot be read: Permission denied"):
        store(tmp_path)


def test_a_single_file_that_is_gone_is_an_error_and_one_that_vanishes_later_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    level, told = store_while(tmp_path, lambda: None, name=b"file")
    assert told == {}
    assert level.summary.files == level.summary.stored_items == 1
    _, told = store_while(tmp_path, (tmp_path / "file").unlink, name=b"file")
    assert told == {"file": REASONS["nothing"]}
    with pytest.raises(SourceError, match="file cannot be read: No such file"):
        store_while(tmp_path, lambda: None, name=b"file")


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[Path]:
    source = tmp_path / "source"
    (source / "dir").mkdir(parents=True)
    (source / "dir/file").write_bytes(b"x")
    (source / "dir/up").symlink_to("..")
    (source / "dir/self").symlink_to(".")
    (source / "broken").symlink_to("nowhere")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/far").write_bytes(b"far")
    (source / "out").symlink_to(tmp_path / "outside")
    return source


def test_followed_links_that_lead_back_are_told_and_broken_ones_are_stored_as_links(
    linked: Path, tmp_path: Path
) -> None:
    level = store(linked, options=StoreOptions(follow_symlinks=True))
    loop = "a symbolic link leads back to a directory above it"
    assert {failure.path: failure.reason for failure in level.summary.failures} == {"dir/up": loop, "dir/self": loop}
    restore([level], tmp_path / "out")
    assert (tmp_path / "out/out/far").read_bytes() == b"far"
    assert not (tmp_path / "out/out").is_symlink()
    assert os.readlink(tmp_path / "out/broken") == "nowhere"
    assert level.summary.broken_links == ["broken"]


@pytest.mark.parametrize("follow", [True, False])
def test_a_name_that_vanishes_during_the_scan_is_told(
    linked: Path, monkeypatch: pytest.MonkeyPatch, follow: bool
) -> None:
    listdir = os.listdir

    def listed(fd: int) -> list[str]:
        names = listdir(fd)
        return [*names, "ghost"] if "broken" in names else names

    monkeypatch.setattr(os, "listdir", listed)
    level = store(linked, options=StoreOptions(follow_symlinks=follow))
    told = {failure.path: failure.reason for failure in level.summary.failures}
    assert told["ghost"] == os.strerror(errno.ENOENT)
    assert b"ghost" not in level.state


def test_a_followed_link_that_leads_to_itself_is_stored_as_it_is(source: Path, tmp_path: Path) -> None:
    (source / "ring").symlink_to("ring")
    level = store(source, options=StoreOptions(follow_symlinks=True))
    assert level.summary.failures == []
    assert restored(level, tmp_path / "out") == ["item", "other", "ring"]
    assert os.readlink(tmp_path / "out/ring") == "ring"


def test_sockets_are_counted_and_left_out(source: Path, tmp_path: Path) -> None:
    becomes("socket", source / "item")
    level = store(source)
    assert (level.summary.sockets, level.summary.failures) == (1, [])
    assert restored(level, tmp_path / "out") == ["other"]


def test_an_ordinary_user_s_unreadable_file_is_told_and_stored_once_it_is_readable(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refused(path: Any, *arguments: Any, **options: Any) -> int:
        if path == b"item":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        first = store(source)
    assert [failure.path for failure in first.summary.failures] == ["item"]
    second = store(source, settled(first.state))
    assert second.summary.failures == []
    assert restore([first, second], tmp_path / "out").problems() == ()
    assert (tmp_path / "out/item").read_bytes() == b"x" * 100_000


@pytest.mark.parametrize("flaw", [b"-5", b"18446744073709551616", b"x"])
def test_a_snapshot_with_an_impossible_inode_is_damage(source: Path, flaw: bytes) -> None:
    state = store(source).state
    inode = b"\0%d\0" % source.stat().st_ino
    assert state.count(inode) == 1
    with pytest.raises(DamagedError, match="the snapshot file is damaged"):
        snapshot.decode(state.replace(inode, b"\0" + flaw + b"\0"))
