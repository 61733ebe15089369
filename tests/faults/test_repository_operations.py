"""Something goes wrong at the k-th operation of the storage, for every k, in everything that is done with a repository:
the program dies there, or the operation fails before or after it had its effect, once or for ever, or answers with less
than it should.

Whatever happens: nothing acknowledged is lost, nothing half is listed, a failure is one clear line, and the next run
needs no help.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from depot_stage import SCENARIOS, DepotStage
from grounds import GROUNDS, Grounds
from test_every_storage_operation import DEATHS, FAULTS, faulty, made, numbers
from world import call

from freezer.testing.faulty import Call, Died, Fault
from support.runs import Run
from support.sweeps import Trials

BRIEF = {"next backup", "prune"}
"""What is tried on every ground in the short form."""


def play(stage: DepotStage, fault: Fault) -> str:
    """How a run with ``fault`` ended."""
    stage.reset()
    run: Run | None = None
    with faulty(fault):
        try:
            run = call(*stage.argv)
        except Died:
            run = None
    return stage.judge(run)


def calls_of(stage: DepotStage) -> list[Call]:
    """The storage operations of an undisturbed run."""
    stage.reset()
    with faulty() as opened:
        run = call(*stage.argv)
        assert run.code == 0, run.err
    return [each for storage in opened for each in storage.calls]


def cases(*grounds: str) -> list[Any]:
    """Every scenario on each of these grounds, of which the first has all of them in the short form, too."""
    return [
        pytest.param(
            ground, scenario, marks=() if ground == grounds[0] or scenario in BRIEF else [pytest.mark.slow(only=True)]
        )
        for ground in grounds
        for scenario in SCENARIOS
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("grounds", "scenario"), cases(*GROUNDS), indirect=["grounds"])
def test_a_program_may_die_at_any_operation_of_the_storage(
    tmp_path: Path, grounds: Grounds, trials: Trials, chance: random.Random, counted: Counter[str], scenario: str
) -> None:
    stage = DepotStage(tmp_path, SCENARIOS[scenario], grounds)
    calls = calls_of(stage)
    assert len(calls) > 10
    every = [(fault, k) for fault in DEATHS for k in numbers(fault, calls)]
    for fault, k in chance.sample(every, trials(1 if stage.depot.ground.far else 3, len(every))):
        print(f"{scenario}: {fault} at {k} of {len(calls)}: {calls[k - 1]}")
        assert play(stage, made(fault, k)) == "died"
        counted["died"] += 1
    counted["operations"] = len(calls)


@pytest.mark.slow
@pytest.mark.parametrize(("grounds", "scenario"), cases("local", "markers"), indirect=["grounds"])
def test_any_operation_of_the_storage_may_fail(
    tmp_path: Path, grounds: Grounds, trials: Trials, chance: random.Random, counted: Counter[str], scenario: str
) -> None:
    stage = DepotStage(tmp_path, SCENARIOS[scenario], grounds)
    calls = calls_of(stage)
    every = [(fault, k) for fault in FAULTS if fault not in DEATHS for k in numbers(fault, calls)]
    for fault, k in chance.sample(every, trials(3, len(every))):
        print(f"{scenario}: {fault} at {k} of {len(calls)}: {calls[k - 1]}")
        counted[play(stage, made(fault, k))] += 1
    counted["operations"] = len(calls)
