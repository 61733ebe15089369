"""Several storages at once, and copies between them, on real servers."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from servers.raw import RawSwift, variables
from servers.session import openstack
from servers.sshd import Sshd, shared_sshd
from support import trees
from support.manifest import compare, make_manifest
from support.mirrors import Mirror, local, objects


@pytest.fixture
def sshd(monkeypatch: pytest.MonkeyPatch) -> Sshd:
    server = shared_sshd()
    monkeypatch.setenv("PATH", server.environment()["PATH"])
    return server


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> RawSwift:
    about = openstack()
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    for name, value in variables(about).items():
        monkeypatch.setenv(name, value)
    return RawSwift(about)


def on_ssh(sshd: Sshd, container: Path) -> dict[str, object]:
    return {
        "storage": "ssh",
        "container": container,
        "ssh_host": "127.0.0.1",
        "ssh_port": sshd.port,
        "ssh_username": sshd.user,
        "ssh_key": sshd.key,
    }


def in_swift() -> dict[str, object]:
    return {"storage": "swift", "container": f"mirror-{secrets.token_hex(6)}"}


def make_levels(mirror: Mirror) -> list[dict]:
    """Three levels of a rich tree in every storage; what was there each time."""
    levels = []
    trees.make_tree(mirror.source, 1)
    for level in range(3):
        if level:
            trees.edit_tree(mirror.source, level + 1)
        run = mirror.backup("--json", "-M", "32K")
        assert run.code == 0, run.err
        assert {place["level"] for place in run.json["storages"]} == {level}
        levels.append(make_manifest(mirror.source))
    return levels


def restores(mirror: Mirror, name: str, levels: list[dict], folder: Path) -> None:
    for number, wanted in enumerate(levels):
        run = mirror.restore(name, folder / f"{name}{number}", "--restore-level", number)
        assert run.code == 0, run.err
        assert compare(wanted, make_manifest(folder / f"{name}{number}"), ignore={"alloc"}) == []


def made(agent, tmp_path: Path, places) -> Mirror:
    for path in agent.source.iterdir():
        path.unlink()
    return Mirror(tmp_path, agent.call, places)


def test_a_directory_and_an_ssh_server_hold_the_same(agent, tmp_path, sshd):
    mirror = made(agent, tmp_path, {"here": local(tmp_path / "here"), "there": on_ssh(sshd, tmp_path / "there")})
    levels = make_levels(mirror)
    assert objects(tmp_path / "here") == objects(tmp_path / "there")
    for name in mirror.places:
        restores(mirror, name, levels, tmp_path)


def test_an_ssh_server_that_is_gone_is_caught_up_later(agent, tmp_path, sshd):
    there = on_ssh(sshd, tmp_path / "there")
    mirror = made(agent, tmp_path, {"here": local(tmp_path / "here"), "there": {**there, "ssh_port": 1}})
    (mirror.source / "file").write_text("content")
    run = mirror.backup("--storage-timeout", 1)
    assert run.code == 1
    assert "1 of 2 storages failed: there: " in run.error
    assert mirror.levels("here") == [0]
    mirror.places = {**mirror.places, "there": there}
    run = mirror.copy("here", "there", "--verify")
    assert run.code == 0, run.err
    assert objects(tmp_path / "here") == objects(tmp_path / "there")
    run = mirror.backup("--json")
    assert [place["level"] for place in run.json["storages"]] == [1, 1]


def test_swift_and_a_directory_hold_the_same_backups_and_copies_go_either_way(agent, tmp_path, cloud):
    mirror = made(agent, tmp_path, {"cloud": in_swift(), "here": local(tmp_path / "here")})
    levels = make_levels(mirror)
    for name in mirror.places:
        restores(mirror, name, levels, tmp_path)
    for name in ("cloud", "here"):
        assert mirror.run("check", "--read-data", "--from-storage", name).code == 0
    assert {step["step"] for step in mirror.copy("cloud", "here", "--verify", "--json").json["backups"]} == {"there"}

    mirror.places = {**mirror.places, "copied": local(tmp_path / "copied"), "up": in_swift()}
    for source, target in (("cloud", "copied"), ("copied", "up")):
        run = mirror.copy(source, target, "--verify", "-M", "32K")
        assert run.code == 0, run.err
    assert objects(tmp_path / "copied") == objects(tmp_path / "here")
    restores(mirror, "up", levels, tmp_path)


def test_swift_that_refuses_leaves_the_directory_its_backup(agent, tmp_path, cloud, monkeypatch):
    mirror = made(agent, tmp_path, {"cloud": in_swift(), "here": local(tmp_path / "here")})
    (mirror.source / "file").write_text("content")
    monkeypatch.setenv("OS_PASSWORD", "wrong")
    run = mirror.backup()
    assert run.code == 1
    assert "1 of 2 storages failed: cloud: " in run.error
    assert "demo" in run.error
    assert mirror.levels("here") == [0]
