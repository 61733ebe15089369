"""For all tests: marks those that start programs, and lets none of them be skipped silently in CI; has what tests of
whole programs and long sweeps need."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.sweeps import Trials

# Machines that run tests are busy: how long an example takes says nothing.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

HERE = Path(__file__).parent
INTEGRATION = tuple(HERE / name for name in ("callers", "faults", "hostile", "integration", "interop"))
STUCK = 900
"""Seconds after which a test is taken to hang and fails, in the short form of everything."""
LIMIT = "machine limit: "
"""How the reason begins for which a test that starts programs may be skipped in CI: the machine, not its set-up."""


def pytest_configure() -> None:
    """A shell that runs us in the background lets us ignore signals, which programs that we start would inherit."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL if number is signal.SIGHUP else signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if any(folder in item.path.parents for folder in INTEGRATION):
            item.add_marker(pytest.mark.integration)
    if config.getoption("markexpr") != "slow":
        for item in items:
            item.add_marker(pytest.mark.timeout(STUCK))
        without = [item for item in items if any(mark.kwargs.get("only") for mark in item.iter_markers("slow"))]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("CI") and report.skipped and item.get_closest_marker("integration"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(LIMIT):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI, which only a {LIMIT!r} excuses: {reason}"
    return report


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory of this test alone, which is the working directory, too."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def trials(request: pytest.FixtureRequest) -> Trials:
    """How many of something to do in this run."""
    long = request.config.getoption("markexpr") == "slow"
    return lambda few, many: many if long else few


@pytest.fixture
def chance() -> random.Random:
    """Random numbers from one seed, which is printed; ``FREEZER_SEED`` repeats it."""
    seed = int(os.environ.get("FREEZER_SEED") or random.randrange(1 << 32))
    print("FREEZER_SEED =", seed)
    return random.Random(seed)


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """What a sweep counts: in the end printed as one line of JSON, and appended to the file that ``FREEZER_SWEEP_LOG``
    names, for ``docs/results/reliability.md``."""
    counts: Counter[str] = Counter()
    begun = time.monotonic()
    yield counts
    line = json.dumps({"sweep": request.node.name, "seconds": round(time.monotonic() - begun), **counts})
    print(line)
    if log := os.environ.get("FREEZER_SWEEP_LOG"):
        with open(log, "a") as file:
            file.write(line + "\n")
