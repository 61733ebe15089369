"""Places to restore to, both ways of resolving paths, and a process without rights."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer.tree import openat2

MEMORY = Path("/dev/shm")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where to restore to; it does not exist yet."""
    return tmp_path / "target"


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """An empty directory on the disk's file system, and one on tmpfs."""
    if request.param == "disk":
        yield tmp_path
        return
    if not os.access(MEMORY, os.W_OK):
        pytest.skip("no tmpfs here")
    directory = tempfile.mkdtemp(dir=MEMORY)
    yield Path(directory)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(params=["openat2", "components"])
def resolver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Runs a test with openat2, and again without."""
    openat2.resolver.cache_clear()
    if request.param == "components":
        monkeypatch.setenv("FREEZER_NO_OPENAT2", "1")
    elif openat2.resolver() is openat2.open_by_components:
        pytest.skip("no openat2 here")
    yield request.param
    openat2.resolver.cache_clear()


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A directory of an ordinary user, whom this process is until the test ends."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o700)
    os.chown(directory, 65534, 65534)
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield directory
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
        shutil.rmtree(directory, ignore_errors=True)
