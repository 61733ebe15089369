"""The race of a whole restore from a repository: while root writes 3000 files, somebody who may write in the target
exchanges its directories for links that lead outside. One trial by default, a hundred with ``-m slow``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from test_dedup_hostile_trees import SECRET, act
from test_restore_race import ATTACKER, CHAIN_ATTACKER, FILES, PLACES, facts

from support.sweeps import Trials

EXCHANGES = 10  # that have to succeed in a trial, on the average, or nothing is proved


def make_source(top: Path) -> None:
    """3000 entries in three directories within each other, as the attack on an archive has them."""
    for place in PLACES:
        (top / os.fsdecode(place)).mkdir(parents=True)
    for number in range(FILES):
        path = top / os.fsdecode(PLACES[number % 3]) / str(number)
        if number % 20 == 7:
            path.symlink_to("anywhere")
        elif number % 20 == 8:
            os.mkfifo(path)
        elif number % 20 == 12:
            os.link(path.parent / str(number - 3), path)
        else:
            path.write_bytes(b"evil %d" % number)
            path.chmod(0o6666)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backup, and a directory that must not change."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "secret").chmod(0o600)
    victim = tmp_path / "victim"
    (victim / "dir" / "deep" / "new").mkdir(parents=True)
    for name in ("file", "0", "7", "dir/9", "dir/deep/10", "dir/deep/new/11"):
        (victim / name).write_bytes(b"precious")
        (victim / name).chmod(0o600)
    make_source(tmp_path / "source")
    assert act(tmp_path, "init") == 0
    assert act(tmp_path, "backup", "--engine", "dedup", "-F", str(tmp_path / "source")) == 0
    return tmp_path


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="machine limit: an attack on root")
@pytest.mark.parametrize("attack", ["of-what-is-there", "of-what-is-made"])
@pytest.mark.parametrize("policy", [["--overwrite"], ["--overwrite-policy", "if-changed", "--verify", "--delete"]])
def test_nothing_outside_changes_while_directories_are_exchanged(
    stage: Path,
    attack: str,
    policy: list[str],
    trials: Trials,
    counted: Counter[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    victim = stage / "victim"
    before = facts(victim)
    script = ATTACKER if attack == "of-what-is-there" else CHAIN_ATTACKER
    rounds = trials(1, 25)
    for trial in range(rounds):
        target = stage / f"target{trial}"
        if attack == "of-what-is-there":
            (target / "dir" / "deep" / "new").mkdir(parents=True)
        else:
            target.mkdir()
        command = [sys.executable, "-c", script, str(target), str(victim)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as attacker:
            assert attacker.stdout is not None
            assert attacker.stdout.readline() == "ready\n"
            code = act(stage, "restore", "--restore-abs-path", str(target), "-q", *policy)
            attacker.terminate()
            counted["exchanges"] += int(attacker.stdout.readline())
        counted["trials"] += 1
        counted[f"exit {code}"] += 1
        assert code in (0, 1, 3)
        told = capfd.readouterr().err
        assert "Traceback" not in told
        assert "internal error" not in told
        assert facts(victim) == before
        subprocess.run(["rm", "-rf", "--", str(target)], check=True)
    if attack == "of-what-is-there":
        assert counted["exchanges"] > EXCHANGES * rounds, "the attack never got in the way"
    counted["files outside"] = counted["foreign files changed"] = 0


def test_without_an_attack_everything_is_restored(stage: Path) -> None:
    target = stage / "target"
    assert act(stage, "restore", "--restore-abs-path", str(target), "-q") == 0
    assert len([path for path in target.rglob("*") if not path.is_dir()]) == FILES
