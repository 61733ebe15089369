"""Something goes wrong at the k-th operation of the storage, for every k: the program dies there, or the operation
fails before or after it had its effect, once or for ever, or answers with less than it should.

Whatever happens: nothing acknowledged is lost, nothing half is listed, a failure is one clear line, and the next run
needs no help.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stage import SCENARIOS, Stage
from world import call

from freezer.agent.places import opening as storages
from freezer.clock import Clock
from freezer.errors import FreezerError, PermanentError, PermissionDenied, StorageFull, TransientError
from freezer.storage.contract import Storage
from freezer.storage.retry import RetryingStorage, RetryPolicy
from freezer.testing.faulty import Call, Died, Fault, FaultyStorage, Kind
from support.runs import Run
from support.sweeps import Trials

Make = Callable[[int], Fault]


def _error(kind: type[FreezerError]) -> Callable[[], FreezerError]:
    return lambda: kind("local:/container: something broke")


FAULTS: dict[str, Make] = {
    "death before": lambda k: Fault.death(at=k),
    "death after": lambda k: Fault.death(at=k, after=True),
    "full": lambda k: Fault(Kind.BEFORE, at=k, times=None, error=_error(StorageFull)),
    "full once": lambda k: Fault(Kind.BEFORE, at=k, error=_error(StorageFull)),
    "forbidden": lambda k: Fault(Kind.BEFORE, at=k, times=None, error=_error(PermissionDenied)),
    "broken after": lambda k: Fault(Kind.AFTER, at=k, times=None, error=_error(PermanentError)),
    "lost once": lambda k: Fault(Kind.BEFORE, at=k, error=_error(TransientError)),
    "lost after, once": lambda k: Fault(Kind.AFTER, at=k, error=_error(TransientError)),
    "lost for ever": lambda k: Fault(Kind.BEFORE, at=k, times=None, error=_error(TransientError)),
    "short answer": lambda k: Fault(Kind.SHORT_GET, at=k),
    "stale list": lambda k: Fault(Kind.STALE_LIST, at=k),
}
DEATHS = ("death before", "death after")
_COUNTED_IN = {"short answer": "get", "stale list": "list"}


@contextmanager
def faulty(*faults: Fault) -> Iterator[list[FaultyStorage]]:
    """Every storage opened from now on has ``faults`` and tries again quickly; yields those opened."""
    opened: list[FaultyStorage] = []

    def faulty(opener: Callable[..., Storage]) -> Callable[..., FaultyStorage]:
        def open_one(*about: object) -> FaultyStorage:
            opened.append(FaultyStorage(opener(*about), faults))
            return opened[-1]

        return open_one

    def retrying(storage: Storage, clock: Clock, **_: object) -> RetryingStorage:
        return RetryingStorage(storage, clock, policy=RetryPolicy(3, first_delay=0.0001))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storages, "_OPENERS", {kind: faulty(opener) for kind, opener in storages._OPENERS.items()})
        patch.setattr(storages, "RetryingStorage", retrying)
        yield opened


def calls_of(stage: Stage) -> list[Call]:
    """The storage operations of an undisturbed run."""
    stage.reset()
    with faulty() as opened:
        assert call(*stage.argv).code == 0
    return [each for storage in opened for each in storage.calls]


def play(stage: Stage, fault: Fault) -> str:
    """How a run with ``fault`` ended."""
    stage.reset()
    run: Run | None = None
    with faulty(fault):
        try:
            run = call(*stage.argv)
        except Died:
            run = None
    return stage.judge(run, perhaps_done=fault.kind is Kind.AFTER)


def numbers(fault: str, calls: list[Call]) -> range:
    """The k for which ``fault`` strikes something."""
    operation = _COUNTED_IN.get(fault)
    return range(1, 1 + len([each for each in calls if operation in (None, each.operation)]))


def made(fault: str, k: int) -> Fault:
    """The fault at its ``k``-th chance."""
    fault_ = FAULTS[fault](k)
    operation = _COUNTED_IN.get(fault)
    return Fault(fault_.kind, operation, at=k) if operation else fault_


@pytest.mark.parametrize("fault", DEATHS)
def test_a_backup_may_die_at_any_operation_of_the_storage(tmp_path: Path, fault: str) -> None:
    stage = Stage(tmp_path, SCENARIOS["first backup"])
    calls = calls_of(stage)
    assert len(calls) > 10
    assert {play(stage, made(fault, k)) for k in numbers(fault, calls)} == {"died"}


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_anything_may_happen_at_any_operation_of_the_storage(
    tmp_path: Path, trials: Trials, chance: random.Random, counted: Counter[str], scenario: str
) -> None:
    stage = Stage(tmp_path, SCENARIOS[scenario])
    calls = calls_of(stage)
    every = [(fault, k) for fault in FAULTS for k in numbers(fault, calls)]
    for fault, k in chance.sample(every, trials(min(6, len(every)), len(every))):
        print(f"{scenario}: {fault} at {k} of {len(calls)}")
        counted[play(stage, made(fault, k))] += 1
    counted["operations"] = len(calls)
