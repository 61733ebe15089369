"""The local storage while others are at work, and after they have died."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest

from freezer.errors import BusyError
from freezer.storage.local import LocalStorage
from freezer.testing.clock import FakeClock

NOW = 1_795_256_055.0
OLD = NOW - 1000
WRITER = Path(__file__).parents[3] / "contract/local_writer.py"


def age(path: Path, when: float = OLD) -> None:
    os.utime(path, (when, when))


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


class TestHold:
    def test_a_holder_in_another_process_is_noticed_and_its_death_too(self, storage: LocalStorage, root: Path) -> None:
        command = [sys.executable, WRITER, root, "hold"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() + holder.stdout.readline() == b"ready\nheld\n"
            with pytest.raises(BusyError, match="data/tar/h_n: another process is working on it"), self.held(storage):
                pass
            holder.kill()
        with self.held(storage):
            pass

    def test_nothing_stays_of_a_hold(self, storage: LocalStorage, root: Path) -> None:
        with self.held(storage):
            assert (root / "data/tar/h_n").is_dir()
        assert tree(root) == []

    def test_a_held_folder_is_not_removed_by_deletions_and_sweeps(self, storage: LocalStorage, root: Path) -> None:
        with self.held(storage):
            inode = (root / "data/tar/h_n").stat().st_ino
            storage.put("data/tar/h_n/1/object", b"")
            storage.delete("data/tar/h_n/1/object")
            age(root / "data/tar/h_n")
            assert storage.sweep(NOW + 10**9) == []
            assert (root / "data/tar/h_n").stat().st_ino == inode

    def test_never_two_at_once_although_each_removes_the_folder_when_it_leaves(self, storage: LocalStorage) -> None:
        inside: list[int] = []
        seen: list[int] = []

        def work(number: int) -> None:
            for _ in range(40):
                with suppress(BusyError), self.held(storage):
                    inside.append(number)
                    seen.append(len(inside))
                    inside.remove(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(seen) == {1}

    def test_a_lock_on_a_folder_that_was_replaced_does_not_count(self, root: Path, storage: LocalStorage) -> None:
        with self.held(storage):
            (root / "data/tar/h_n").rmdir()
            with self.held(storage), pytest.raises(BusyError), self.held(storage):  # held is the new folder
                pass

    def test_waiting_for_a_holder_is_short(self, root: Path, storage: LocalStorage) -> None:
        clock = FakeClock()
        with self.held(storage), pytest.raises(BusyError), self.held(LocalStorage(str(root), clock=clock)):
            pass
        assert 0 < sum(clock.slept) < 0.1

    @staticmethod
    def held(storage: LocalStorage) -> AbstractContextManager[None]:
        return storage.hold("data/tar/h_n")


class TestSweep:
    def test_what_dead_writers_left_goes_and_everything_else_stays(self, storage: LocalStorage, root: Path) -> None:
        storage.put("data/kept", b"")
        (root / "data/.freezer-tmp-dead").write_bytes(b"")
        (root / ".freezer-tmp-tree/tar/h_n").mkdir(parents=True)
        (root / ".freezer-tmp-tree/tar/h_n/metadata").write_bytes(b"")
        (root / "metadata/tar/h_n/1").mkdir(parents=True)
        (root / "lost+found").mkdir()
        (root / "data/.hidden").write_bytes(b"")
        for path in root.rglob("*"):
            age(path)
        removed = [".freezer-tmp-tree", "data/.freezer-tmp-dead"]
        removed += ["metadata/", "metadata/tar/", "metadata/tar/h_n/", "metadata/tar/h_n/1/"]
        before = tree(root)
        assert storage.sweep(NOW, dry_run=True) == removed
        assert tree(root) == before
        assert storage.sweep(NOW) == removed
        assert tree(root) == ["data", "data/.hidden", "data/kept", "lost+found"]
        assert storage.sweep(NOW) == []

    def test_what_was_touched_lately_stays(self, storage: LocalStorage, root: Path) -> None:
        (root / ".freezer-tmp-tree/tar").mkdir(parents=True)
        (root / ".freezer-tmp-file").write_bytes(b"")
        (root / "empty").mkdir()
        age(root / ".freezer-tmp-tree")
        for path in (root / ".freezer-tmp-tree/tar", root / ".freezer-tmp-file", root / "empty"):
            age(path, NOW)
        before = tree(root)
        assert storage.sweep(NOW) == []
        assert tree(root) == before

    def test_a_living_writer_is_spared_however_long_it_has_been_silent(self, storage: LocalStorage, root: Path) -> None:
        upload = storage.open_write("data/object")
        for path in root.rglob("*"):
            age(path)
        assert storage.sweep(NOW) == []
        upload.write(0, b"x")
        upload.commit()
        assert storage.get("data/object") == b"x"
