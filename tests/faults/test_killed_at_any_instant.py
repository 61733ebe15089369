"""Killed (SIGKILL) at a random instant: nothing acknowledged is lost, no half backup is ever listed, and the next run
needs no help."""

from __future__ import annotations

import itertools
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from world import World, call, change, finish, go, restored, settle, start

from freezer.clock import SystemClock
from support.manifest import compare, make_manifest
from support.sweeps import Trials

CONTAINER_LIFE = 25  # kills on one container, before a new one is begun

pytestmark = pytest.mark.slow


def run_killed(words: list[str], after: float) -> int:
    """The exit code of a run that was killed so long after it began to work (0 if it was quicker)."""
    child = start(words)
    go(child)
    time.sleep(after)
    child.kill()
    return finish(child).code


def seconds_of(words: list[str]) -> float:
    """How long a run takes that nobody kills."""
    child = start(words)
    begun = time.monotonic()
    go(child)
    assert finish(child).code == 0
    return time.monotonic() - begun


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_a_killed_backup(
    tmp_path: Path, trials: Trials, chance: random.Random, counted: Counter[str], encrypted: bool
) -> None:
    options: list[object] = ["-M", "64K"]
    if encrypted:
        (tmp_path / "pass").write_text("correct horse\n")
        (tmp_path / "pass").chmod(0o600)
        options += ["--encrypt-pass-file", tmp_path / "pass"]
    for turn in itertools.count():
        if counted["kills"] == trials(6, 250):
            break
        if turn % CONTAINER_LIFE == 0:
            world = World(tmp_path / f"world{turn}", options)
            change(world.source, chance)
            duration = seconds_of(world.backup_words())
            assert settle(world) == []
        change(world.source, chance)
        code = run_killed(world.backup_words(), chance.uniform(0, duration))
        before = len(world.owed)
        last = (turn + 1) % CONTAINER_LIFE == 0
        assert settle(world, read_all=last) == []
        counted["kills"] += code == -9
        counted["not killed in time"] += code == 0
        counted["committed, but killed before it could say so"] += code == -9 and len(world.owed) > before
        assert code in (0, -9)
        assert code != 0 or len(world.owed) == before + 1
        if chance.random() < 0.3:
            change(world.source, chance)
            world.backup()
        if last:
            _can_be_cleaned(world)
            shutil.rmtree(world.folder)
    if world.folder.exists():
        assert settle(world, may_be_new=False, read_all=True) == []
        _can_be_cleaned(world)


def _can_be_cleaned(world: World) -> None:
    """What the dead left is collected once it is old, and nothing else with it."""
    from freezer.storage.local import LocalStorage

    LocalStorage(str(world.container), clock=SystemClock()).sweep(SystemClock().now() + 1000)
    assert list(world.container.rglob(".freezer-tmp-*")) == []
    assert settle(world, may_be_new=False) == []


def test_a_killed_restore(tmp_path: Path, trials: Trials, chance: random.Random, counted: Counter[str]) -> None:
    world = World(tmp_path / "world")
    for _ in range(3):
        change(world.source, chance)
        newest = world.backup()
    [oldest, *_] = world.owed
    target = tmp_path / "target"
    duration = seconds_of(world.restore_words(target))
    whole = {path.read_bytes() for path in target.rglob("*") if path.is_file()}
    for turn in itertools.count():
        if counted["kills"] == trials(6, 500):
            break
        shutil.rmtree(target, ignore_errors=True)
        older: set[bytes] = set()
        if turn % 2 == 1:
            assert call(*world.restore_words(target, "--restore-backup-id", oldest)).code == 0
            older = {path.read_bytes() for path in target.rglob("*") if path.is_file()}
        code = run_killed(world.restore_words(target, "--overwrite"), chance.uniform(0, duration))
        counted["kills"] += code == -9
        counted["not killed in time"] += code == 0
        duration *= 1.02 if code else 0.9  # what was measured includes the end of the process
        for path in target.rglob("*"):
            if path.is_file() and b"freezer-tmp" not in bytes(path.relative_to(target)):
                assert path.read_bytes() in whole | older, f"{path} is half a file"
        again = call(*world.restore_words(target, "--overwrite", "--delete"))
        assert again.code == 0, again.err
        left = [path for path in target.rglob("*") if "freezer-tmp" in path.name]
        counted["leftovers"] += len(left)
        assert compare(world.owed[newest], make_manifest(target)) == []
    assert restored(world, newest) == []
    assert settle(world, may_be_new=False, read_all=True) == []
