"""Versions and locks on a real S3. Swift's interface keeps versions; of locks it says so, too, but keeps none. Ceph's
gateway (``make test-rgw``) keeps both."""

from __future__ import annotations

import os
import secrets
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from servers.s3 import ON_CEPH, Service, keys_of, service, without_aws

on_swift = pytest.mark.skipif(ON_CEPH, reason="machine limit: this service keeps locks")
on_ceph = pytest.mark.skipif(not ON_CEPH, reason="machine limit: Ceph takes minutes to fetch; make test-rgw")


@pytest.fixture(scope="session")
def services() -> tuple[Service, Any]:
    found = service()
    return found, found.raw()


@pytest.fixture
def raw(services, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in without_aws(os.environ):
        monkeypatch.delenv(name)
    for name, value in services[0].variables().items():
        monkeypatch.setenv(name, value)
    return services[1]


@pytest.fixture
def words() -> list[object]:
    return ["--storage", "s3", "-C", f"test-{secrets.token_hex(6)}", "-N", "web", "--hostname", "h"]


def test_removed_backups_stay_as_old_versions_if_asked_for(agent, raw, words):
    bucket = words[3]
    for _ in range(2):
        run = agent.call("backup", "-F", agent.source, *words, "--s3-versioning")
        assert run.code == 0, run.err
        time.sleep(1.01)
    assert raw.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    run = agent.call("check-storage", *words[:4], "--s3-versioning")
    assert run.code == 0, run.err
    assert "keeps versions: yes" in run.out
    before = [key for key in keys_of(raw, bucket) if ".freezer-s3-" not in key]
    assert agent.call("admin", "--keep-last", 1, *words).code == 0
    gone = set(before) - set(keys_of(raw, bucket))
    assert len(gone) == 3
    versions = {one["Key"] for one in raw.list_object_versions(Bucket=bucket, Prefix="data/")["Versions"]}
    assert {key for key in gone if key.startswith("data/")} <= versions


@on_swift
def test_a_service_that_agrees_to_locks_and_keeps_none_is_found_out(agent, raw, words):
    bucket = words[3]
    raw.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)  # a 200 that means nothing
    run = agent.call("backup", "-F", agent.source, *words, "--s3-lock-days", 1)
    assert run.code == 1
    assert "the bucket has no object lock, which --s3-lock-days needs" in run.error
    assert keys_of(raw, bucket) == {}


@on_ceph
@pytest.mark.parametrize("mode", ["governance", "compliance"])
def test_a_locked_backup_cannot_be_removed_for_good_but_read(agent, raw, words, tmp_path, mode):
    bucket = words[3]
    (agent.source / "random").write_bytes(secrets.token_bytes(12_000_000))
    more = ["--s3-lock-days", 1, "--s3-lock-mode", mode, "--max-segment-size", "5M"]
    run = agent.call("backup", "-F", agent.source, *words, *more)
    assert run.code == 0, run.err
    found = [one for one in raw.list_object_versions(Bucket=bucket)["Versions"] if ".freezer-s3-" not in one["Key"]]
    assert len(found) == 3
    for one in found:
        retention = raw.get_object_retention(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])["Retention"]
        assert retention["Mode"] == mode.upper()
        with pytest.raises(ClientError, match="AccessDenied"):
            raw.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    assert agent.call("restore", "--restore-abs-path", tmp_path / "out", *words).code == 0
    run = agent.call("check-storage", *words[:4], "--s3-lock-days", 1)
    assert run.code == 0, run.err
    assert "object lock: yes" in run.out


@on_ceph
def test_a_bucket_whose_own_default_locks_everything_takes_backups(agent, raw, words):
    bucket = words[3]
    raw.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    raw.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    (agent.source / "random").write_bytes(secrets.token_bytes(12_000_000))
    run = agent.call("backup", "-F", agent.source, *words, "--max-segment-size", "5M")
    assert run.code == 0, run.err
    assert agent.call("check", "--read-data", *words).code == 0
