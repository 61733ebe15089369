"""Streams of many segments are copied from storage to storage, also where the storages cut them differently."""

from __future__ import annotations

import os
import random
import secrets
import time
from pathlib import Path

import pytest

from servers.ftpd import PASSWORD, shared_ftpd
from servers.s3 import Service, keys_of, service, unfinished, without_aws
from support.manifest import compare, make_manifest
from support.mirrors import Mirror, local, objects

SIZE = 12_000_000  # bytes: in S3 three parts, the smallest of which has 5 MiB


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Service:
    for name in without_aws(os.environ):
        monkeypatch.delenv(name)
    there = service()
    for name, value in there.variables().items():
        monkeypatch.setenv(name, value)
    return there


def in_s3() -> dict[str, object]:
    return {"storage": "s3", "container": f"copies-{secrets.token_hex(6)}"}


def on_ftp(kind: str, container: Path) -> dict[str, object]:
    ftpd = shared_ftpd(kind)
    login = {"ftp_host": "127.0.0.1", "ftp_port": ftpd.port, "ftp_username": ftpd.user, "ftp_password": PASSWORD}
    tls = {"storage": "ftps", "ftp_authority": ftpd.authority} if ftpd.tls else {"storage": "ftp"}
    return {**login, **tls, "container": container}


def mirror_of(agent, tmp_path: Path) -> Mirror:
    """Two levels of a source that does not compress, in a directory."""
    mirror = Mirror(tmp_path, agent.call, {"here": local(tmp_path / "here")})
    for size in (SIZE, SIZE // 4):
        (mirror.source / "noise").write_bytes(secrets.token_bytes(size))
        run = mirror.backup("-M", "1M")
        assert run.code == 0, run.err
    return mirror


def copied(mirror: Mirror, source: str, target: str, *words: object) -> None:
    run = mirror.copy(source, target, "--verify", "-M", "1M", *words)
    assert run.code == 0, run.err


def comes_back(mirror: Mirror, name: str, target: Path) -> None:
    run = mirror.restore(name, target)
    assert run.code == 0, run.err
    assert compare(make_manifest(mirror.source), make_manifest(target)) == []
    assert mirror.run("check", "--read-data", "--from-storage", name).code == 0


@pytest.mark.parametrize("kind", ["vsftpd with TLS", "pyftpdlib with TLS"])
def test_a_large_stream_goes_to_an_ftp_server_and_on_to_s3_and_back(agent, tmp_path, s3, kind):
    mirror = mirror_of(agent, tmp_path)
    mirror.places = {
        **mirror.places, "ftp": on_ftp(kind, tmp_path / "ftp"), "s3": in_s3(), "again": local(tmp_path / "again"),
    }  # fmt: skip
    for source, target in (("here", "ftp"), ("ftp", "s3"), ("s3", "again")):
        copied(mirror, source, target)
        comes_back(mirror, target, tmp_path / f"out-{target}")
    assert objects(tmp_path / "here") == objects(tmp_path / "ftp") == objects(tmp_path / "again")
    bucket = str(mirror.places["s3"]["container"])
    assert sum(size > SIZE for size in keys_of(s3.raw(), bucket, "data/").values()) == 1
    assert unfinished(s3.raw(), bucket) == []


@pytest.mark.parametrize("target", ["ftp", "s3"])
def test_a_copy_of_a_large_stream_that_is_killed_is_gone_on_with(agent, tmp_path, s3, process, target):
    mirror = mirror_of(agent, tmp_path)
    place = in_s3() if target == "s3" else on_ftp("vsftpd with TLS", tmp_path / "ftp")
    mirror.places = {**mirror.places, target: place}
    chance = random.Random(6)
    words = mirror.words("copy", "--from-storage", "here", "--to-storage", target, "--upload-limit", "8M", "-M", "1M")
    for _ in range(3):
        child = process(*words)
        time.sleep(chance.uniform(0.5, 2.5))
        child.kill()
        child.wait()
    copied(mirror, "here", target)
    comes_back(mirror, target, tmp_path / "out")
    assert mirror.ids(target) == mirror.ids("here")


def test_a_damaged_copy_is_told_and_not_replaced(agent, tmp_path, s3):
    mirror = mirror_of(agent, tmp_path)
    mirror.places = {**mirror.places, "s3": in_s3()}
    copied(mirror, "here", "s3")
    bucket, raw = str(mirror.places["s3"]["container"]), s3.raw()
    key = max(keys_of(raw, bucket, "data/").items(), key=lambda item: item[1])[0]
    raw.put_object(Bucket=bucket, Key=key, Body=b"short")
    run = mirror.copy("here", "s3", "--json")
    assert run.code == 1
    assert [step["step"] for step in run.json["backups"]] == ["refused", "refused"]
    assert "has 5 bytes, not" in run.json["backups"][0]["reason"]
