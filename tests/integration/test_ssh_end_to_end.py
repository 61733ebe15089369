"""The whole program on an SSH server: levels and restores, kills, two at once, and what it says about its options."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers.sshd import Sshd, shared_sshd
from support import trees
from support.manifest import compare, make_manifest


@dataclass(frozen=True)
class OnServer:
    """Runs ``freezer-agent`` as a process of its own, on a container of the server."""

    sshd: Sshd
    folder: Path

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def container(self) -> Path:
        return self.folder / "container"

    def start(self, action: str, *words: object) -> subprocess.Popen[str]:
        stored = [*self.sshd.words(), "-C", self.container, "-N", "web", "--hostname", "h"]
        command = [sys.executable, "-m", "freezer.cmd.agent", action, *map(str, [*stored, *words])]
        return subprocess.Popen(
            command, env=self.sshd.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, action: str, *words: object) -> subprocess.Popen[str]:
        child = self.start(action, *words)
        _, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        return child

    def backup(self, *words: object) -> None:
        time.sleep(1.0 - time.time() % 1)  # a second of its own
        self.run("backup", "-F", self.source, "--incremental", *words)

    def restored_is(self, wanted: object, *words: object) -> None:
        target = self.folder / "target"
        self.run("restore", "--restore-abs-path", target, *words)
        assert compare(wanted, make_manifest(target)) == []
        shutil.rmtree(target)


@pytest.fixture
def world(tmp_path: Path) -> OnServer:
    made = OnServer(shared_sshd(), tmp_path)
    trees.make_tree(made.source, 1)
    return made


def test_three_levels_are_stored_and_each_is_restored(world):
    states = []
    for level in range(3):
        if level:
            trees.edit_tree(world.source, level + 1)
        states.append(make_manifest(world.source))
        world.backup()
    times = sorted(int(path.name.split("_")[1]) for path in world.container.glob("metadata/tar/h_web/*/*"))
    assert len(times) == 3
    for state, made in zip(states, times, strict=True):
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made))
        world.restored_is(state, "--restore-from-date", date)
    world.run("check", "--read-data")
    assert not list(world.container.rglob(".freezer-tmp-*"))


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
def test_a_killed_backup_hinders_nobody_and_loses_nothing(world: OnServer, request: pytest.FixtureRequest) -> None:
    """100 kills with ``-m slow``, three otherwise."""
    (world.source / "large").write_bytes(os.urandom(4 << 20))
    kills = 100 if request.config.getoption("markexpr") == "slow" else 3
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    world.backup()
    for turn in range(kills):
        (world.source / "changing").write_text(str(turn))
        child = world.start("backup", "-F", world.source)
        time.sleep(chance.uniform(0.2, 1.5))
        child.kill()
        child.communicate()
        world.run("check", "--read-data")
    world.backup()
    world.restored_is(make_manifest(world.source))
    for path in world.container.glob("metadata/tar/h_web/*/*"):
        assert (path / "metadata").exists(), path


def test_two_agents_at_once_on_one_name_are_kept_apart(world):
    world.backup()
    (world.source / "large").write_bytes(os.urandom(6 << 20))
    children = [world.start("backup", "-F", world.source, "--incremental") for _ in range(2)]
    ends = [(child.communicate(timeout=120)[1], child.returncode) for child in children]
    assert 0 in [code for _, code in ends], ends
    for said, code in ends:
        assert code == 0 or "another process is working on it" in said or "in the same second" in said
    world.run("check", "--read-data")
    world.restored_is(make_manifest(world.source))


def refused(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "freezer.cmd.agent", "list", "--storage", "ssh", "-C", "x", *map(str, words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    return done.stderr


def test_what_is_missing_is_named():
    assert "--storage ssh needs --ssh-host" in refused()
    assert "--ssh-key /nowhere/id: there is no such file" in refused("--ssh-host", "h", "--ssh-key", "/nowhere/id")
    assert "'-oProxyCommand=x' is no host of an SSH server" in refused("--ssh-host=-oProxyCommand=x")


def test_a_password_that_everybody_can_read_is_warned_about(world: OnServer) -> None:
    child = world.start("list", "--ssh-password", "canary")
    _, said = child.communicate(timeout=60)
    assert "--ssh-password on a command line can be read by everybody on this machine" in said
    assert "may not log in with this password" in said
    assert "canary" not in said
    job = world.folder / "job.ini"
    job.write_text("[storage:there]\nssh_password = canary\nstorage = ssh\ncontainer = x\nssh_host = localhost\n")
    words = [sys.executable, "-m", "freezer.cmd.agent", "list", "--config", str(job)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=world.sshd.environment())
    assert "on a command line" not in done.stderr
