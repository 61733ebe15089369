"""What the local storage promises beyond the contract."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.errors import (
    ObjectExists,
    ObjectNotFound,
    PermanentError,
    PermissionDenied,
    StorageError,
    StorageFull,
    TransientError,
)
from freezer.storage.local import LocalStorage, durable
from freezer.storage.local.errnos import storage_error
from freezer.storage.local.reading import list_objects

RECORD = "metadata/tar/h_n/1795256055/0_1795256055/metadata"


@contextmanager
def as_nobody() -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("becoming somebody else needs root")
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.fixture
def public() -> Iterator[Path]:
    """A container of root whose parents everybody may enter (pytest's own directories are private)."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        yield root


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestContainer:
    def test_a_new_container_and_what_is_in_it_is_for_its_owner_only(self, storage: LocalStorage, root: Path) -> None:
        storage.put(RECORD, b"{}")
        storage.open_write("data/object").commit()
        assert permissions(root) == 0o700
        assert permissions(root / "metadata/tar") == 0o700
        assert permissions(root / "data") == 0o700
        assert permissions(root / RECORD) == 0o600
        assert permissions(root / "data/object") == 0o600

    def test_a_container_shared_with_a_group_stays_shared_with_it_but_never_with_others(self, root: Path) -> None:
        root.mkdir()
        root.chmod(0o2775)
        old = os.umask(0)
        try:
            LocalStorage(str(root), clock=SystemClock()).put(RECORD, b"{}")
        finally:
            os.umask(old)
        assert permissions(root / "metadata/tar") == 0o2770
        assert permissions(root / RECORD) == 0o660

    def test_missing_parents_are_made_with_the_container(self, tmp_path: Path) -> None:
        storage = LocalStorage(str(tmp_path / "a/b/c"), clock=SystemClock())
        assert not storage.exists()
        storage.prepare()
        storage.prepare()
        assert storage.exists()
        assert permissions(tmp_path / "a/b/c") == 0o700
        assert tree(tmp_path / "a/b/c") == []

    def test_a_relative_container_stays_where_it_was_when_the_program_moves(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        storage = LocalStorage("here", clock=SystemClock())
        storage.prepare()
        monkeypatch.chdir("/")
        storage.put("object", b"x")
        assert (tmp_path / "here/object").read_bytes() == b"x"

    def test_a_container_behind_a_link_is_a_container(self, storage: LocalStorage, root: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(root)
        linked = LocalStorage(str(tmp_path / "link"), clock=SystemClock())
        linked.put(RECORD, b"{}")
        assert storage.get(RECORD) == b"{}"
        linked.delete(RECORD)
        assert storage.list() == []
        assert (tmp_path / "link").is_symlink()

    def test_a_file_in_its_place_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        storage = LocalStorage(str(tmp_path / "file"), clock=SystemClock())
        with pytest.raises(PermanentError, match="is not a directory"):
            storage.prepare()

    def test_nothing_works_without_it_and_it_is_not_made_by_the_way(self, root: Path) -> None:
        storage = LocalStorage(str(root), clock=SystemClock())

        def hold() -> None:
            with storage.hold("data/tar/h_n"):
                pass

        attempts = [
            lambda: storage.put("a/b", b""),
            lambda: storage.put_new("a", b""),
            lambda: storage.open_write("a/b"),
            lambda: storage.get("a"),
            lambda: storage.stat("a"),
            storage.list,
            lambda: storage.list("a/"),
            lambda: storage.delete("a"),
            lambda: storage.sweep(0),
            hold,
        ]
        for attempt in attempts:
            with pytest.raises(PermanentError, match="does not exist"):
                attempt()
        assert not root.exists()

    def test_a_container_unmounted_while_it_is_listed_is_an_error(self, storage: LocalStorage, root: Path) -> None:
        for number in range(3):
            storage.put(f"a/{number}/object", b"")
        path = os.fsencode(root)
        objects = list_objects(path, path, "")
        next(objects)
        root.rename(root.with_name("gone"))
        root.mkdir()
        with pytest.raises(TransientError, match="replaced or unmounted"):
            list(objects)


class TestLayout:
    def test_an_object_is_a_file_of_its_name(self, storage: LocalStorage, root: Path) -> None:
        storage.put(RECORD, b"{}")
        storage.put("not-utf8-\udcff", b"x")
        assert (root / RECORD).read_bytes() == b"{}"
        assert os.path.exists(os.fsencode(root) + b"/not-utf8-\xff")

    def test_objects_that_others_wrote_are_listed_and_read(self, storage: LocalStorage, root: Path) -> None:
        (root / "data/tar").mkdir(parents=True)
        (root / "data/tar/data").write_bytes(b"upstream's")
        assert [(item.name, item.size) for item in storage.list()] == [("data/tar/data", 10)]
        assert storage.get("data/tar/data", 8) == b"'s"

    def test_what_is_no_regular_file_is_no_object(self, storage: LocalStorage, root: Path) -> None:
        (root / "real").write_bytes(b"x")
        (root / "link").symlink_to("real")
        os.mkfifo(root / "fifo")
        (root / "folder").mkdir()
        assert [item.name for item in storage.list()] == ["real"]
        for name in ("fifo", "folder"):
            with pytest.raises(ObjectNotFound):
                storage.get(name)
        with pytest.raises(StorageError):
            storage.get("link")
        storage.delete("folder")
        assert (root / "folder").is_dir()

    def test_a_write_through_a_link_replaces_the_link(self, storage: LocalStorage, root: Path, tmp_path: Path) -> None:
        (tmp_path / "victim").write_bytes(b"theirs")
        (root / "object").symlink_to(tmp_path / "victim")
        storage.put("object", b"ours")
        assert (tmp_path / "victim").read_bytes() == b"theirs"
        assert storage.get("object") == b"ours"

    def test_links_in_a_circle_are_an_error(self, storage: LocalStorage, root: Path) -> None:
        storage.put("a/object", b"")
        (root / "a/again").symlink_to(root / "a")
        with pytest.raises(PermanentError, match=r"cannot list .*symbolic links"):
            storage.list()

    def test_temporaries_and_what_the_file_system_keeps_are_not_listed(self, storage: LocalStorage, root: Path) -> None:
        storage.put("a/object", b"")
        (root / "a/.freezer-tmp-0123").write_bytes(b"")
        (root / "a/.nfs0000000012345678").write_bytes(b"")
        (root / ".freezer-tmp-4567").mkdir()
        (root / ".freezer-tmp-4567/object").write_bytes(b"")
        (root / "lost+found").mkdir()
        (root / "lost+found/#123").write_bytes(b"")
        assert [item.name for item in storage.list()] == ["a/object"]

    @pytest.mark.parametrize("name", [".freezer-tmp-1", "a/.freezer-tmp-1/b", "lost+found/x", "\ud800"])
    def test_names_kept_for_the_storage_itself_are_refused(self, storage: LocalStorage, name: str) -> None:
        with pytest.raises(PermanentError):
            storage.put(name, b"")

    def test_an_object_below_another_object_is_refused(self, storage: LocalStorage) -> None:
        storage.put("a", b"first")
        for write in (storage.put, storage.put_new):
            with pytest.raises(PermanentError, match="cannot store a/b: Not a directory"):
                write("a/b", b"")
        with pytest.raises(PermanentError, match="Not a directory"):
            storage.open_write("a/b/c")
        assert storage.get("a") == b"first"
        assert storage.list("a/") == []

    def test_an_object_in_the_place_of_a_folder_is_refused(self, storage: LocalStorage) -> None:
        storage.put("a/b", b"first")
        with pytest.raises(PermanentError, match="Is a directory"):
            storage.put("a", b"")
        with pytest.raises(ObjectExists):
            storage.put_new("a", b"")

    def test_names_in_messages_are_printable(self, storage: LocalStorage) -> None:
        with pytest.raises(ObjectNotFound) as caught:
            storage.get("a\udcff\n")
        assert caught.value.message.endswith("has no object a\\xff\\n")


class TestUpstreamsView:
    """Upstream takes every folder below metadata/ENGINE/NAME for a chain, whatever is in it."""

    def test_no_folder_is_ever_seen_without_its_object(self, storage: LocalStorage, root: Path) -> None:
        """A watcher looks again and again while records come and go; each put brings four new folders."""
        stop = threading.Event()
        strange: list[str] = []

        def watch() -> None:
            while not stop.is_set():
                for chain in _listdir(root / "metadata/tar/h_n"):
                    if not chain.isdigit():
                        strange.append(chain)
                    levels = _listdir(root / "metadata/tar/h_n" / chain)
                    if not levels and (root / "metadata/tar/h_n" / chain).exists():
                        strange.append(f"{chain} is empty")

        watcher = threading.Thread(target=watch)
        watcher.start()
        for number in range(150):
            storage.put(f"metadata/tar/h_n/{number}/0_{number}/metadata", b"{}")
        stop.set()
        watcher.join()
        assert strange == []

    def test_folders_go_with_their_last_object(self, storage: LocalStorage, root: Path) -> None:
        storage.put(RECORD, b"{}")
        storage.put("metadata/other", b"{}")
        storage.delete(RECORD)
        assert tree(root) == ["metadata", "metadata/other"]
        storage.delete("metadata/other")
        assert tree(root) == []

    def test_an_empty_folder_left_by_somebody_is_used(self, storage: LocalStorage, root: Path) -> None:
        (root / RECORD).parent.mkdir(parents=True)
        storage.put_new(RECORD, b"{}")
        assert storage.get(RECORD) == b"{}"

    def test_folders_on_another_file_system_are_made_step_by_step(self, root: Path, storage: LocalStorage) -> None:
        if not os.access("/dev/shm", os.W_OK) or os.stat("/dev/shm").st_dev == root.stat().st_dev:
            pytest.skip("/dev/shm is no second file system here")
        other = Path("/dev/shm") / f"freezer-test-{os.getpid()}"
        other.mkdir()
        try:
            (root / "metadata").symlink_to(other)
            storage.put(RECORD, b"{}")
            storage.put_new(RECORD + "2", b"{}")
            assert [item.name for item in storage.list("metadata/")] == [RECORD, RECORD + "2"]
            assert tree(root) == ["metadata"]
            storage.delete(RECORD)
            storage.delete(RECORD + "2")
            assert list(other.iterdir()) == []
        finally:
            (root / "metadata").unlink()
            other.rmdir()


def _listdir(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


class TestWithoutHardLinks:
    """FAT and some network file systems have none; rename under a lock takes their place."""

    def test_put_new_gives_a_name_once(self, root: Path, storage: LocalStorage) -> None:
        path = os.fsencode(root)
        for name in ("first", "second"):
            (root / name).write_bytes(name.encode())
        assert durable._rename_new(path + b"/first", path + b"/object", path)
        assert not durable._rename_new(path + b"/second", path + b"/object", path)
        assert storage.get("object") == b"first"
        assert (root / "second").exists()


class TestErrors:
    @pytest.mark.parametrize(
        ("number", "kind"),
        [
            ("ENOENT", ObjectNotFound),
            ("EEXIST", ObjectExists),
            ("EACCES", PermissionDenied),
            ("EPERM", PermissionDenied),
            ("EROFS", PermissionDenied),
            ("ENOSPC", StorageFull),
            ("EDQUOT", StorageFull),
            ("EFBIG", StorageFull),
            ("EINTR", TransientError),
            ("EAGAIN", TransientError),
            ("ESTALE", TransientError),
            ("EIO", TransientError),
            ("ENAMETOOLONG", PermanentError),
            ("ENOTDIR", PermanentError),
        ],
    )
    def test_errors_of_the_system_are_typed(self, number: str, kind: type[StorageError]) -> None:
        error = OSError(getattr(errno, number), "whatever")
        assert type(storage_error(error, "local:/x: cannot do it")) is kind

    def test_the_message_names_place_action_object_and_reason(self, storage: LocalStorage, root: Path) -> None:
        with pytest.raises(PermanentError) as caught:
            storage.put("x" * 300, b"")
        assert caught.value.message == f"local:{root}: cannot store {'x' * 300}: File name too long"

    def test_a_container_of_somebody_else_is_a_matter_of_permission(self, public: Path) -> None:
        storage = LocalStorage(str(public), clock=SystemClock())
        storage.put("closed/object", b"x")
        attempts = [
            lambda: storage.get("closed/object"),
            storage.list,
            lambda: storage.list("closed/"),
            storage.prepare,
            lambda: storage.put("new", b""),
            lambda: storage.put("new/folder", b""),
            lambda: storage.put_new("closed/new", b""),
            lambda: storage.open_write("new/folder"),
            lambda: storage.delete("closed/object"),
        ]
        with as_nobody():
            for attempt in attempts:
                with pytest.raises(PermissionDenied, match="Permission denied"):
                    attempt()
        assert tree(public) == ["closed", "closed/object"]

    def test_a_place_that_can_only_be_read_lets_holders_in(self, public: Path) -> None:
        storage = LocalStorage(str(public), clock=SystemClock())
        with as_nobody(), storage.hold("data/tar/h_n"), storage.hold("data/tar/h_n"):
            pass
        assert tree(public) == []

    def test_segments_are_given_back_and_repeated_ones_are_accepted_after_an_error(self, storage: LocalStorage) -> None:
        upload = storage.open_write("object")
        upload.write(0, b"ab")
        with pytest.raises(PermanentError, match="object: segment at 3, but 2 bytes are written"):
            upload.write(3, b"d")
        upload.write(2, b"cd")
        upload.commit()
        with pytest.raises(PermanentError, match="the upload has ended already"):
            upload.commit()
        assert storage.get("object") == b"abcd"
