"""Two runs on one container at once."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager

from support.manifest import compare, make_manifest


@contextmanager
def _stopped(agent, child):
    """The backup of ``child`` has begun to write, and stands still meanwhile."""
    limit = time.monotonic() + 180
    while not any(path.is_file() for path in agent.container.glob("data/**/*")):
        assert child.poll() is None
        assert time.monotonic() < limit, "the first backup never began to write"
        time.sleep(0.01)
    child.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        child.send_signal(signal.SIGCONT)


def test_a_second_backup_of_the_same_name_is_told_so_and_damages_nothing(agent, process, tmp_path):
    (agent.source / "big").write_bytes(os.urandom(2 << 20))
    first = process("backup", "-F", agent.source, *agent.stored("--upload-limit", "1M"))
    with _stopped(agent, first):
        second = agent.backup()
    assert second.code == 1
    assert "h_web" in second.error or "web" in second.error
    _, err = first.communicate(timeout=180)
    assert first.returncode == 0, err
    assert agent.levels() == [0]
    assert agent.restore(tmp_path / "out").code == 0
    assert compare(make_manifest(agent.source), make_manifest(tmp_path / "out")) == []


def test_backups_of_different_names_do_not_wait_for_each_other(agent, process):
    (agent.source / "big").write_bytes(os.urandom(2 << 20))
    first = process("backup", "-F", agent.source, *agent.stored("--upload-limit", "1M"))
    words = ["--storage", "local", "-C", agent.container, "-N", "mail", "--hostname", "h"]
    with _stopped(agent, first):
        assert agent.call("backup", "-F", agent.source, *words).code == 0
    assert first.wait(timeout=180) == 0


def test_of_many_backups_started_at_once_all_that_say_so_are_kept(agent, process):
    children = [process("backup", "-F", agent.source, *agent.stored("--incremental")) for _ in range(4)]
    codes = []
    for child in children:
        _, err = child.communicate(timeout=180)
        assert "Traceback" not in err
        assert "internal error" not in err
        codes.append(child.returncode)
    assert set(codes) <= {0, 1}
    assert codes.count(0) == len(agent.levels()) >= 1
    assert agent.act("check", "--read-data").code == 0


def test_while_a_backup_runs_the_others_can_be_listed_and_restored(agent, process, tmp_path):
    assert agent.backup("--incremental").code == 0
    (agent.source / "big").write_bytes(os.urandom(2 << 20))
    before = len(agent.levels())
    child = process("backup", "-F", agent.source, *agent.stored("--incremental", "--upload-limit", "1M"))
    time.sleep(0.6)
    assert child.poll() is None
    assert len(agent.levels()) == before
    restored = agent.restore(tmp_path / "out")
    assert restored.code in (0, 1)
    if restored.code == 1:
        assert "Lock" not in restored.error
    assert child.wait(timeout=180) == 0
