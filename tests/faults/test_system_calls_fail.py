"""The operating system refuses: every place where a system call is about the source, the container, the target or the
home directory, one after the other (:mod:`places`).

A first run under strace(1) shows which places there are; then each is made to fail in a run of its own. The outcome is
always one of three: complete and exact; partial, with every item named and exit code 3; failed, with one clear line and
nothing visible. And the next run needs no help.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import depot_stage
import pytest
from depot_stage import DepotStage
from places import TRACED, Moment, faults_at, places
from stage import SCENARIOS, Scenario, Stage
from tracing import SERVE, Tracer

from support.served import Server, served
from support.sweeps import Trials

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


Sweep = Callable[[Stage | DepotStage, Callable[[int], int]], None]
"""``sweep(stage, few)``: ``few`` says at how many of so many faults."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served([sys.executable, "-B", *SERVE], tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def tracer(server: Server, tmp_path: Path) -> Tracer:
    return Tracer(server, tmp_path)


@pytest.fixture
def sweep(tracer: Tracer, chance: random.Random, counted: Counter[str]) -> Sweep:
    """Plays a stage with a fault at each of its places, or at as many as are to be tried."""

    def sweep(stage: Stage | DepotStage, few: Callable[[int], int]) -> None:
        stage.reset()
        first = tracer.run(stage, "-e", f"trace={TRACED}", noting=True)
        assert first.code == 0, first.err
        found = places(tracer.log, tracer.stacks, stage.world.folder)
        every = [(place, errors) for place in found for errors in faults_at(place)]
        assert len(every) > 100
        failures = []
        for place, errors in chance.sample(every, few(len(every))):
            moment, error = chance.choice(found[place]), chance.choice(errors)
            stage.reset()
            try:
                run = tracer.run(stage, *moment.fault(error))
                outcome = stage.judge(run)
            except Exception as failure:
                failures.append(f"{error} from {place} ({moment}): {failure}")
                print(failures[-1])
            else:
                counted[f"{error.rstrip('+')}: {outcome}" if tracer.struck else "not reached"] += 1
        counted["places"] = len(found)
        assert failures == []

    return sweep


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_any_system_call_may_fail(tmp_path: Path, sweep: Sweep, trials: Trials, scenario: str) -> None:
    sweep(Stage(tmp_path, SCENARIOS[scenario], files=5), lambda every: trials(4, every))


@pytest.mark.slow
@pytest.mark.parametrize("scenario", depot_stage.SCENARIOS)
def test_any_system_call_about_a_repository_may_fail(
    tmp_path: Path, sweep: Sweep, trials: Trials, scenario: str
) -> None:
    sweep(DepotStage(tmp_path, depot_stage.SCENARIOS[scenario], files=5), lambda every: trials(2, every))


def test_a_directory_that_cannot_be_given_its_mode_is_named(tmp_path: Path, tracer: Tracer) -> None:
    stage = Stage(tmp_path, Scenario("restore", 1), files=5)
    run = tracer.run(stage, *Moment("fchmod", str(stage.target / "folder0"), 1).fault("EPERM"))
    assert run.code == 3
    assert "folder0: mode 0755 not set: Operation not permitted" in run.err


def test_a_target_whose_attributes_cannot_be_read_is_named(tmp_path: Path, tracer: Tracer) -> None:
    stage = Stage(tmp_path, Scenario("restore", 1), files=5)
    run = tracer.run(stage, *Moment("flistxattr", str(stage.target), 1).fault("EACCES"))
    assert run.code not in (0, 3)
    assert f"cannot restore to {stage.target}: Permission denied" in run.err


def test_a_new_directory_that_cannot_be_opened_is_named_and_leaves_nothing(tmp_path: Path, tracer: Tracer) -> None:
    stage = Stage(tmp_path, Scenario("restore", 1), files=5)
    moment = Moment("openat", ".freezer-tmp-0000000000000002", 1)
    run = tracer.run(stage, *moment.fault("EACCES"))
    assert run.code == 3
    assert "Permission denied" in run.err
    assert list(stage.target.rglob(".freezer-tmp-*")) == []


@pytest.mark.parametrize(("call", "error"), [("fchmod", "EPERM"), ("utimensat", "EIO")])
def test_a_target_that_cannot_be_given_its_attributes_is_named(
    tmp_path: Path, tracer: Tracer, call: str, error: str
) -> None:
    stage = Stage(tmp_path, Scenario("restore", 1), files=5)
    run = tracer.run(stage, *Moment(call, str(stage.target), 1).fault(error))
    assert run.code == 3
    assert run.err.startswith("freezer-agent: warning: .: ")


@pytest.mark.parametrize(("call", "error"), [("openat", "EIO"), ("syncfs", "EIO")])
def test_a_restore_that_cannot_be_made_durable_says_so(tmp_path: Path, tracer: Tracer, call: str, error: str) -> None:
    stage = Stage(tmp_path, Scenario("restore", 1), files=5)
    stage.reset()
    assert tracer.run(stage, "-e", f"trace={TRACED}", noting=True).code == 0
    found = places(tracer.log, tracer.stacks, stage.world.folder)
    [[moment]] = [each for place, each in found.items() if place.call == call and "tree/durable" in place.lines[0]]
    stage.reset()
    run = tracer.run(stage, *moment.fault(error))
    assert run.code == 1
    assert run.error == f"{stage.target} was restored, but could not be written to disk: Input/output error"


@pytest.mark.parametrize("scenario", ["first backup", "restore", "check"])
def test_a_system_that_allows_no_more_threads_is_named_and_nothing_is_lost(
    tmp_path: Path, tracer: Tracer, scenario: str
) -> None:
    stage = Stage(tmp_path, SCENARIOS[scenario], files=5)
    stage.reset()
    run = tracer.run(stage, "-e", "trace=clone,clone3", "-e", "inject=clone,clone3:error=EAGAIN")
    assert run.error == "the system does not let this program start another thread"
    assert stage.judge(run) == "exit 1"
