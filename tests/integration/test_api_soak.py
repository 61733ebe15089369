"""Two hundred schedulers on one server: nobody is refused, nobody is told of others, and memory stays as it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from benchmarks.api import soak
from benchmarks.api.places import ours

from support.api import fresh_database
from support.sweeps import Trials

pytestmark = pytest.mark.integration


@pytest.mark.slow
@pytest.mark.stopwatch  # what was measured stays in memory until the end
def test_two_hundred_schedulers_are_served(tmp_path: Path, trials: Trials, request: pytest.FixtureRequest) -> None:
    seconds = trials(30, 600)
    with ours(fresh_database(tmp_path), tmp_path) as server:
        jobs = soak.fill(server)
        begun = time.monotonic()
        found = soak.run(server, jobs, seconds)
        print(f"{len(found.polls)} polls, {len(found.updates)} updates, p99 {found.percentile(0.99) * 1000:.0f} ms, "
              f"memory {found.growth():.3f}, {time.monotonic() - begun:.0f} s")  # fmt: skip
    assert found.errors == []
    assert len(found.polls) > 0.9 * soak.POLLERS * seconds / soak.EVERY
    assert len(found.updates) > 0.5 * soak.UPDATES * seconds
    # Half a minute is too short to tell growth from warming up, and too short to make up for a busy machine.
    assert found.growth() < (1.1 if seconds > 30 else 1.3)
    if seconds > 30:
        assert found.percentile(0.99) < 0.5
