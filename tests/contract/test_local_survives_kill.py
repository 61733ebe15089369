"""A writer killed at any instant leaves nothing that looks like a backup but is none, and nothing in anybody's way."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.storage.local import LocalStorage
from support.sweeps import Trials

WRITER = Path(__file__).with_name("local_writer.py")
sys.path.insert(0, str(WRITER.parent))
from local_writer import backup, is_whole  # noqa: E402


@pytest.mark.slow
def test_a_killed_writer_leaves_whole_backups_only(tmp_path: Path, trials: Trials, chance: random.Random) -> None:
    """500 kills with ``-m slow``, a dozen otherwise."""
    kills = trials(12, 500)
    seen = 0
    for turn in range(kills):
        root = tmp_path / str(turn % 4)  # on a container that has been written to, and then some
        root.mkdir(exist_ok=True)
        _kill_a_writer(root, chance.random() * 0.15)
        seen += _look_as_upstream(root)
        _look_as_we_do(root)
        _next_run_is_not_hindered(root)
    assert seen > kills / 2, "nearly every writer died before it had stored anything: this tested nothing"


def _kill_a_writer(root: Path, after: float) -> None:
    with subprocess.Popen([sys.executable, WRITER, root, "backups"], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(after)
        writer.send_signal(signal.SIGKILL)


def _look_as_upstream(root: Path) -> int:
    """Upstream takes each folder below NAME for a chain and each below that for a level, by name alone."""
    levels = 0
    for chain in root.glob("metadata/tar/*/*"):
        assert chain.name.isdigit(), chain
        for level in chain.iterdir():
            number, time_ = level.name.split("_")
            assert number.isdigit()
            assert time_.isdigit()
            levels += (level / "metadata").exists()
            data = root / "data" / level.relative_to(root / "metadata")
            if (level / "metadata").exists():
                assert is_whole((level / "metadata").read_bytes())
                assert is_whole((data / "data").read_bytes()), "a commit record without its data"
                assert is_whole((data / "engine_metadata").read_bytes())
    return levels


def _look_as_we_do(root: Path) -> None:
    storage = LocalStorage(str(root), clock=SystemClock())
    for item in storage.list():
        assert is_whole(storage.get(item.name)), item.name


def _next_run_is_not_hindered(root: Path) -> None:
    storage = LocalStorage(str(root), clock=SystemClock())
    storage.sweep(SystemClock().now() + 1000)
    assert list(root.rglob(".freezer-tmp-*")) == []
    assert [path for path in root.rglob("*") if path.is_dir() and not any(path.iterdir())] == []
    for item in storage.list():
        storage.delete(item.name)
    backup(storage, 5, 0)
    assert len(storage.list()) == 3
