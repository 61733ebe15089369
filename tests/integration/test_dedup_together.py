"""Programs that work on one repository at the same time, or end early: nothing is ever lost or in the way."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

MIB = 1 << 20

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def slow(vault, process: Start) -> Callable[[], subprocess.Popen[str]]:
    """Starts a backup of 12 MiB of random bytes that takes some seconds: 1 MiB packs at 4 MiB a second."""
    (vault.source / "big").write_bytes(os.urandom(12 * MIB))
    words = [*vault.agent.stored(), "--machine-secret-file", vault.secret, "--pack-size", "1M", "--upload-limit", "4M"]

    def start() -> subprocess.Popen[str]:
        return process("backup", "--engine", "dedup", "-F", vault.source, *words)

    return start


def wait_for_packs(vault, count: int) -> None:
    """Until so many packs are stored."""
    folder: Path = vault.objects / "packs"
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if folder.exists() and len([name for name in os.listdir(folder) if not name.startswith(".")]) >= count:
            return
        time.sleep(0.05)
    raise AssertionError("no packs are stored")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_an_interrupted_backup_has_stored_is_taken_over_by_the_next(vault, slow, how, tmp_path):
    child = slow()
    wait_for_packs(vault, 4)
    child.send_signal(how)
    _, err = child.communicate()
    assert child.returncode == -how
    assert "Traceback" not in err
    assert vault.ids() == []
    assert vault.act("prune").code == 0  # an attempt that has not ended keeps what it has stored
    run = vault.backup("--json")
    assert run.code == 0, run.err
    assert run.json["dedup"]["bytes_new"] <= 9 * MIB
    assert vault.restore(tmp_path / "out").code == 0
    assert (tmp_path / "out" / "big").read_bytes() == (vault.source / "big").read_bytes()
    assert vault.act("check", "--read-data").code == 0


def test_a_second_backup_of_the_same_name_is_refused_and_another_name_is_not(vault, slow):
    child = slow()
    wait_for_packs(vault, 1)
    run = vault.backup()
    assert run.code == 1
    assert "is being backed up already (process " in run.error
    assert vault.backup("-N", "other").code == 0
    _, err = child.communicate()
    assert child.returncode == 0, err
    assert {row["backup_name"] for row in vault.act("list", "--json", "--backup-name", "web").json} == {"web"}


def test_a_backup_that_was_stopped_while_others_pruned_loses_nothing(vault, slow, tmp_path):
    (vault.source / "a shared one").write_bytes(os.urandom(2 * MIB))
    old = vault.made("-N", "old", "--exclude", "big")  # on whose content the slow one relies
    child = slow()
    wait_for_packs(vault, 4)
    child.send_signal(signal.SIGSTOP)
    assert vault.act("forget", "-N", "old", "--id", old).code == 0
    assert vault.act("prune", "--max-unused", "0%").code == 0
    assert vault.act("prune").code == 0
    child.send_signal(signal.SIGCONT)
    _, err = child.communicate()
    assert child.returncode == 0, err
    assert vault.act("check", "--read-data").code == 0
    assert vault.restore(tmp_path / "out", "--verify").code == 0
    for name in ("a shared one", "big", "one"):
        assert (tmp_path / "out" / name).read_bytes() == (vault.source / name).read_bytes()


def test_a_backup_that_was_given_up_while_it_slept_fails_and_the_next_takes_over(vault, slow, monkeypatch, tmp_path):
    from freezer.clock import SystemClock

    child = slow()
    wait_for_packs(vault, 2)
    child.send_signal(signal.SIGSTOP)
    real = SystemClock.now
    with monkeypatch.context() as later:
        later.setattr(SystemClock, "now", lambda self: real(self) + 30 * 86400)
        run = vault.act("prune", "--json")
        assert run.code == 0, run.err
        assert len(run.json["given_up"]) == 1
    child.send_signal(signal.SIGCONT)
    _, err = child.communicate()
    assert child.returncode == 1
    assert "was aborted by somebody else" in err
    assert vault.ids() == []
    assert vault.backup().code == 0
    assert vault.restore(tmp_path / "out").code == 0
