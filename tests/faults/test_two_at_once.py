"""Two programs on one set at once, each stopped and continued (SIGSTOP, SIGCONT) at random instants: nothing is lost,
and whoever cannot go on says so in one clear line."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from world import World, age, change, finish, go, settle, start

from support.manifest import compare, make_manifest
from support.runs import Run
from support.served import Hung
from support.sweeps import Trials

PAIRS = ("backup and backup", "backup and removal", "backup and restore", "removal and restore", "removal and removal")
KEEP = ("--keep-last", "1")

pytestmark = pytest.mark.slow


def words(world: World, action: str, newest: str) -> list[str]:
    if action == "backup":
        return world.backup_words()
    if action == "removal":
        return ["admin", *world.stored(*KEEP)]
    return world.restore_words(world.folder / "target", "--restore-backup-id", newest)


def interleaved(children: list[subprocess.Popen[str]], chance: random.Random) -> list[Run]:
    """Let them begin, one a little later than the other, and stop and continue them until both have ended."""
    limit = time.monotonic() + 180
    for child in chance.sample(children, 2):
        go(child)
        time.sleep(chance.choice([0, 0, 0.02, 0.1]))
    while any(child.poll() is None for child in children):
        if time.monotonic() > limit:
            raise Hung
        child = chance.choice(children)
        if child.poll() is None:
            child.send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0, 0.06))
            child.send_signal(signal.SIGCONT)
        time.sleep(chance.uniform(0, 0.02))
    return [finish(child) for child in children]


@pytest.mark.parametrize("pair", PAIRS)
def test_two_at_once(tmp_path: Path, trials: Trials, chance: random.Random, counted: Counter[str], pair: str) -> None:
    first, second = pair.split(" and ")
    for turn in range(trials(2, 50)):
        world = World(tmp_path / f"world{turn}", ["-M", "16K"])
        for _ in range(5):
            change(world.source, chance, size=4000)
            world.backup()
        change(world.source, chance, size=4000)
        newest = max(world.owed, key=age)
        children = [start(words(world, action, newest)) for action in (first, second)]
        runs = interleaved(children, chance)
        for action, run in zip((first, second), runs, strict=True):
            assert run.code in (0, 1), run
            assert run.code == 0 or run.told_clearly(), run
            counted[f"{action}: exit {run.code}"] += 1
        assert any(run.code == 0 for run in runs), "each was in the other's way"
        _judge(
            world,
            "removal" in pair,
            [run for action, run in zip((first, second), runs, strict=True) if action == "backup"],
        )
        if second == "restore" and runs[1].code == 0:
            assert compare(world.owed[newest], make_manifest(world.folder / "target")) == []
        shutil.rmtree(world.folder)


def _judge(world: World, removed: bool, backups: list[Run]) -> None:
    """The newest backup stays, with what it needs (which restoring it shows); others may have been removed."""
    listed = world.listed()
    made = listed - world.owed.keys()
    assert len(made) == sum(run.code == 0 for run in backups), "what is listed is not what was acknowledged"
    gone = world.owed.keys() - listed
    assert removed or not gone
    assert max(world.owed.keys() | made, key=age) in listed
    for id_ in gone:
        del world.owed[id_]
    for id_ in made:
        world.owed[id_] = make_manifest(world.source)
    assert settle(world, read_all=True) == []
    world.backup()
    assert settle(world, may_be_new=False) == []
