"""A backup that sleeps (SIGSTOP) at a random instant, while everything that it relies on is forgotten and pruned away,
and then goes on: it commits, whole, or fails with one line. There is no lock that could be stolen from it."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from depot import Depot
from grounds import GROUNDS, Grounds
from world import call, change, settle

from support.crowd import Crowd, Instant
from support.manifest import make_manifest
from support.sweeps import Trials

SIZE = 300_000

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("grounds", GROUNDS, indirect=True)
def test_everything_is_pruned_away_while_a_backup_sleeps(
    tmp_path: Path, grounds: Grounds, programs: Crowd, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    depot = scene(tmp_path / "first", grounds, chance)
    instant = Instant(chance, programs.seconds_of(depot.backup_words()))
    while counted["slept"] < trials(1 if depot.ground.far else 4, 100):
        depot = scene(tmp_path / "depot", grounds, chance)
        member = programs.start(depot.backup_words())
        instant.wait(member)
        member.stop()
        slept = member.runs
        depot.call("forget", "--remove-older-than", "0", "--allow-empty", "-N", "other")
        depot.forget(sorted(depot.owed))
        for _ in range(2):
            depot.call("prune", "--max-unused", "0%")
        member.go_on()
        run = member.end()
        counted["slept"] += slept
        counted[f"exit {run.code}"] += slept
        assert run.code == 0 or run.told_clearly(), run
        new = depot.listed()
        assert len(new) == (run.code == 0)
        for id_ in new:
            depot.owed[id_] = make_manifest(depot.source)
        assert settle(depot, may_be_new=False, read_all=True) == []
        depot.backup()
        assert settle(depot, may_be_new=False, read_all=True) == []
        assert depot.garbage() == []
        shutil.rmtree(depot.folder)


def scene(folder: Path, grounds: Grounds, chance: random.Random) -> Depot:
    """An own backup, and one of another name, on whose chunks the next one will rely."""
    depot = Depot(folder, at=grounds(folder / "container"))
    change(depot.source, chance, SIZE, files=12)
    depot.backup()
    assert call(*depot.backup_words("-N", "other")).code == 0
    change(depot.source, chance, SIZE, files=12)
    return depot
