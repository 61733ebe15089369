"""A scheduler is killed at any instant, with its agent or without, or the whole machine is started anew.

Whatever is due is executed exactly once by the time the next scheduler has looked twice, or, where nobody can know how
far it was and doing it again may do harm, it is recorded as failed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from support.sweeps import Trials

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="machine limit: a scheduler runs agents on Linux only"),
]

FATES = ("alone", "with its agents", "with the machine")
ACTIONS = ("backup", "exec")


class Schedulers:
    """Forked one after the other from a process that has loaded everything."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self._orders = orders
        self._answers = answers

    def run(self, home: Path, kill_at: int | None, boot: str, work: float) -> dict[str, Any]:
        order = {"home": str(home), "kill_at": kill_at, "boot": boot, "work": str(work)}
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        answer: dict[str, Any] = json.loads(self._answers.readline())
        return answer


@pytest.fixture(scope="module")
def schedulers() -> Iterator[Schedulers]:
    tests = Path(__file__).parents[1]
    with subprocess.Popen(
        [sys.executable, "-m", "support.dying"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(tests)},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        yield Schedulers(process.stdin, process.stdout)
        process.stdin.close()


def home(tmp_path: Path, name: str) -> Path:
    """A machine with two jobs that are due."""
    place = tmp_path / name
    (place / "jobs").mkdir(parents=True)
    (place / "commits").mkdir()
    for action in ACTIONS:
        job = {
            "job_id": ("a" if action == "backup" else "b") * 32,
            "job_actions": [{"freezer_action": {"action": action, "command": "true"} if action == "exec" else
                             {"action": action, "path_to_backup": "/", "storage": "local", "container": "/c"}}],
            "job_schedule": {},
        }  # fmt: skip
        (place / "jobs" / f"{action}.conf").write_text(json.dumps(job))
    return place


def begun(place: Path) -> list[tuple[str, int]]:
    """Every start of an agent: for what, and its process."""
    if not (place / "begun").exists():
        return []
    return [(words[0], int(words[1])) for line in (place / "begun").read_text().splitlines() if (words := line.split())]


def kill_agents(place: Path) -> None:
    for _, pid in begun(place):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def check(place: Path, fate: str) -> Counter[str]:
    """That everything has been done once, or is known not to be."""
    counts: Counter[str] = Counter()
    starts = Counter(name for name, _ in begun(place))
    committed = {path.name for path in (place / "commits").iterdir()}
    for action in ACTIONS:
        told = json.loads((place / "jobs" / f"{action}.conf.status.json").read_text())
        [run] = told["runs"]
        name = f"{run['run_id']}.0"
        assert told["status"] == "completed", told
        if run["state"] == "success":
            assert name in committed
            assert [each["made"] for each in run["backups"]].count(name) >= 1
        else:
            assert (action, run["state"], fate != "alone") == ("exec", "failed", True), told
            assert "state unknown" in run["error"]
            counts["unknown"] += 1
        most = 1 if fate == "alone" or action == "exec" else 2
        assert starts[name] <= most, (starts, fate)
        counts["runs"] += 1
        counts["repeated"] += starts[name] - 1
    assert not list((place / "state" / "runs").iterdir()), "run directories are left"
    return counts


@pytest.mark.slow
def test_whatever_kills_a_scheduler_each_due_run_is_executed_once(
    tmp_path: Path, schedulers: Schedulers, chance: random.Random, counted: Counter[str], trials: Trials
) -> None:
    whole = home(tmp_path, "whole")
    steps = schedulers.run(whole, None, "one", 0.05)["steps"]
    check(whole, "alone")
    for number in range(trials(60, 1000)):
        fate = FATES[number % len(FATES)]
        place = home(tmp_path, str(number))
        kill_at = chance.randrange(1, steps + 1)
        work = chance.choice((0.0, 0.05, 0.3))
        died = schedulers.run(place, kill_at, "one", work)
        if fate != "alone":
            time.sleep(chance.choice((0.0, 0.05)))  # what has just been started may not have said so yet
            kill_agents(place)
        boot = "two" if fate == "with the machine" else "one"
        assert schedulers.run(place, None, boot, work)["code"] == 0
        counted.update(check(place, fate))
        counted["trials"] += 1
        counted["killed"] += died["code"] == -signal.SIGKILL
    assert counted["killed"] >= counted["trials"] * 0.8
