"""A signal at any time: everything that was begun is gone, and the program dies by that very signal."""

from __future__ import annotations

import os
import signal
import time

import pytest

from support.manifest import compare, make_manifest

MOMENTS = (0.3, 0.45, 0.7)  # seconds; before the first of them Python itself is still starting
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture
def large(agent):
    """A source that takes seconds at the limits used here."""
    for number in range(40):
        (agent.source / f"file{number:02}").write_bytes(os.urandom(96 << 10))
    return agent


def _interrupt(child, number, moment):
    """Send the signal some time after the start; True if the program was still at work."""
    time.sleep(moment)
    running = child.poll() is None
    child.send_signal(number)
    _, err = child.communicate(timeout=30)
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
    words = ["--restore-abs-path", target, *large.stored("--download-limit", "2M")]
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
    assert _interrupt(child, signal.SIGTERM, 0.6)
    assert large.objects() == before
    assert large.backup("--incremental", "--json").json["level"] == 1
    assert large.restore(tmp_path / "out").code == 0
    assert compare(make_manifest(large.source), make_manifest(tmp_path / "out")) == []


def test_even_a_killed_backup_leaves_nothing_that_looks_like_one(large, process):
    child = process("backup", "-F", large.source, *large.stored("-M", "64K", "--upload-limit", "1M"))
    time.sleep(0.8)
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert large.levels() == []
    assert large.backup().code == 0
    assert large.levels() == [0]
