"""What the local storage makes of file systems that lack something, and of folders that come and go."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freezer.clock import SystemClock
from freezer.errors import BusyError, PermanentError, PermissionDenied, StorageFull, TransientError
from freezer.storage.local import LocalStorage
from freezer.testing.clock import FakeClock

HELD = "data/tar/h_n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "container"
    root.mkdir()
    return root


@pytest.fixture
def storage(root: Path) -> LocalStorage:
    return LocalStorage(str(root), clock=SystemClock())


def failing(number: int, wanted: Callable[..., bool], real: Callable[..., Any]) -> Callable[..., Any]:
    """``real``, but with that error whenever ``wanted`` says so of the arguments."""

    def call(*arguments: Any, **options: Any) -> Any:
        if wanted(*arguments):
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    return call


def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK, lambda *_: True, fcntl.flock))


def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EPERM, lambda *_: True, os.link))


def test_a_file_system_without_locks_holds_nothing_says_so_and_lets_everybody_in(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert storage.capabilities.holds
    without_locks(monkeypatch)
    assert not storage.capabilities.holds
    storage.put(f"{HELD}/object", b"x")
    with storage.hold(HELD), LocalStorage(str(root), clock=SystemClock()).hold(HELD):
        assert storage.get(f"{HELD}/object") == b"x"


def test_a_file_system_with_neither_hard_links_nor_locks_cannot_give_a_name_once(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch)
    without_locks(monkeypatch)
    with pytest.raises(PermanentError, match="cannot store object"):
        storage.put_new("object", b"x")
    assert os.listdir(root) == []


def test_an_error_while_a_name_is_given_that_has_nothing_to_do_with_links_is_an_error(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", failing(errno.EIO, lambda *_: True, os.link))
    with pytest.raises(TransientError, match="cannot store object"):
        storage.put_new("object", b"x")
    assert os.listdir(root) == []


def test_a_container_that_cannot_be_opened_has_no_locks_and_no_objects(tmp_path: Path) -> None:
    missing = LocalStorage(str(tmp_path / "missing"), clock=SystemClock())
    assert not missing.capabilities.holds
    assert not missing.exists()


def test_a_file_system_that_does_not_sync_folders_is_used_as_it_is(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_folder(fd: int) -> bool:
        return os.path.isdir(f"/proc/self/fd/{fd}")

    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL, is_folder, os.fsync))
    storage.put("a/object", b"x")
    storage.put_new("a/other", b"y")
    storage.delete("a/object")
    assert [item.name for item in storage.list()] == ["a/other"]


def test_an_object_that_is_replaced_keeps_its_name_when_the_folder_cannot_be_synced(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put("object", b"old")
    wanted = str(root)
    monkeypatch.setattr(
        os, "fsync", failing(errno.EIO, lambda fd: os.readlink(f"/proc/self/fd/{fd}") == wanted, os.fsync)
    )
    with pytest.raises(TransientError):
        storage.put("object", b"new")
    # The old content is gone already; without the name the backup would be, too.
    assert storage.get("object") == b"new"
    with pytest.raises(TransientError):
        storage.put("fresh", b"x")
    assert os.listdir(root) == ["object"]


def test_folders_that_vanish_again_and_again_are_a_transient_error(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put("a/other", b"x")
    tries = 0

    def vanishing(*_arguments: object) -> bool:
        nonlocal tries
        tries += 1
        return True

    monkeypatch.setattr(os, "replace", failing(errno.ENOENT, vanishing, os.replace))
    with pytest.raises(TransientError, match="the folders of a/object come and go"):
        storage.put("a/object", b"x")
    assert tries > 1
    assert [item.name for item in storage.list()] == ["a/other"]


def test_a_folder_that_vanishes_once_is_made_again(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.put("a/other", b"x")
    struck: list[object] = []

    def first(*arguments: object) -> bool:
        struck.append(arguments)
        return len(struck) == 1

    monkeypatch.setattr(os, "replace", failing(errno.ENOENT, first, os.replace))
    storage.put("a/object", b"y")
    assert storage.get("a/object") == b"y"


def test_a_deletion_that_is_not_permitted_is_an_error_and_not_a_missing_object(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put("object", b"x")
    monkeypatch.setattr(os, "unlink", failing(errno.EACCES, lambda *_: True, os.unlink))
    with pytest.raises(PermissionDenied, match="cannot delete object"):
        storage.delete("object")
    monkeypatch.undo()
    assert storage.get("object") == b"x"


@pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, -1), (-5, 3)])
def test_no_object_has_a_negative_number_of_bytes(storage: LocalStorage, offset: int, length: int | None) -> None:
    storage.put("object", b"0123456789")
    with pytest.raises(PermanentError, match="no object has"):
        storage.get("object", offset, length)


def test_a_folder_that_vanishes_before_it_is_locked_is_made_again(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck = 0
    folder = os.fsencode(root / HELD)
    opened = os.open

    def vanishing(path: Any, *arguments: Any, **options: Any) -> int:
        nonlocal struck
        if path == folder and struck < 3:
            struck += 1
            os.rmdir(folder)
        return opened(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", vanishing)
        hold = storage.hold(HELD)
        hold.__enter__()
    with pytest.raises(BusyError), LocalStorage(str(root), clock=FakeClock()).hold(HELD):
        pass
    hold.__exit__(None, None, None)
    assert os.listdir(root) == []


def test_a_file_where_a_folder_is_to_be_held_is_an_error(root: Path, storage: LocalStorage) -> None:
    (root / "data").write_bytes(b"x")
    with pytest.raises(PermanentError, match="cannot hold"), storage.hold(HELD):
        pass
    assert (root / "data").read_bytes() == b"x"


def test_a_hold_that_others_make_and_remove_without_end_is_busy(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.fsencode(root / HELD)
    opened = os.open

    def vanishing(path: Any, *arguments: Any, **options: Any) -> int:
        if path == folder:
            os.rmdir(folder)
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", vanishing)
    with pytest.raises(BusyError, match="another process is working on it"), storage.hold(HELD):
        pass


def test_a_leftover_that_somebody_else_collects_first_is_not_reported(
    root: Path, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (".freezer-tmp-0001", ".freezer-tmp-0002"):
        (root / name).write_bytes(b"x")
    unlink = os.unlink

    def raced(path: Any, **options: Any) -> None:
        unlink(path, **options)
        if path.endswith(b"1"):
            unlink(path, **options)

    monkeypatch.setattr(os, "unlink", raced)
    assert list(storage.sweep(time.time() + 1)) == [".freezer-tmp-0002"]
    assert os.listdir(root) == []


def test_a_tree_of_a_writer_that_still_works_is_not_swept(root: Path, storage: LocalStorage) -> None:
    tree = root / ".freezer-tmp-0001" / "tar"
    tree.mkdir(parents=True)
    (tree / "object").write_bytes(b"x")
    late = time.time() + 1
    with (tree / "object").open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert list(storage.sweep(late)) == []
    (tree / "object").touch()
    os.utime(tree, (late + 9, late + 9))
    assert list(storage.sweep(late)) == []
    os.utime(tree, (1, 1))
    assert list(storage.sweep(late)) == [".freezer-tmp-0001"]
    assert os.listdir(root) == []


def closing(number: int, *, written: bool) -> Callable[[int], None]:
    """close(2), which then tells of an error if the descriptor could (not) be written to."""
    close = os.close

    def call(fd: int) -> None:
        writable = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        close(fd)
        if writable == written:
            raise OSError(number, os.strerror(number))

    return call


def test_an_error_of_close_about_what_was_read_or_locked_says_nothing(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "close", closing(errno.EIO, written=False))
    storage.prepare()
    assert storage.capabilities.holds
    storage.put("data/object", b"x")
    storage.put("data/other", b"y")
    with storage.hold(HELD):
        assert storage.get("data/object") == b"x"
    assert [item.name for item in storage.list()] == ["data/object", "data/other"]
    storage.delete("data/object")
    assert not (root / "data/object").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_an_error_of_close_about_what_was_written_means_that_it_is_not_stored(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    upload = storage.open_write("data/upload")
    upload.write(0, b"x")
    monkeypatch.setattr(os, "close", closing(number, written=True))
    with pytest.raises(StorageFull, match=os.strerror(number)):
        storage.put("metadata/object", b"x")
    with pytest.raises(StorageFull, match=f"cannot complete it: {os.strerror(number)}"):
        upload.commit()
    assert [path for path in root.rglob("*") if path.is_file()] == []
