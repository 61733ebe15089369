"""A storage that does not answer is given up, and then for good."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from freezer.clock import SystemClock
from freezer.errors import ObjectNotFound, StorageError
from freezer.storage import patience
from freezer.storage.contract import Buffer, Upload
from freezer.storage.patience import PatientStorage
from freezer.storage.wrapper import StorageWrapper, UploadWrapper
from freezer.testing.faulty import Died, Fault, FaultyStorage
from freezer.testing.memory import MemoryStorage


class Hanging(StorageWrapper):
    """Hangs in ``stat``, and in writing, until ``over``."""

    def __init__(self, inner: MemoryStorage) -> None:
        super().__init__(inner)
        self.over = threading.Event()
        self.calls: list[str] = []

    def stat(self, name: str):  # type: ignore[no-untyped-def]
        self.calls.append("stat")
        self.over.wait()
        return super().stat(name)

    def open_write(self, name: str) -> Upload:
        return _Hanging(super().open_write(name), self)

    def close(self) -> None:
        self.calls.append("close")


class _Hanging(UploadWrapper):
    def __init__(self, inner: Upload, storage: Hanging) -> None:
        super().__init__(inner)
        self._storage = storage

    def write(self, offset: int, segment: Buffer) -> None:
        self._storage.over.wait()

    def abort(self) -> None:
        self._storage.calls.append("abort")


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    storage = Hanging(MemoryStorage(SystemClock()))
    yield storage
    storage.over.set()


def test_what_answers_is_passed_on_with_its_errors() -> None:
    storage = PatientStorage(MemoryStorage(SystemClock()), 5)
    storage.put("a", b"1")
    assert storage.get("a") == b"1"
    with pytest.raises(ObjectNotFound):
        storage.get("b")
    with storage.hold("set"):
        pass
    storage.close()


def test_a_call_that_hangs_is_left_and_nothing_is_asked_any_more(hanging: Hanging) -> None:
    storage = PatientStorage(hanging, 4)
    with pytest.raises(StorageError, match=r"^memory: was given up: it did not answer for 4 seconds$") as caught:
        storage.stat("a")
    assert not caught.value.retryable
    begun = time.monotonic()
    with pytest.raises(StorageError, match="given up"):
        storage.put("a", b"1")
    storage.close()
    assert time.monotonic() - begun < 4  # not once more
    assert hanging.calls == ["stat"]


def test_an_upload_of_a_storage_that_was_given_up_is_left_to_the_sweep(hanging: Hanging) -> None:
    storage = PatientStorage(hanging, 0.05)
    upload = storage.open_write("a")
    with pytest.raises(StorageError, match="given up"):
        upload.write(0, b"x")
    upload.abort()
    with pytest.raises(StorageError, match="given up"):
        upload.commit()
    assert hanging.calls == []


def test_cleaning_up_does_not_wait_for_a_call_that_hangs(hanging: Hanging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "GRACE", 0.05)
    storage = PatientStorage(hanging, 60)
    upload = storage.open_write("a")
    thread = threading.Thread(target=lambda: suppressed(lambda: storage.stat("a")), daemon=True)
    thread.start()
    while not hanging.calls:
        time.sleep(0.001)
    begun = time.monotonic()
    upload.abort()
    storage.close()
    assert time.monotonic() - begun < 30
    hanging.over.set()
    thread.join()


def suppressed(work: Callable[[], object]) -> None:
    with suppress(StorageError):
        work()


def test_whoever_holds_a_set_of_it_can_leave(hanging: Hanging) -> None:
    storage = PatientStorage(hanging, 0.05)
    with storage.hold("set"), pytest.raises(StorageError):
        storage.stat("a")


def test_death_reaches_whoever_called() -> None:
    storage = PatientStorage(FaultyStorage(MemoryStorage(SystemClock()), [Fault.death(at=1)]), 5)
    with pytest.raises(Died):
        storage.list()
