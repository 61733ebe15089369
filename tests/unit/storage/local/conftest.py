"""A container on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.storage.local import LocalStorage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "container"


@pytest.fixture
def storage(root: Path) -> LocalStorage:
    storage = LocalStorage(str(root), clock=SystemClock())
    storage.prepare()
    return storage
