"""A repository on real servers: of SSH, of FTP, in Swift and in S3."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from servers.ftpd import shared_ftpd
from servers.raw import variables
from servers.s3 import service, without_aws
from servers.session import openstack
from servers.sshd import shared_sshd
from support.manifest import compare, make_manifest
from support.trees import edit_tree, make_tree

Environment = pytest.MonkeyPatch


def on_ssh(environment: Environment, folder: Path) -> list[object]:
    server = shared_sshd()
    environment.setenv("PATH", server.environment()["PATH"])
    return [*server.words(), "-C", folder / "container"]


def on_ftp(environment: Environment, folder: Path) -> list[object]:
    server = shared_ftpd("vsftpd with TLS")
    for name, value in server.environment().items():
        environment.setenv(name, value)
    return [*server.words(), "-C", folder / "container"]


def in_swift(environment: Environment, folder: Path) -> list[object]:
    about = openstack()
    for name in [name for name in os.environ if name.startswith("OS_")]:
        environment.delenv(name)
    for name, value in variables(about).items():
        environment.setenv(name, value)
    return ["--storage", "swift", "-C", f"dedup-{secrets.token_hex(6)}"]


def in_s3(environment: Environment, folder: Path) -> list[object]:
    found = service()
    for name in without_aws(os.environ):
        environment.delenv(name)
    for name, value in found.variables().items():
        environment.setenv(name, value)
    return ["--storage", "s3", "-C", f"dedup-{secrets.token_hex(6)}"]


@pytest.mark.parametrize("place", [on_ssh, on_ftp, in_swift, in_s3], ids=lambda place: place.__name__)
def test_backups_are_made_checked_forgotten_and_restored(
    place: Callable[[Environment, Path], list[object]], agent, tmp_path, monkeypatch
):
    home = os.environ["HOME"]
    words = place(monkeypatch, tmp_path)
    monkeypatch.setenv("HOME", home)
    secret = tmp_path / "secret"
    secret.write_bytes(os.urandom(32))
    secret.chmod(0o600)
    words += ["-N", "web", "--hostname", "h", "--machine-secret-file", secret]

    def call(action: str, *more: object):
        run = agent.call(action, *words, *more)
        assert run.code == 0, run.err
        return run

    made = call("init", "--json").json
    assert made["decider"] == ("markers" if place in (in_swift, in_s3) else "create-once")
    source = tmp_path / "rich"
    make_tree(source)
    ids = []
    for round in range(2):
        if round:
            edit_tree(source, seed=1)
        ids.append(call("backup", "--engine", "dedup", "-F", source, "--json").json["dedup"]["backup"])
        subprocess.run(["cp", "-a", "--", str(source), str(tmp_path / f"was-{round}")], check=True)
    assert [row["id"] for row in call("list", "--json").json] == ids
    call("check", "--read-data")
    call("forget", "--keep-last", "1", "--keep-verified", "0")
    call("prune", "--max-unused", "0%")
    assert [row["id"] for row in call("list", "--json").json] == ids[1:]
    call("restore", "--restore-abs-path", tmp_path / "out", "--verify")
    wanted = {path: entry for path, entry in make_manifest(tmp_path / "was-1").items() if entry["type"] != "socket"}
    assert compare(wanted, make_manifest(tmp_path / "out"), ignore=("alloc", "nlink")) == []
    call("check", "--read-data")
