"""The whole program on an SSH server: levels and restores, kills, two at once, and what it says about its options."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from servers.sshd import shared_sshd
from support.manifest import make_manifest
from support.on_server import OnServer, kill_in_several, refused
from support.sweeps import Trials


@pytest.fixture
def world(tmp_path: Path) -> OnServer:
    return OnServer(shared_sshd(), tmp_path).fill()


def test_three_levels_are_stored_and_each_is_restored(world):
    world.levels_come_back()


def test_an_encrypted_chain_is_pruned_and_restored(world):
    (world.folder / "pass").write_text("correct horse\n")
    (world.folder / "pass").chmod(0o600)
    key = ("--encrypt-pass-file", world.folder / "pass")
    for _ in range(2):
        time.sleep(1.0 - time.time() % 1)
        world.run("backup", "-F", world.source, *key)
    world.run("admin", "--keep-last", 1)
    assert len(list(world.container.glob("metadata/tar/h_web/*/*"))) == 1
    world.restored_is(make_manifest(world.source), *key)


@pytest.mark.slow
def test_a_killed_backup_hinders_nobody_and_loses_nothing(
    tmp_path: Path, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    """100 kills with ``-m slow``, four otherwise."""
    worlds = [OnServer(shared_sshd(), tmp_path / str(number)).fill() for number in range(trials(4, 10))]
    kill_in_several(worlds, trials(1, 10), chance, counted)


def test_two_agents_at_once_on_one_name_are_kept_apart(world):
    world.keeps_two_apart()


def test_what_is_missing_is_named():
    assert "--storage ssh needs --ssh-host" in refused("--storage", "ssh")
    said = refused("--storage", "ssh", "--ssh-host", "h", "--ssh-key", "/nowhere/id")
    assert "--ssh-key /nowhere/id: there is no such file" in said
    said = refused("--storage", "ssh", "--ssh-host=-oProxyCommand=x")
    assert "'-oProxyCommand=x' is no host of an SSH server" in said


def test_a_password_that_everybody_can_read_is_warned_about(world: OnServer) -> None:
    child = world.start("list", "--ssh-password", "canary")
    _, said = child.communicate(timeout=180)
    assert "--ssh-password on a command line can be read by everybody on this machine" in said
    assert "may not log in with this password" in said
    assert "canary" not in said
    job = world.folder / "job.ini"
    job.write_text("[storage:there]\nssh_password = canary\nstorage = ssh\ncontainer = x\nssh_host = localhost\n")
    words = [sys.executable, "-m", "freezer.cmd.agent", "list", "--config", str(job)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=world.server.environment())
    assert "on a command line" not in done.stderr
