"""The testing kit does what its users rely on."""

from __future__ import annotations

import pytest

from freezer.errors import PermanentError, TransientError
from freezer.storage.contract import Storage
from freezer.testing.clock import FakeClock
from freezer.testing.faulty import Call, Died, Fault, FaultyStorage, Kind
from freezer.testing.memory import MemoryStorage
from freezer.testing.slow import SlowStorage


def program(storage: Storage) -> None:
    upload = storage.open_write("data")
    upload.write(0, b"stream")
    upload.commit()
    storage.put("metadata", b"{}")


def test_a_program_can_be_made_to_die_at_each_of_its_operations() -> None:
    counting = FaultyStorage(MemoryStorage(FakeClock()))
    program(counting)
    assert counting.calls == [
        Call("open_write", "data"),
        Call("write", "data"),
        Call("commit", "data"),
        Call("put", "metadata"),
    ]
    stored = []
    for at in range(1, len(counting.calls) + 1):
        for after in (False, True):
            memory = MemoryStorage(FakeClock())
            faulty = FaultyStorage(memory, [Fault.death(at=at, after=after)])
            with pytest.raises(Died):
                program(faulty)
            with pytest.raises(Died):
                faulty.put("the dead", b"write nothing")
            stored.append(sorted(memory.objects))
    assert stored == [[], [], [], [], [], ["data"], ["data"], ["data", "metadata"]]


def test_errors_come_before_or_after_the_effect_and_as_often_as_asked() -> None:
    memory = MemoryStorage(FakeClock())
    faults = [
        Fault(Kind.BEFORE, "put", name="a*", at=2, times=2),
        Fault(Kind.AFTER, "put", name="b", error=lambda: PermanentError("no")),
    ]
    storage = FaultyStorage(memory, faults)
    storage.put("a1", b"")
    for name in ("a2", "a3"):
        with pytest.raises(TransientError):
            storage.put(name, b"")
    storage.put("a4", b"")
    with pytest.raises(PermanentError):
        storage.put("b", b"")
    assert sorted(memory.objects) == ["a1", "a4", "b"]


def test_reads_can_be_short_and_lists_stale() -> None:
    faults = [Fault(Kind.SHORT_GET, at=2), Fault(Kind.STALE_LIST, "list", at=2)]
    storage = FaultyStorage(MemoryStorage(FakeClock()), faults)
    assert storage.list() == []
    storage.put("object", b"content")
    assert storage.list() == []
    assert [item.name for item in storage.list()] == ["object"]
    fresh = FaultyStorage(storage, [Fault(Kind.SHORT_GET, "get", at=2)])
    assert [fresh.get("object") for _ in range(3)] == [b"content", b"con", b"content"]


def test_slow_storages_take_their_time() -> None:
    clock = FakeClock(now=1000.0)
    storage = SlowStorage(MemoryStorage(clock), clock, latency=0.5, rate=100)
    storage.put("object", bytes(200))
    assert clock.monotonic() == 2.5
    storage.get("object", 0, 100)
    assert clock.monotonic() == 4.0
    storage.list()
    assert clock.slept == [2.5, 1.5, 0.5]
    assert clock.now() == 1004.5


def test_a_fake_clock_can_be_set_back_and_measures_on() -> None:
    clock = FakeClock(now=1000.0)
    clock.advance(5)
    clock.set(10.0)
    assert (clock.now(), clock.monotonic()) == (10.0, 5.0)
    clock.sleep(-1)
    assert clock.slept == []


def test_a_memory_storage_that_is_not_prepared_refuses_to_work() -> None:
    storage = MemoryStorage(FakeClock(), prepared=False)
    with pytest.raises(PermanentError, match="does not exist"):
        storage.list()
    storage.prepare()
    assert storage.list() == []
