"""Local backups are local: no Keystone, no network, no other program, no shell."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from support.manifest import compare, make_manifest


@pytest.fixture
def keystone(monkeypatch):
    """A server that the environment calls Keystone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        monkeypatch.setenv("OS_AUTH_URL", f"http://127.0.0.1:{server.getsockname()[1]}/v3")
        for name in ("OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME", "OS_USER_DOMAIN_NAME", "OS_PROJECT_DOMAIN_NAME"):
            monkeypatch.setenv(name, "x")
        yield server


def test_u2_no_token_is_asked_for(agent, tmp_path, keystone):
    """The original fetches one even for local files, and fails without."""
    assert agent.backup("--incremental").code == 0
    assert agent.restore(tmp_path / "out").code == 0
    for action in ("list", "show", "info", "check"):
        assert agent.act(action).code == 0
    with pytest.raises(BlockingIOError):
        keystone.accept()


def test_neither_tar_nor_gzip_nor_openssl_is_needed(agent, tmp_path, pass_file):
    """An empty PATH: whatever was started by name would be missing."""
    environment = {"PATH": str(tmp_path / "nothing"), "HOME": os.environ["HOME"]}
    secret = ["--encrypt-pass-file", str(pass_file)]

    def run(*words):
        command = [sys.executable, "-m", "freezer.cmd.agent", *words, *agent.stored(*secret)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr

    run("backup", "-F", str(agent.source), "--incremental", "--compression", "bzip2", "--encryption", "aes-256-cfb")
    run("backup", "-F", str(agent.source), "--incremental")
    run("restore", "--restore-abs-path", str(tmp_path / "out"))
    assert compare(make_manifest(agent.source), make_manifest(tmp_path / "out")) == []


def test_a_date_without_an_offset_is_utc_wherever_the_machine_is(agent, tmp_path, monkeypatch):
    """The original's older releases took local time, which is ambiguous for an hour every autumn."""
    stamp = agent.backup("--json").json["time_stamp"]
    moment = subprocess.run(
        ["date", "-u", "-d", f"@{stamp}", "+%Y-%m-%dT%H:%M:%S"], capture_output=True, text=True, check=True
    ).stdout.strip()
    environment = os.environ | {"TZ": "Pacific/Auckland"}
    command = [sys.executable, "-m", "freezer.cmd.agent", "restore", *agent.stored("--restore-from-date", moment)]
    done = subprocess.run(
        [*command, "--restore-abs-path", str(tmp_path / "out")],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "taken as UTC" in done.stderr
    command[-1] = "2001-01-01T00:00:00"
    done = subprocess.run(
        [*command, "--restore-abs-path", str(tmp_path / "old")],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "2001-01-01T00:00:00Z" in done.stderr
