"""Fault tests come in two lengths: short by default, long with ``pytest -m slow`` (``make sweep``).

Every sweep draws its random numbers from one seed, which it prints; ``FREEZER_SEED`` repeats it. Long sweeps print what
they counted as one line of JSON, for ``docs/results/reliability.md``.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import Trials, World


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)


@pytest.fixture
def trials(request: pytest.FixtureRequest) -> Trials:
    """``trials(short, long)``: how many to do in this run."""
    long = request.config.getoption("markexpr") == "slow"
    return lambda few, many: many if long else few


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("FREEZER_SEED") or random.randrange(1 << 32))
    print("FREEZER_SEED =", seed)
    return random.Random(seed)


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """What a sweep counts; printed in the end, and appended to the file that ``FREEZER_SWEEP_LOG`` names."""
    counts: Counter[str] = Counter()
    begun = time.monotonic()
    yield counts
    line = json.dumps({"sweep": request.node.name, "seconds": round(time.monotonic() - begun), **counts})
    print(line)
    if log := os.environ.get("FREEZER_SWEEP_LOG"):
        with open(log, "a") as file:
            file.write(line + "\n")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")
