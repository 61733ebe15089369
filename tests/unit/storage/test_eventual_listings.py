"""The contract's tests on a storage whose listings lag behind, as it admits."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from freezer.errors import PermanentError
from freezer.progress import NoProgress
from freezer.storage.check import run_checks
from freezer.storage.contract import Capabilities, ObjectInfo
from freezer.storage.wrapper import StorageWrapper
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage


class Lagging(StorageWrapper):
    """Lists what was there ``lag`` seconds ago, and promises to do so after ``admitted`` seconds."""

    def __init__(self, clock: FakeClock, lag: float, admitted: float) -> None:
        super().__init__(MemoryStorage(clock))
        self._clock, self._lag, self._admitted = clock, lag, admitted
        self._seen: dict[str, tuple[float, Sequence[ObjectInfo], Sequence[ObjectInfo]]] = {}

    @property
    def capabilities(self) -> Capabilities:
        return msgspec.structs.replace(self._inner.capabilities, list_delay=self._admitted)

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        now, found = self._clock.monotonic(), self._inner.list(prefix)
        since, before, after = self._seen.get(prefix, (now, [], found))
        if found != after:
            since, before, after = now, after, found
        self._seen[prefix] = since, before, after
        return before if now < since + self._lag else after


class Closing(MemoryStorage):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_a_lag_that_is_admitted_breaks_no_promise() -> None:
    clock = FakeClock()
    results = run_checks(Lagging(clock, 3.0, 5.0), NoProgress(), clock=clock)
    wrong = [result for result in results if not result.ok]
    assert wrong == []
    assert clock.slept


def test_a_lag_beyond_what_is_admitted_is_found() -> None:
    clock = FakeClock()
    results = run_checks(Lagging(clock, 30.0, 5.0), NoProgress(), clock=clock)
    assert "delete" in {result.name for result in results if not result.ok}


def test_a_wrapper_prepares_and_closes_what_it_wraps() -> None:
    inner = Closing(FakeClock(), prepared=False)
    wrapper = StorageWrapper(inner)
    with pytest.raises(PermanentError):
        wrapper.put("object", b"x")
    wrapper.prepare()
    wrapper.put("object", b"x")
    wrapper.close()
    assert (inner.objects, inner.closed) == ({"object": b"x"}, 1)
