"""Every fault test has a home and, if it asks for it, a world of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from grounds import GROUNDS, Grounds
from world import World

from support.crowd import Crowd, crowd


@pytest.fixture(autouse=True)
def _home(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read from or written to the home of whoever runs the tests."""
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Crowd]:
    """Programs that run at once."""
    with crowd(tmp_path / "crowd") as made:
        yield made


@pytest.fixture
def grounds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Grounds]:
    """Makes containers; the parameter says of which kind."""
    with GROUNDS[request.param](monkeypatch) as made:
        yield made


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")
