from __future__ import annotations

from collections.abc import Callable

import pytest

from freezer.errors import BusyError, ObjectExists, ObjectNotFound, PermanentError, StorageError, TransientError
from freezer.storage.contract import Storage
from freezer.storage.retry import RetryingStorage, RetryPolicy
from freezer.testing.clock import FakeClock
from freezer.testing.faulty import Call, Fault, FaultyStorage, Kind
from freezer.testing.memory import MemoryStorage


def retrying(
    *faults: Fault, policy: RetryPolicy | None = None, chance: float = 0.0
) -> tuple[RetryingStorage, FaultyStorage, FakeClock]:
    clock = FakeClock()
    faulty = FaultyStorage(MemoryStorage(clock), faults)
    return RetryingStorage(faulty, clock, policy, chance=lambda: chance), faulty, clock


OPERATIONS: dict[str, Callable[[Storage], object]] = {
    "exists": lambda storage: storage.exists(),
    "prepare": lambda storage: storage.prepare(),
    "put": lambda storage: storage.put("object", b"x"),
    "open_write": lambda storage: storage.open_write("object"),
    "get": lambda storage: storage.get("there"),
    "list": lambda storage: storage.list(),
    "stat": lambda storage: storage.stat("there"),
    "delete": lambda storage: storage.delete("there"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", [Kind.BEFORE, Kind.AFTER])
def test_what_may_be_repeated_is_repeated_until_it_works(operation: str, kind: Kind) -> None:
    storage, faulty, clock = retrying(Fault(kind, operation, times=3))
    faulty.put_new("there", b"x")
    OPERATIONS[operation](storage)
    assert [call.operation for call in faulty.calls] == ["put_new"] + [operation] * 4
    assert clock.slept == [0.5, 1.0, 2.0]


def test_waits_grow_to_a_limit_and_a_random_part_of_them_is_left_out() -> None:
    policy = RetryPolicy(tries=6, first_delay=1, factor=3, max_delay=20)
    storage, _, clock = retrying(Fault(Kind.BEFORE, "list", times=5), policy=policy, chance=0.5)
    storage.list()
    assert clock.slept == [0.75, 2.25, 6.75, 15, 15]


def test_the_number_of_tries_is_limited() -> None:
    storage, faulty, _ = retrying(Fault(Kind.BEFORE, "get", times=None), policy=RetryPolicy(tries=3))
    with pytest.raises(TransientError, match="the connection was lost"):
        storage.get("object")
    assert len(faulty.calls) == 3


def test_the_time_for_all_tries_is_limited() -> None:
    policy = RetryPolicy(tries=1000, total=10, first_delay=4, factor=1)
    storage, faulty, clock = retrying(Fault(Kind.BEFORE, "get", times=None), policy=policy)
    with pytest.raises(TransientError):
        storage.get("object")
    assert (len(faulty.calls), clock.slept) == (3, [4, 4])


@pytest.mark.parametrize("error", [PermanentError("no"), BusyError("not a matter of the line")])
def test_other_errors_are_not_retried(error: Exception) -> None:
    storage, faulty, _ = retrying(Fault(Kind.BEFORE, "list", error=lambda: error))
    with pytest.raises(type(error)):
        storage.list()
    assert len(faulty.calls) == 1


def test_a_segment_is_written_again_at_its_offset() -> None:
    faults = [Fault(Kind.BEFORE, "write", at=2, times=2), Fault(Kind.BEFORE, "commit")]
    storage, faulty, _ = retrying(*faults)
    upload = storage.open_write("object")
    upload.write(0, b"first ")
    upload.write(6, b"second")
    upload.commit()
    assert storage.get("object") == b"first second"
    assert [call.operation for call in faulty.calls if call.operation == "write"] == ["write"] * 4


class TestPutNew:
    def test_is_repeated_until_it_works(self) -> None:
        storage, faulty, clock = retrying(Fault(Kind.BEFORE, "put_new", times=3))
        storage.put_new("object", b"mine")
        assert faulty.get("object") == b"mine"
        assert [call.operation for call in faulty.calls] == ["put_new"] * 4 + ["get"]
        assert clock.slept == [0.5, 1.0, 2.0]

    def test_fails_with_what_went_wrong_if_it_never_works(self) -> None:
        storage, faulty, _ = retrying(Fault(Kind.BEFORE, "put_new", times=None), policy=RetryPolicy(tries=3))
        with pytest.raises(TransientError, match="the connection was lost"):
            storage.put_new("object", b"mine")
        assert faulty.calls == [Call("put_new", "object")] * 3

    def test_succeeded_if_its_bytes_are_there_although_the_answer_was_lost(self) -> None:
        storage, faulty, _ = retrying(Fault(Kind.AFTER, "put_new"), Fault(Kind.BEFORE, "get", times=2))
        storage.put_new("object", b"mine")
        assert [call.operation for call in faulty.calls] == ["put_new", *(["put_new", "get"] * 3)]

    @pytest.mark.parametrize("theirs", [b"theirs", b"mine and more", b""])
    def test_failed_if_somebody_elses_bytes_are_there(self, theirs: bytes) -> None:
        storage, faulty, _ = retrying(Fault(Kind.BEFORE, "put_new"))
        faulty.put("object", theirs)
        with pytest.raises(ObjectExists):
            storage.put_new("object", b"mine")

    def test_failed_if_the_name_is_taken_and_what_took_it_is_gone_when_we_look(self) -> None:
        gone = Fault(Kind.BEFORE, "get", error=lambda: ObjectNotFound("gone"))
        storage, faulty, _ = retrying(Fault(Kind.BEFORE, "put_new"), gone)
        faulty.put("object", b"theirs")
        with pytest.raises(ObjectExists):
            storage.put_new("object", b"mine")

    def test_stays_in_doubt_if_nobody_can_be_asked(self) -> None:
        storage, _, _ = retrying(Fault(Kind.AFTER, "put_new"), Fault(Kind.BEFORE, "get", times=None))
        with pytest.raises(StorageError):
            storage.put_new("object", b"mine")

    def test_a_clear_refusal_is_passed_on_at_once(self) -> None:
        storage, faulty, _ = retrying()
        faulty.put("object", b"mine")
        with pytest.raises(ObjectExists):
            storage.put_new("object", b"mine")
        assert "get" not in [call.operation for call in faulty.calls]


class TestServersThatSayWhenToComeBack:
    def _busy(self, seconds: float, times: int | None) -> Fault:
        return Fault(Kind.BEFORE, "get", times=times, error=lambda: TransientError("busy", retry_after=seconds))

    def test_are_left_alone_that_long(self) -> None:
        storage, faulty, clock = retrying(self._busy(30, 2))
        faulty.put_new("there", b"x")
        assert storage.get("there") == b"x"
        assert clock.slept == [30, 30]

    def test_do_not_shorten_the_wait(self) -> None:
        storage, faulty, clock = retrying(self._busy(0, 2))
        faulty.put_new("there", b"x")
        storage.get("there")
        assert clock.slept == [0.5, 1.0]

    def test_are_not_waited_for_beyond_the_limit(self) -> None:
        storage, faulty, clock = retrying(self._busy(901, None))
        with pytest.raises(TransientError, match="busy"):
            storage.get("there")
        assert (len(faulty.calls), clock.slept) == (1, [])
