"""Listings that are kept for an action: asked for once, and never after a change of our own."""

from __future__ import annotations

import threading

import pytest

from freezer.clock import SystemClock
from freezer.errors import TransientError
from freezer.storage.remember import RememberingStorage
from freezer.storage.wrapper import StorageWrapper
from freezer.testing.faulty import Fault, FaultyStorage, Kind
from freezer.testing.memory import MemoryStorage


@pytest.fixture
def inner() -> MemoryStorage:
    storage = MemoryStorage(SystemClock())
    for name in ("data/a", "data/b", "metadata/a"):
        storage.put(name, b"x")
    return storage


@pytest.fixture
def asked(inner: MemoryStorage) -> FaultyStorage:
    """What the storage under test asks is in ``calls``."""
    return FaultyStorage(inner)


@pytest.fixture
def storage(asked: FaultyStorage) -> RememberingStorage:
    return RememberingStorage(asked)


def listings(asked: FaultyStorage) -> list[str]:
    return [call.name for call in asked.calls if call.operation == "list"]


def names(storage: RememberingStorage, prefix: str = "") -> list[str]:
    return [info.name for info in storage.list(prefix)]


def test_a_listing_is_asked_for_once_and_each_prefix_for_itself(storage, asked):
    for _ in range(3):
        assert names(storage) == ["data/a", "data/b", "metadata/a"]
        assert names(storage, "data/") == ["data/a", "data/b"]
    assert listings(asked) == ["", "data/"]


def test_what_others_do_is_not_seen_until_we_change_something(storage, inner):
    before = names(storage)
    inner.put("data/c", b"x")
    assert names(storage) == before
    storage.put("data/d", b"x")
    assert names(storage) == ["data/a", "data/b", "data/c", "data/d", "metadata/a"]


def upload(storage: RememberingStorage) -> None:
    writing = storage.open_write("data/new")
    writing.write(0, b"x")
    writing.commit()


@pytest.mark.parametrize(
    "change",
    [
        lambda storage: storage.put("data/new", b"x"),
        lambda storage: storage.put_new("data/new", b"x"),
        lambda storage: storage.delete("data/a"),
        lambda storage: storage.sweep(0.0),
        lambda storage: storage.prepare(),
        lambda storage: storage.forget(),
        upload,
    ],
    ids=["put", "put_new", "delete", "sweep", "prepare", "forget", "upload"],
)
def test_after_a_change_of_ours_all_listings_are_asked_for_anew(storage, inner, asked, change):
    prefixes = ["", "data/"]
    for prefix in prefixes:
        storage.list(prefix)
    change(storage)
    assert [storage.list(prefix) for prefix in prefixes] == [inner.list(prefix) for prefix in prefixes]
    assert listings(asked) == prefixes * 2


class Overtaken(StorageWrapper):
    """While it lists for the first time somebody changes something through ``by``."""

    by: RememberingStorage | None = None

    def list(self, prefix=""):
        found = super().list(prefix)
        if self.by is not None:
            by, self.by = self.by, None
            thread = threading.Thread(target=by.put, args=("data/new", b"x"))
            thread.start()
            thread.join()
        return found


def test_a_listing_that_began_before_a_change_is_not_kept(inner):
    overtaken = Overtaken(inner)
    storage = overtaken.by = RememberingStorage(overtaken)
    assert "data/new" not in names(storage)
    assert "data/new" in names(storage)


def test_a_failed_write_may_have_had_its_effect_and_a_failed_listing_is_not_kept(inner):
    faults = [Fault(Kind.AFTER, "put"), Fault(Kind.AFTER, "commit"), Fault(Kind.BEFORE, "list")]
    storage = RememberingStorage(FaultyStorage(inner, faults))
    with pytest.raises(TransientError):
        storage.list("data/")
    assert names(storage, "data/") == ["data/a", "data/b"]
    with pytest.raises(TransientError):
        storage.put("data/c", b"x")
    assert names(storage, "data/") == ["data/a", "data/b", "data/c"]
    with pytest.raises(TransientError):
        upload(storage)
    assert "data/new" in names(storage, "data/")
