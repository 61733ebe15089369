"""Programs that work on a repository, killed (SIGKILL) at a random instant: nothing acknowledged is lost, the next run
needs no help, and what the dead have left goes with a prune."""

from __future__ import annotations

import itertools
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from depot import Depot
from world import call, change, restored, settle

from support.crowd import Crowd, Instant
from support.manifest import compare, make_manifest
from support.sweeps import Trials

LIFE = 25  # kills in one repository, before a new one is begun
SIZE = 200_000  # bytes of the largest file: a backup of everything has some packs

pytestmark = pytest.mark.slow


def killed(programs: Crowd, words: list[str], instant: Instant) -> int:
    """The exit code of a run that was killed at an instant: −9, or 0 if it was quicker."""
    member = programs.start(words)
    instant.wait(member)
    member.kill()
    run = member.end()
    assert run.code in (0, -9), run.err
    return run.code


def count(counted: Counter[str], code: int) -> None:
    counted["kills"] += code == -9
    counted["not killed in time"] += code == 0


def ended(depot: Depot) -> None:
    """At the end of a repository's life: all of it is right, and once nobody needs it, it is gone."""
    change(depot.source, random.Random(1), SIZE)
    depot.backup()  # which takes over what the dead have left
    assert settle(depot, may_be_new=False, read_all=True) == []
    assert depot.garbage() == []
    shutil.rmtree(depot.folder)


def test_a_killed_backup(
    tmp_path: Path, programs: Crowd, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    depot = None
    for turn in itertools.count():
        if counted["kills"] >= trials(10, 500):
            break
        if depot is None:
            depot = Depot(tmp_path / f"depot{turn}")
            change(depot.source, chance, SIZE)
            instant = Instant(chance, programs.seconds_of(depot.backup_words()))
            assert settle(depot) == []
        change(depot.source, chance, SIZE)
        code = killed(programs, depot.backup_words(), instant)
        before = len(depot.owed)
        assert settle(depot) == []
        count(counted, code)
        counted["committed, but killed before it could say so"] += code == -9 and len(depot.owed) > before
        assert code != 0 or len(depot.owed) == before + 1
        if chance.random() < 0.3:
            change(depot.source, chance, SIZE)
            depot.backup()
        if (turn + 1) % LIFE == 0:
            ended(depot)
            depot = None
    if depot is not None:
        ended(depot)


def test_a_killed_prune(
    tmp_path: Path, programs: Crowd, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    depot = None
    for turn in itertools.count():
        if counted["kills"] >= trials(10, 500):
            break
        if depot is None:
            depot = Depot(tmp_path / f"depot{turn}")
            instant = None
            change(depot.source, chance, SIZE)
            depot.backup()
        for _ in range(2):
            change(depot.source, chance, SIZE)
            depot.backup()
        depot.forget(chance.sample(sorted(depot.owed), len(depot.owed) - 2))
        if instant is None:
            instant = Instant(chance, programs.seconds_of(depot.prune_words()))
            continue
        count(counted, killed(programs, depot.prune_words(), instant))
        counted["died with moved bundles or a list behind it"] += bool(_unlisted_or_condemned(depot))
        assert settle(depot, may_be_new=False, read_all=True) == []
        if (turn + 1) % LIFE == 0:
            ended(depot)
            depot = None
    if depot is not None:
        ended(depot)


def _unlisted_or_condemned(depot: Depot) -> bool:
    plan = depot.call("prune", "--dry-run", "--max-unused", "0%", "--json").json
    return any(pack["step"] == "delete" for pack in plan["packs"])


def test_a_killed_restore(
    tmp_path: Path, programs: Crowd, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    depot = Depot(tmp_path / "depot")
    for _ in range(3):
        change(depot.source, chance, SIZE)
        newest = depot.backup()
    oldest = min(depot.owed)
    target = tmp_path / "target"
    instant = Instant(chance, programs.seconds_of(depot.restore_words(target)))
    whole = {path.read_bytes() for path in target.rglob("*") if path.is_file()}
    for turn in itertools.count():
        if counted["kills"] >= trials(10, 500):
            break
        shutil.rmtree(target, ignore_errors=True)
        older: set[bytes] = set()
        if turn % 2 == 1:
            assert call(*depot.restore_words(target, "--id", oldest)).code == 0
            older = {path.read_bytes() for path in target.rglob("*") if path.is_file()}
        count(counted, killed(programs, depot.restore_words(target, "--overwrite"), instant))
        for path in target.rglob("*"):
            if path.is_file() and "freezer-tmp" not in str(path.relative_to(target)):
                assert path.read_bytes() in whole | older, f"{path} is half a file"
        again = call(*depot.restore_words(target, "--overwrite", "--delete"))
        assert again.code == 0, again.err
        counted["leftovers"] += len([path for path in target.rglob("*") if "freezer-tmp" in path.name])
        assert compare(depot.owed[newest], make_manifest(target)) == []
    assert restored(depot, newest) == []
    assert settle(depot, may_be_new=False, read_all=True) == []
