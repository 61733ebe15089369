"""A restore that was killed at any instant leaves nothing half-written under a name of the backup, and the next one
completes it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from freezer.engine.dedup.restore.run import How
from freezer.repository.access.founding import Opener, Plan
from freezer.repository.config import ChunkSizes
from freezer.storage.local import LocalStorage
from freezer.testing.clock import FakeClock
from freezer.tree.policy import Policy
from support.manifest import compare, make_manifest
from support.restoring import back_up, bring_back, found_repository
from support.trees import make_tree

Trials = Callable[[int, int], int]
PROGRAM = Path(__file__).with_name("restore_again.py")
TEMPORARY = ".freezer-tmp-"


def killed_after(seconds: float, *arguments: str) -> bool:
    """Restore in a program of its own, which dies after that time; whether it was too late for that."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, PROGRAM, *arguments]
    with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        program.stdin.write(b"\n")
        program.stdin.flush()
        try:
            code = program.wait(seconds)
        except subprocess.TimeoutExpired:
            program.kill()
            code = program.wait()
    assert code in (0, -signal.SIGKILL)
    return code == 0


def contents(top: Path) -> dict[str, object]:
    """Digests of all files that have their final names."""
    found = make_manifest(top)
    return {path: entry["sha256"] for path, entry in found.items() if "sha256" in entry and TEMPORARY not in path}


@pytest.mark.slow
def test_a_killed_restore_is_completed_by_the_next(tmp_path: Path, trials: Trials, chance: random.Random) -> None:
    make_tree(tmp_path / "source")
    for number in range(500):
        path = tmp_path / f"source/many/{number % 20}/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number * 300)
    (tmp_path / "source/large").write_bytes(random.Random(1).randbytes(5_000_000))
    storage = LocalStorage(str(tmp_path / "container"), clock=FakeClock())
    repository = found_repository(storage, plan=Plan(Opener(), chunks=ChunkSizes(1024, 4096, 65536)))
    root = back_up(repository, tmp_path / "source")
    expected, whole = make_manifest(tmp_path / "source"), contents(tmp_path / "source")
    for trial in range(trials(1, 100)):
        target = tmp_path / f"target-{trial}"
        for _ in range(20):
            if killed_after(chance.uniform(0.01, 0.4), str(tmp_path / "container"), root.attempt, str(target)):
                break
            if target.exists():
                for name, digest in contents(target).items():
                    assert whole[name] == digest
        result = bring_back(repository, root, target, policy=Policy.IF_CHANGED, how=How(delete=True, verify=True))
        assert not result.problems()
        assert compare(expected, make_manifest(target), ignore=("alloc",)) == []
