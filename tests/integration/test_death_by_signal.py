"""A signal at any time: everything that was begun is gone, and the program dies by that very signal."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from support.manifest import compare, make_manifest

MOMENTS = (  # seconds after the program has begun to listen for signals
    # At once means: while it imports. A tracer that measures coverage may swallow what is raised then.
    pytest.param(0.0, marks=pytest.mark.stopwatch),
    0.15,
    0.4,
)
SIGNALS = (signal.SIGTERM, signal.SIGINT)
PROMPT = 20.0  # seconds from the signal to death, however slow the storage is told to be


@pytest.fixture
def large(agent):
    """A source that takes seconds at the limits used here."""
    for number in range(40):
        (agent.source / f"file{number:02}").write_bytes(os.urandom(96 << 10))
    return agent


def _wait_for_handler(child):
    """Until the program has taken charge of SIGTERM: before that, Python itself is still starting."""
    bit, deadline = 1 << (signal.SIGTERM - 1), time.monotonic() + 60
    while not int(re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{child.pid}/status").read_text())[1], 16) & bit:
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _interrupt(child, number, moment):
    """Send the signal ``moment`` seconds after the start; True if the program was still at work."""
    _wait_for_handler(child)
    time.sleep(moment)
    running = child.poll() is None
    child.send_signal(number)
    _, err = child.communicate(timeout=180)
    assert child.returncode == -number, (child.returncode, err)
    assert "Traceback" not in err
    return running


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupted_backup_leaves_nothing_and_the_next_one_works(large, process, tmp_path, number, moment):
    child = process("backup", "-F", large.source, *large.stored("-M", "64K", "--upload-limit", "1M"))
    assert _interrupt(child, number, moment)
    assert large.objects() == {}
    assert large.backup().code == 0
    assert large.levels() == [0]
    assert large.restore(tmp_path / "out").code == 0
    assert compare(make_manifest(large.source), make_manifest(tmp_path / "out")) == []


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("moment", MOMENTS[::2])
def test_an_interrupted_restore_leaves_whole_files_only_and_the_next_one_works(
    large, process, tmp_path, number, moment
):
    assert large.backup().code == 0
    target = tmp_path / "out"
    words = ["--restore-abs-path", target, *large.stored("--download-limit", "512K")]
    assert _interrupt(process("restore", *words), number, moment)
    for path in target.rglob("*") if target.exists() else ():
        assert path.read_bytes() == (large.source / path.name).read_bytes(), path
    assert large.restore(target, "--overwrite").code == 0
    assert compare(make_manifest(large.source), make_manifest(target)) == []


def test_an_interrupted_increment_leaves_the_chain_as_it_was(large, process, tmp_path):
    assert large.backup("--incremental").code == 0
    before = large.objects()
    for path in large.source.iterdir():
        path.write_bytes(os.urandom(256 << 10))
    child = process("backup", "-F", large.source, *large.stored("-M", "64K", "--upload-limit", "1M", "--incremental"))
    assert _interrupt(child, signal.SIGTERM, 0.3)
    assert large.objects() == before
    assert large.backup("--incremental", "--json").json["level"] == 1
    assert large.restore(tmp_path / "out").code == 0
    assert compare(make_manifest(large.source), make_manifest(tmp_path / "out")) == []


def test_even_a_killed_backup_leaves_nothing_that_looks_like_one(large, process):
    child = process("backup", "-F", large.source, *large.stored("-M", "64K", "--upload-limit", "1M"))
    _wait_for(large.container / "data")
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert large.levels() == []
    assert large.backup().code == 0
    assert large.levels() == [0]


def _dies_promptly(child, number):
    begun = time.monotonic()
    child.send_signal(number)
    _, err = child.communicate(timeout=180)
    assert time.monotonic() - begun < PROMPT
    assert child.returncode == -number, err
    assert "Traceback" not in err


def _wait_for(folder):
    """Until the program is at work there, and half a second more."""
    deadline = time.monotonic() + 60
    while not folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.5)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_backup_that_crawls_dies_at_once(large, process, number):
    child = process("backup", "-F", large.source, *large.stored("--upload-limit", "100K"))
    _wait_for(large.container / "data")
    _dies_promptly(child, number)
    assert large.objects() == {}


@pytest.mark.parametrize("number", SIGNALS)
def test_a_restore_that_crawls_dies_at_once(large, process, tmp_path, number):
    assert large.backup().code == 0
    target = tmp_path / "out"
    child = process("restore", "--restore-abs-path", target, *large.stored("--download-limit", "100K"))
    _wait_for(target)
    _dies_promptly(child, number)
    for path in target.rglob("*"):
        assert path.read_bytes() == (large.source / path.name).read_bytes(), path
