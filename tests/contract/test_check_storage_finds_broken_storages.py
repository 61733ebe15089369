"""The contract suite itself: each lie of a storage is found, and told in one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest

from freezer.clock import SystemClock
from freezer.progress import NoProgress
from freezer.storage.check import run_checks
from freezer.storage.contract import Buffer, ObjectInfo, Upload
from freezer.storage.wrapper import StorageWrapper, UploadWrapper
from freezer.testing.clock import FakeClock
from freezer.testing.faulty import Fault, FaultyStorage, Kind
from freezer.testing.memory import MemoryStorage


def failures(storage: StorageWrapper) -> dict[str, str]:
    return {
        result.name: result.detail for result in run_checks(storage, NoProgress(), clock=FakeClock()) if not result.ok
    }


class NotCreateOnce(StorageWrapper):
    def put_new(self, name: str, data: Buffer) -> None:
        self._inner.put(name, data)


class ForgetsToDelete(StorageWrapper):
    def delete(self, name: str) -> None:
        pass


class ShortList(StorageWrapper):
    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        return self._inner.list(prefix)[:50]


class ListsNeighboursToo(StorageWrapper):
    """As upstream reads prefixes of S3: without the slash."""

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        parent = prefix.rstrip("/").rpartition("/")[0]
        everything = self._inner.list(parent + "/" if parent else "")
        return [item for item in everything if item.name.startswith(prefix.rstrip("/"))]


class IgnoresRanges(StorageWrapper):
    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return self._inner.get(name)


class LetsEverybodyHold(StorageWrapper):
    def hold(self, name: str, *, shared: bool = False):
        return self._inner.hold(name, shared=True)


class VisibleWhileGrowing(StorageWrapper):
    def open_write(self, name: str) -> Upload:
        self._inner.put(name, b"")
        return self._inner.open_write(name)


class KeepsTheBuffer(StorageWrapper):
    def open_write(self, name: str) -> Upload:
        class Late(UploadWrapper):
            segments: list[tuple[int, Buffer]] = []  # noqa: RUF012

            def write(self, offset: int, segment: Buffer) -> None:
                self.segments.append((offset, segment))

            def commit(self) -> None:
                for offset, segment in self.segments:
                    self._inner.write(offset, segment)
                self._inner.commit()

        upload = Late(self._inner.open_write(name))
        upload.segments = []
        return upload


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (NotCreateOnce, "put_new has one winner"),
        (ForgetsToDelete, "nothing stays behind"),
        (ShortList, "lists are complete"),
        (ListsNeighboursToo, "lists are complete"),
        (IgnoresRanges, "ranges"),
        (LetsEverybodyHold, "hold excludes others"),
        (VisibleWhileGrowing, "uploads are invisible until commit"),
        (KeepsTheBuffer, "uploads keep every byte"),
    ],
)
def test_a_lie_is_found(broken: Callable[[MemoryStorage], StorageWrapper], promise: str) -> None:
    found = failures(broken(MemoryStorage(SystemClock())))
    assert promise in found
    assert "\n" not in found[promise]


def test_short_reads_and_stale_lists_are_found() -> None:
    faults = [Fault(Kind.SHORT_GET, times=None), Fault(Kind.STALE_LIST, times=None)]
    found = failures(FaultyStorage(MemoryStorage(SystemClock()), faults))
    assert "put and get" in found
    assert found["uploads are invisible until commit"] == "a committed object is not listed"


def test_a_missing_container_is_reported_and_not_created() -> None:
    storage = MemoryStorage(SystemClock(), prepared=False)
    results = run_checks(storage, NoProgress(), clock=SystemClock())
    assert [(result.name, result.ok, result.detail) for result in results] == [
        ("the container exists", False, "memory: does not exist")
    ]
    assert not storage.exists()


def test_promises_that_a_storage_does_not_make_are_not_tested() -> None:
    class Modest(NotCreateOnce):
        @property
        def capabilities(self):
            return msgspec.structs.replace(self._inner.capabilities, create_once=False)

    results = run_checks(Modest(MemoryStorage(SystemClock())), NoProgress(), clock=SystemClock())
    assert {result.name: (result.ok, result.detail) for result in results}["put_new has one winner"] == (
        True,
        "not promised by this storage",
    )
