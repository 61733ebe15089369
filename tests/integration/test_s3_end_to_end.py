"""Backups in a real S3: Swift's interface, or with ``make test-rgw`` Ceph's gateway."""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import urllib3

from freezer.clock import SystemClock
from freezer.storage.s3 import S3Storage
from freezer.storage.s3.address import locate
from freezer.storage.s3.signing import Request, sign
from servers.s3 import ON_CEPH, Service, keys_of, service, unfinished, without_aws
from support import CONTAINERS, trees
from support.manifest import Manifest, compare, load_manifest, make_manifest
from support.on_server import each_of_two_is_kept_or_says_so

LOST = {"alloc", "xattrs"} | (set() if os.geteuid() == 0 else {"uid", "gid"})
CLOCK = SystemClock()


@dataclass(frozen=True)
class Bucket:
    """The service, a bucket's name that nobody else has, and the words that lead to it."""

    service: Service
    raw: Any
    name: str

    def words(self, *more: object) -> list[object]:
        return ["--storage", "s3", "-C", self.name, "-N", "web", "--hostname", "h", *more]

    def keys(self) -> dict[str, int]:
        bucket, _, prefix = self.name.partition("/")
        found = keys_of(self.raw, bucket, prefix)
        return {key: size for key, size in found.items() if "/.freezer-s3-" not in f"/{key}"}

    def exists(self) -> bool:
        return self.name.partition("/")[0] in [one["Name"] for one in self.raw.list_buckets()["Buckets"]]


@pytest.fixture(scope="session")
def services() -> tuple[Service, Any]:
    found = service()
    return found, found.raw()


@pytest.fixture
def bucket(services, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    become(monkeypatch, services[0].variables())
    return Bucket(*services, f"test-{secrets.token_hex(6)}")


def become(monkeypatch: pytest.MonkeyPatch, wanted: dict[str, str]) -> None:
    """Have just these variables that S3 looks at."""
    for name in without_aws(os.environ):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)


def make_levels(agent, bucket: Bucket, source: Path, *words: object) -> list[Manifest]:
    """Three levels of a rich tree; what was there each time."""
    levels = []
    trees.make_tree(source, 1)
    for level in range(3):
        if level:
            trees.edit_tree(source, level + 1)
            time.sleep(1.01)
        run = agent.call("backup", "-F", source, "--incremental", "--json", *bucket.words(*words))
        assert run.code == 0, run.err
        assert run.json["level"] == level
        levels.append(make_manifest(source))
    return levels


@pytest.mark.parametrize("sealed", [False, True], ids=["gzip", "encrypted"])
def test_every_level_of_a_chain_comes_back_as_it_was(agent, bucket, tmp_path, pass_file, sealed):
    words = ["--encrypt-pass-file", pass_file] if sealed else []
    bucket = replace(bucket, name=f"{bucket.name}/some/prefix")
    levels = make_levels(agent, bucket, tmp_path / "tree", *words)
    for number, wanted in enumerate(levels):
        target = tmp_path / f"out{number}"
        more = ["--restore-abs-path", target, "--restore-level", number, *words]
        run = agent.call("restore", *bucket.words(*more))
        assert run.code == 0, run.err
        assert compare(wanted, make_manifest(target), ignore={"alloc"}) == []
    assert agent.call("check", "--read-data", *bucket.words(*words)).code == 0
    rows = agent.call("list", "--json", *bucket.words()).json
    assert sorted(row["level"] for row in rows) == [0, 1, 2]


def test_the_objects_are_those_that_the_original_would_write(agent, bucket):
    (agent.source / "random").write_bytes(secrets.token_bytes(12_000_000))
    assert agent.call("backup", "-F", agent.source, *bucket.words("--max-segment-size", "6M")).code == 0
    found = bucket.keys()
    data = next(key for key in found if key.endswith("/data"))
    folder = data.removeprefix("data/").removesuffix("/data")
    assert set(found) == {data, f"data/{folder}/engine_metadata", f"metadata/{folder}/metadata"}
    stored = bucket.raw.get_object(Bucket=bucket.name, Key=data)
    assert stored["ETag"].strip('"').endswith("-2")
    assert unfinished(bucket.raw, bucket.name) == []


def test_old_backups_are_removed_and_unfinished_uploads_once_they_are_old(agent, bucket):
    for _ in range(2):
        assert agent.call("backup", "-F", agent.source, *bucket.words()).code == 0
        time.sleep(1.01)
    left = bucket.raw.create_multipart_upload(Bucket=bucket.name, Key="data/tar/h_web/1/0_1/data")["UploadId"]
    bucket.raw.upload_part(
        Bucket=bucket.name, Key="data/tar/h_web/1/0_1/data", UploadId=left, PartNumber=1, Body=b"dead"
    )
    assert agent.call("admin", "--keep-last", 1, *bucket.words()).code == 0
    assert len(bucket.keys()) == 3
    assert unfinished(bucket.raw, bucket.name) == ["data/tar/h_web/1/0_1/data"]
    storage = S3Storage(bucket.service.access(), bucket.name, clock=CLOCK)
    swept = storage.sweep(CLOCK.now() + 1000)
    assert "data/tar/h_web/1/0_1/data (unfinished upload)" in swept
    assert unfinished(bucket.raw, bucket.name) == []


def test_info_sums_buckets_up_and_lists_objects(agent, bucket):
    assert agent.call("backup", "-F", agent.source, *bucket.words()).code == 0
    row = next(row for row in agent.call("info", "--json", "--storage", "s3").json if row["container"] == bucket.name)
    assert (row["objects"], row["size"]) == (3, sum(bucket.keys().values()))
    objects = agent.call("info", "--json", "-l", "--storage", "s3", "-C", bucket.name).json
    assert {row["name"]: row["size"] for row in objects} == bucket.keys()


def test_check_storage_says_what_the_bucket_can_do(agent, bucket):
    bucket.raw.create_bucket(Bucket=bucket.name)
    run = agent.call("check-storage", "--storage", "s3", "-C", bucket.name)
    assert run.code == 0, run.err
    assert f"one winner of several writers: {'yes' if ON_CEPH else 'no'}" in run.out
    assert bucket.keys() == {}


def test_a_container_of_the_original_comes_back_at_every_level_and_can_be_continued(agent, bucket, tmp_path):
    folder = CONTAINERS / "upstream-s3-tar-gzip-none"
    bucket.raw.create_bucket(Bucket=bucket.name)
    for path in sorted(path for path in (folder / "store/bkt-none").rglob("*") if path.is_file()):
        key = str(path.relative_to(folder / "store/bkt-none"))
        bucket.raw.put_object(Bucket=bucket.name, Key=key, Body=path.read_bytes())
    words = ["--storage", "s3", "-C", f"{bucket.name}/some/prefix", "-N", "fixture", "--hostname", "fixturehost"]
    for level in range(3):
        target = tmp_path / f"out{level}"
        run = agent.call("restore", "--restore-abs-path", target, "--restore-level", level, *words)
        assert run.code == 0, run.err
        wanted = {
            path: entry
            for path, entry in load_manifest(folder / f"source-level{level}.json").items()
            if entry["type"] != "socket"
        }
        assert compare(wanted, make_manifest(target), ignore=LOST, whole_seconds=True) == []
    run = agent.call("backup", "-F", tmp_path / "out2", "--incremental", "--json", *words)
    assert run.code == 0, run.err
    assert run.json["level"] == 3
    assert agent.call("check", "--read-data", *words).code == 0


@pytest.mark.slow
def test_an_agent_that_is_killed_at_any_instant_leaves_nothing_that_hinders_the_next(
    agent, bucket, tmp_path, process, trials, chance, counted
):
    for turn in range(trials(1, 10)):  # a bucket each, so that chains do not get too long
        fresh = replace(bucket, name=f"{bucket.name}-{turn}")
        kill_at_random_instants(agent, fresh, process, trials(8, 10), chance, counted)
        run = agent.call("restore", *fresh.words("--restore-abs-path", tmp_path / f"out{turn}"))
        assert run.code == 0, run.err
        assert (tmp_path / f"out{turn}" / "random").read_bytes() == (agent.source / "random").read_bytes()
        assert agent.call("check", "--read-data", *fresh.words()).code == 0
        S3Storage(fresh.service.access(), fresh.name, clock=CLOCK).sweep(CLOCK.now() + 1000)
        assert unfinished(fresh.raw, fresh.name) == []
        assert agent.call("check", "--read-data", *fresh.words()).code == 0


def kill_at_random_instants(
    agent, bucket: Bucket, process, kills: int, chance: random.Random, counted: Counter[str]
) -> None:
    """Kill so many backups, each followed by one that needs no help."""
    words = ["backup", "-F", agent.source, "--incremental", *bucket.words("--max-segment-size", "5M")]
    for _ in range(kills):
        (agent.source / "random").write_bytes(chance.randbytes(12_000_000))
        before = len(bucket.keys()) if bucket.exists() else 0
        child = process(*words)
        with suppress(subprocess.TimeoutExpired):
            child.wait(chance.uniform(0.15, 1.5))
        counted["ended before"] += child.poll() is not None
        child.kill()
        child.wait()
        counted["killed"] += 1
        if bucket.exists():
            counted["while an upload was unfinished"] += bool(unfinished(bucket.raw, bucket.name))
            counted["after some object was stored"] += len(bucket.keys()) > before
        run = agent.call(*words)
        assert run.code == 0, run.err


def test_of_two_agents_at_once_each_has_its_backup_or_says_that_it_has_not(agent, bucket, tmp_path, process):
    for _ in range(2):
        fresh = replace(bucket, name=f"test-{secrets.token_hex(6)}")
        each_of_two_is_kept_or_says_so(agent.call, process, fresh.words(), tmp_path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, ["the secret key is wrong", "--secret-key"]),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, ["access key", "--access-key"]),
        ({"AWS_ENDPOINT_URL": "http://nowhere.invalid"}, ["nobody knows this host", "--endpoint"]),
        ({"AWS_ENDPOINT_URL": "127.0.0.1:9000"}, ["--endpoint 127.0.0.1:9000", "https://"]),
        ({"AWS_SECRET_ACCESS_KEY": ""}, ["AWS_SECRET_ACCESS_KEY is missing"]),
        ({"AWS_CA_BUNDLE": "/no/such.pem"}, ["AWS_CA_BUNDLE /no/such.pem"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_keys_or_endpoint_is_said_in_one_line(agent, bucket, monkeypatch, changed, words):
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    secret = bucket.service.secret_key
    run = agent.call("backup", "-F", agent.source, *bucket.words())
    assert run.code in (1, 2)
    assert run.error
    for word in words:
        assert word in run.err
    assert secret not in run.err


def test_missing_keys_are_named_with_the_ways_to_give_them(agent, bucket, monkeypatch):
    become(monkeypatch, {"AWS_ENDPOINT_URL": bucket.service.endpoint, "AWS_EC2_METADATA_DISABLED": "true"})
    run = agent.call("list", *bucket.words())
    assert run.code == 2
    assert "there are no S3 keys" in run.error
    assert "AWS_ACCESS_KEY_ID" in run.err


def test_the_variables_and_options_of_the_original_lead_there_too(agent, bucket, monkeypatch):
    there = bucket.service
    become(monkeypatch, {"ACCESS_KEY": there.access_key, "SECRET_KEY": there.secret_key, "ENDPOINT": there.endpoint})
    assert agent.call("backup", "-F", agent.source, *bucket.words()).code == 0
    become(monkeypatch, {})
    words = ["--access-key", there.access_key, "--secret-key", there.secret_key, "--endpoint", there.endpoint]
    run = agent.call("list", "--json", *bucket.words(*words))
    assert run.code == 0, run.err
    assert len(run.json) == 1
    assert "--secret-key on a command line can be read by everybody" in run.err
    assert there.secret_key not in run.err


def test_a_region_that_the_service_has_not_is_told_with_the_one_that_it_has(agent, bucket):
    run = agent.call("backup", "-F", agent.source, *bucket.words("--s3-region", "mars"))
    if ON_CEPH:
        assert run.code == 0, run.err  # it takes any
        return
    assert run.code == 1
    assert "S3 wants the region RegionOne" in run.error
    assert "--s3-region RegionOne" in run.err


def test_a_name_that_no_bucket_can_have_is_told(agent, bucket):
    run = agent.call("backup", "-F", agent.source, *replace(bucket, name="Ab").words())
    assert run.code == 1
    assert "name of a bucket" in run.error


def test_who_may_not_use_the_bucket_is_told_so(agent, bucket, monkeypatch):
    assert agent.call("backup", "-F", agent.source, *bucket.words()).code == 0
    become(monkeypatch, service("other").variables())
    run = agent.call("list", *bucket.words())
    assert run.code == 1
    # Swift's accounts are apart: it does not tell that somebody else has such a bucket.
    assert "S3 does not permit it" in run.error or "there is no" in run.error


def test_a_full_quota_is_said_and_nothing_stays_behind(agent, bucket):
    if ON_CEPH:
        pytest.skip("machine limit: needs the gateway's administrator")
    from servers.raw import RawSwift
    from servers.session import openstack

    RawSwift(openstack()).make(bucket.name, X_Container_Meta_Quota_Bytes="50000")
    (agent.source / "random").write_bytes(secrets.token_bytes(3_000_000))
    run = agent.call("backup", "-F", agent.source, *bucket.words())
    assert run.code == 1
    assert "no room" in run.error
    assert "quota" in run.err
    assert bucket.keys() == {}


def test_certificates_are_checked_unless_told_otherwise(agent, bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.service.endpoint_tls)
    run = agent.call("backup", "-F", agent.source, *bucket.words())
    assert run.code == 1
    assert "its certificate is not trusted" in run.error
    assert "AWS_CA_BUNDLE" in run.err
    assert not bucket.exists()
    monkeypatch.setenv("AWS_CA_BUNDLE", bucket.service.ca)
    assert agent.call("backup", "-F", agent.source, *bucket.words("-N", "trusted")).code == 0
    monkeypatch.delenv("AWS_CA_BUNDLE")
    assert agent.call("backup", "-F", agent.source, *bucket.words("-N", "any", "--insecure")).code == 0
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.service.endpoint.replace("http:", "https:"))
    run = agent.call("list", *bucket.words())
    assert "its port speaks no TLS" in run.error


def test_a_body_that_changed_on_its_way_is_refused_by_the_service(bucket):
    """What the signature promises: the service compares the SHA-256 of what it gets."""
    storage = S3Storage(bucket.service.access(), bucket.name, clock=CLOCK)
    storage.prepare()
    access = bucket.service.access()
    place = locate(access, storage._wire.region, bucket.name)
    sent = Request("PUT", place.host, f"{place.path}a", {}, {}, b"what was sent")
    headers = sign(sent, access.keys(), storage._wire.region, CLOCK.now())
    answer = urllib3.PoolManager().request(
        "PUT", f"{place.scheme}://{place.host}{sent.path}", headers=headers, body=b"what has come", retries=False
    )
    assert answer.status == 400
    assert bucket.keys() == {}


def test_memory_stays_bounded_while_a_large_stream_goes_through(agent, bucket, process):
    size = 256 << 20
    with (agent.source / "large").open("wb") as file:
        for _ in range(size >> 20):
            file.write(secrets.token_bytes(1 << 20))
    child = process("backup", "-F", agent.source, *bucket.words())
    most = 0
    while child.poll() is None:
        with suppress(OSError):
            lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
            most = max([most, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))])
        time.sleep(0.02)
    assert child.returncode == 0
    assert sum(bucket.keys().values()) > size
    assert most < 200 << 10  # KiB
