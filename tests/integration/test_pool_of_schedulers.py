"""Central schedulers that share the work of many projects, and whatever befalls them: each run makes one backup."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from freezer.model.runs import run_id
from support.executing import wait_for
from support.pool_stage import LEASE, Mischief, Stage
from support.sweeps import Trials

pytestmark = pytest.mark.integration

Making = Callable[..., Stage]
_SLEEPY = 10  # of a hundred agents fall asleep between their last look and their commit


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Making]:
    made: list[Stage] = []

    def make(**more: object) -> Stage:
        made.append(Stage(tmp_path, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.end()


def _agent(tmp_path: Path, kind: str, chance: int = _SLEEPY) -> tuple[str, ...]:
    return (sys.executable, "-m", f"support.{kind}_agent", str(chance), str(tmp_path / "asleep"))


@pytest.mark.slow
def test_nothing_is_lost_and_no_run_makes_two_backups_whoever_is_killed_or_sleeps(
    stage: Making, tmp_path: Path, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    pool = stage(agent=_agent(tmp_path, "sleepy"))
    _trial(pool, trials(24, 300), trials(12, 600), chance, counted)


@pytest.mark.slow
def test_nor_do_two_thousand_runs_that_only_commit(
    stage: Making, tmp_path: Path, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    pool = stage(agent=_agent(tmp_path, "committing"))
    _trial(pool, trials(20, 2000), trials(8, 600), chance, counted)


@pytest.mark.slow
def test_two_nodes_that_were_given_one_client_id_share_its_work(
    stage: Making, tmp_path: Path, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    nodes = stage(agent=_agent(tmp_path, "sleepy"), central=False, members=2)
    _trial(nodes, trials(12, 100), trials(8, 200), chance, counted, projects=("default",))


_PROJECTS = tuple(f"project-{number}" for number in range(50))


def _trial(
    pool: Stage,
    runs: int,
    seconds: int,
    chance: random.Random,
    counted: Counter[str],
    projects: Sequence[str] = _PROJECTS,
) -> None:
    """So many runs of ``projects`` within ``seconds`` full of mischief, and what became of them."""
    begin = time.time() + 3
    for number in range(runs):
        pool.job(projects[number % len(projects)], begin + number * seconds * 0.8 / runs)
    for member in pool.members:
        member.start()
    Mischief(pool, chance, counted).go_on(seconds)
    states = pool.settle(120 + seconds)
    committed = pool.committed()
    counted.update(states.values())
    counted["backups"] = sum(committed.values())
    counted["twice"] = sum(1 for each in committed.values() if each > 1)
    lost = [job for job, state in states.items() if state != "success"]
    assert counted["twice"] == 0
    assert lost == [], [each.said()[-4000:] for each in pool.members]
    assert set(committed) == {run_id(job, "schedule", due) for job, due in pool.due.items()}


def test_p11_what_a_killed_member_held_goes_on_within_two_leases(stage: Making, tmp_path: Path) -> None:
    always = _agent(tmp_path, "sleepy", 100)
    pool = stage(members=1, agent=always)
    job = pool.job("project", time.time())
    pool.members[0].start()
    _asleep(pool)
    heir = pool.add_member()
    heir.start()
    time.sleep(LEASE)
    pool.members[0].kill()
    killed = time.monotonic()
    run = run_id(job, "schedule", pool.due[job])
    while pool.api.of_project("project").runs.get(run)["fence"] == 1:
        assert time.monotonic() - killed < 120
        time.sleep(0.05)
    assert time.monotonic() - killed < 2 * LEASE + 30  # seconds that two busy cores may take
    pool.wake_all()
    assert pool.settle(60) == {job: "success"}
    assert pool.committed() == {run: 1}


def _asleep(pool: Stage) -> int:
    """The process of an agent that has stopped itself."""
    wait_for(lambda: any(pool.asleep.iterdir()))
    return int(next(pool.asleep.iterdir()).name)


def test_p8_a_tenant_aborts_its_own_run(stage: Making, tmp_path: Path) -> None:
    always = _agent(tmp_path, "sleepy", 100)
    pool = stage(members=1, agent=always)
    job = pool.job("project", time.time())
    pool.members[0].start()
    _asleep(pool)
    pool.api.of_project("project").jobs.abort(job)
    assert pool.settle(60, wakes=False) == {job: "aborted"}
    assert pool.members[0].agents() == []
    assert pool.committed() == {}


def test_p12_nothing_of_the_tenants_can_be_read_by_others_and_no_job_files_are_made(
    stage: Making, tmp_path: Path
) -> None:
    pool = stage(members=1, agent=_agent(tmp_path, "sleepy", 100))
    pool.job("project", time.time())
    pool.members[0].start()
    _asleep(pool)
    folder = pool.members[0].folder
    assert folder.stat().st_mode & 0o077 == 0
    found = [each for each in folder.rglob("*") if each.is_file() and each.name not in ("out", "scheduler.conf")]
    assert len(found) > 3
    assert [each for each in found if each.stat().st_mode & 0o077] == []
    assert not (folder / "jobs").exists() or list((folder / "jobs").iterdir()) == []


def test_p13_an_agent_has_no_secret_of_its_scheduler(stage: Making, tmp_path: Path) -> None:
    pool = stage(members=1, agent=_agent(tmp_path, "sleepy", 100))
    canaries = {name: f"canary-{name}" for name in ("OS_PASSWORD", "AWS_SECRET_ACCESS_KEY", "SOME_TOKEN")}
    pool.members[0].environment.update(canaries)
    job = pool.job("project", time.time())
    pool.members[0].start()
    pid = _asleep(pool)
    seen = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    for folder in (pool.members[0].folder / "runs").rglob("*"):
        seen += folder.read_bytes() if folder.is_file() else b""
    assert b"canary" not in seen
    pool.wake_all()
    assert pool.settle(60) == {job: "success"}
    assert "canary" not in pool.members[0].said()
