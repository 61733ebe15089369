"""The whole program on FTP servers: levels and restores, kills, two at once, memory, and what it says about options."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from servers.ftpd import PASSWORD, shared_ftpd
from support.manifest import compare, make_manifest
from support.on_server import OnServer, kill_in_several, refused
from support.passphrases import make_pass_file
from support.sweeps import Trials


@pytest.fixture
def world(tmp_path: Path) -> OnServer:
    return _world("vsftpd with TLS", tmp_path)


def _world(kind: str, folder: Path) -> OnServer:
    return OnServer(shared_ftpd(kind), folder, PASSWORD).fill()


@pytest.mark.parametrize("kind", ["vsftpd with TLS", "pyftpdlib with TLS"])
def test_three_levels_are_stored_and_each_is_restored(kind, tmp_path):
    world = _world(kind, tmp_path)
    world.levels_come_back()
    rows = json.loads(world.run("list", "--json"))
    assert sorted(row["level"] for row in rows) == [0, 1, 2]
    assert "metadata/tar/h_web" in world.run("info", "-l")


def test_an_encrypted_chain_in_clear_ftp_is_pruned_and_restored(tmp_path):
    world = _world("vsftpd", tmp_path)
    key = ("--encrypt-pass-file", make_pass_file(tmp_path / "pass", "correct horse"))
    for _ in range(2):
        time.sleep(1.0 - time.time() % 1)
        world.run("backup", "-F", world.source, "--compression", "zstd", *key)
    world.run("admin", "--keep-last", 1)
    assert len(list(world.container.glob("metadata/tar/h_web/*/*"))) == 1
    world.restored_is(make_manifest(world.source), *key)


def test_what_is_there_is_what_a_local_directory_would_hold(world):
    """OpenStack Freezer has the same files in both, but writes to FTP under Python 2 only (its defects D10 and D11)."""
    world.backup()
    folder = next(world.container.glob("data/tar/h_web/*/0_*"))
    assert sorted(path.name for path in folder.iterdir()) == ["data", "engine_metadata"]
    target = world.folder / "target"
    local = ["--storage", "local", "-C", world.container, "-N", "web", "--hostname", "h"]
    words = [sys.executable, "-m", "freezer.cmd.agent", "restore", *local, "--restore-abs-path", target]
    subprocess.run(list(map(str, words)), check=True, capture_output=True)
    assert compare(make_manifest(world.source), make_manifest(target)) == []


@pytest.mark.slow
def test_a_killed_backup_hinders_nobody_and_loses_nothing(
    tmp_path: Path, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    """100 kills with ``-m slow``, eight otherwise."""
    worlds = [_world("vsftpd with TLS", tmp_path / str(number)) for number in range(trials(4, 10))]
    kill_in_several(worlds, trials(2, 10), chance, counted)


def test_two_agents_at_once_on_one_name_are_kept_apart(world):
    world.keeps_two_apart()


@pytest.mark.slow
def test_a_large_stream_takes_little_memory(world: OnServer, trials: Trials) -> None:
    """1 GiB with ``-m slow``, 96 MiB otherwise."""
    shutil.rmtree(world.source)
    world.source.mkdir()
    with (world.source / "noise").open("wb") as file:
        for _ in range(trials(24, 256)):
            file.write(os.urandom(4 << 20))
    used = world.peak("backup", "-F", world.source)
    restoring = world.peak("restore", "--restore-abs-path", world.folder / "target")
    print("MiB", used, restoring)
    assert used <= 200
    assert restoring <= 200


def test_what_is_missing_or_makes_no_sense_is_named(tmp_path):
    login = ("--ftp-host", "h", "--ftp-username", "u")
    assert "--storage ftp needs --ftp-host" in refused("--storage", "ftp")
    assert "--storage ftps needs --ftp-username" in refused("--storage", "ftps", "--ftp-host", "h")
    said = refused("--storage", "ftp", *login, "--ftp-authority", "/x")
    assert "--ftp-authority has no meaning with --storage ftp, which sends everything in clear" in said
    missing = tmp_path / "missing"
    said = refused("--storage", "ftps", *login, "--ftp-authority", missing)
    assert f"--ftp-authority {missing}: No such file" in said
    (tmp_path / "empty").write_text("")
    said = refused("--storage", "ftps", *login, "--ftp-certfile", tmp_path / "empty")
    assert "are no certificate in PEM and its key" in said
    assert "--ftp-keyfile needs --ftp-certfile" in refused("--storage", "ftps", *login, "--ftp-keyfile", "/x")
    assert "--ftp-username contains a line break" in refused(
        "--storage", "ftp", "--ftp-host", "h", "--ftp-username", "u\nDELE x"
    )


def test_a_password_that_everybody_can_read_is_warned_about(world):
    child = world.start("list", "--ftp-password", "wrong-canary")
    _, said = child.communicate(timeout=180)
    assert child.returncode == 1
    assert "--ftp-password on a command line can be read by everybody on this machine" in said
    assert "the user anonymous may not log in with this password" in said
    assert "wrong-canary" not in said
