"""Backups in a real Swift, behind a real Keystone."""

from __future__ import annotations

import json
import os
import random
import secrets
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from servers import keystone
from servers.raw import RawSwift, variables
from servers.session import openstack
from support import CONTAINERS, trees
from support.manifest import Manifest, compare, load_manifest, make_manifest
from support.on_server import each_of_two_is_kept_or_says_so

LOST = {"alloc", "xattrs"} | (set() if os.geteuid() == 0 else {"uid", "gid"})


@dataclass(frozen=True)
class Cloud:
    """The servers, a container's name that nobody else has, and the words that lead to it."""

    about: dict[str, Any]
    raw: RawSwift
    container: str

    def words(self, *more: object) -> list[object]:
        return ["--storage", "swift", "-C", self.container, "-N", "web", "--hostname", "h", *more]

    def segments(self) -> list[str]:
        return [name for name in self.raw.objects(self.container) if "/segments" in name]


@pytest.fixture(scope="session")
def servers() -> dict[str, Any]:
    return openstack()


@pytest.fixture
def cloud(servers, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    become(monkeypatch, variables(servers))
    return Cloud(servers, RawSwift(servers), f"test-{secrets.token_hex(6)}")


def become(monkeypatch: pytest.MonkeyPatch, wanted: dict[str, str]) -> None:
    """Have just these ``OS_…`` variables."""
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)


def make_levels(agent, cloud: Cloud, source: Path, *words: object) -> list[Manifest]:
    """Three levels of a rich tree; what was there each time."""
    levels = []
    trees.make_tree(source, 1)
    for level in range(3):
        if level:
            trees.edit_tree(source, level + 1)
            time.sleep(1.01)
        run = agent.call("backup", "-F", source, "--incremental", "--json", *cloud.words(*words))
        assert run.code == 0, run.err
        assert run.json["level"] == level
        levels.append(make_manifest(source))
    return levels


@pytest.mark.parametrize("segment", ["32M", "16K"])
def test_every_level_of_a_chain_comes_back_as_it_was(agent, cloud, tmp_path, segment):
    levels = make_levels(agent, cloud, tmp_path / "tree", "--max-segment-size", segment)
    for number, wanted in enumerate(levels):
        target = tmp_path / f"out{number}"
        run = agent.call("restore", *cloud.words("--restore-abs-path", target, "--restore-level", number))
        assert run.code == 0, run.err
        assert compare(wanted, make_manifest(target), ignore={"alloc"}) == []
    assert agent.call("check", "--read-data", *cloud.words()).code == 0


def test_an_encrypted_backup_below_a_prefix_comes_back(agent, cloud, tmp_path, pass_file):
    cloud = replace(cloud, container=f"{cloud.container}/some/prefix")
    run = agent.call("backup", "-F", agent.source, *cloud.words("--encrypt-pass-file", pass_file))
    assert run.code == 0, run.err
    container = cloud.container.partition("/")[0]
    assert all(name.startswith("some/prefix/") for name in cloud.raw.objects(container))
    target = tmp_path / "out"
    run = agent.call("restore", *cloud.words("--restore-abs-path", target, "--encrypt-pass-file", pass_file))
    assert run.code == 0, run.err
    assert (target / "one").read_text() == "first"


def test_the_objects_are_those_that_the_original_would_write(agent, cloud, tmp_path):
    (agent.source / "random").write_bytes(secrets.token_bytes(100_000))
    assert agent.call("backup", "-F", agent.source, *cloud.words("--max-segment-size", "16K")).code == 0
    found = cloud.raw.objects(cloud.container)
    data = next(name for name in found if name.endswith("/data"))
    folder = data.removesuffix("/data")
    headers, whole = cloud.raw.ask("GET", f"{cloud.container}/{data}")
    assert found[data] == b""
    container, _, prefix = headers["X-Object-Manifest"].partition("/")
    assert container == cloud.container
    parts = sorted(name for name in found if name.startswith(prefix))
    assert parts == [f"{prefix}/{number:08d}" for number in range(len(parts))]
    assert {len(found[part]) for part in parts[:-1]} == {16384}
    assert b"".join(found[part] for part in parts) == whole
    metadata = f"metadata/{folder.removeprefix('data/')}/metadata"
    assert set(found) == {data, f"{folder}/engine_metadata", metadata, *parts}


def test_old_backups_are_removed_with_all_their_segments(agent, cloud):
    for _ in range(2):
        assert agent.call("backup", "-F", agent.source, *cloud.words()).code == 0
        time.sleep(1.01)
    assert len(cloud.segments()) == 2
    assert agent.call("admin", "--keep-last", 1, *cloud.words()).code == 0
    left = cloud.raw.objects(cloud.container)
    assert len([name for name in left if name.startswith("metadata/")]) == 1
    assert len(left) == 4


def test_info_lists_containers_and_objects(agent, cloud):
    assert agent.call("backup", "-F", agent.source, *cloud.words()).code == 0
    containers = agent.call("info", "--json", "--storage", "swift").json
    assert cloud.container in [row["container"] for row in containers]
    objects = agent.call("info", "--json", "-l", "--storage", "swift", "-C", cloud.container).json
    assert sorted(row["name"].rpartition("/")[2] for row in objects) == ["data", "engine_metadata", "metadata"]
    assert all(row["size"] > 0 for row in objects)


@pytest.mark.slow
def test_an_agent_that_is_killed_at_any_instant_leaves_nothing_that_hinders_the_next(
    agent, cloud, tmp_path, process, trials, chance, counted
):
    """100 kills with ``-m slow``, three otherwise; in a container each, so that chains do not get too long."""
    for turn in range(trials(1, 10)):
        fresh = replace(cloud, container=f"{cloud.container}-{turn}")
        kill_at_random_instants(agent, fresh, process, trials(3, 10), chance, counted)
        for row in agent.call("list", "--json", *fresh.words()).json:
            target = tmp_path / f"out{turn}-{row['level']}"
            words = ["--restore-abs-path", target, "--restore-backup-id", row["id"]]
            run = agent.call("restore", *fresh.words(*words))
            assert run.code == 0, run.err
            assert (target / "random").stat().st_size == 2_000_000
        assert agent.call("check", "--read-data", *fresh.words()).code == 0


def kill_at_random_instants(
    agent, cloud: Cloud, process, kills: int, chance: random.Random, counted: Counter[str]
) -> None:
    """Kill so many backups, each followed by one that needs no help and comes back as it was."""
    words = ["backup", "-F", agent.source, "--incremental", *cloud.words("--max-segment-size", "64K")]
    for _ in range(kills):
        (agent.source / "random").write_bytes(chance.randbytes(2_000_000))
        before = len(cloud.raw.objects(cloud.container)) if cloud.raw.has(cloud.container) else 0
        child = process(*words)
        with suppress(subprocess.TimeoutExpired):
            child.wait(chance.uniform(0.4, 2.5))
        counted["ended before"] += child.poll() is not None
        child.kill()
        child.wait()
        counted["killed"] += 1
        if cloud.raw.has(cloud.container):
            counted["after some object was stored"] += len(cloud.raw.objects(cloud.container)) > before
        run = agent.call(*words)
        assert run.code == 0, run.err
        target = Path(tempfile.mkdtemp(dir=agent.folder)) / "out"
        run = agent.call("restore", "--restore-abs-path", target, *cloud.words())
        assert run.code == 0, run.err
        assert (target / "random").read_bytes() == (agent.source / "random").read_bytes()


def test_of_two_agents_at_once_each_has_its_backup_or_says_that_it_has_not(agent, cloud, tmp_path, process):
    for _ in range(2):
        fresh = replace(cloud, container=f"test-{secrets.token_hex(6)}")
        each_of_two_is_kept_or_says_so(agent.call, process, fresh.words(), tmp_path)


def load_fixture(cloud: Cloud, folder: Path) -> None:
    """Put a container that the original wrote into Swift, headers and all."""
    cloud.raw.make(cloud.container)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.name.endswith(".headers.json"):
            continue
        stored = path.with_name(path.name + ".headers.json")
        headers = json.loads(stored.read_text()) if stored.exists() else {}
        # the manifests name the container that the fixture was made in
        headers = {name: value.replace(folder.name, cloud.container, 1) for name, value in headers.items()}
        cloud.raw.ask("PUT", f"{cloud.container}/{path.relative_to(folder)}", path.read_bytes(), headers)


def test_a_container_of_the_original_comes_back_at_every_level_and_can_be_continued(agent, cloud, tmp_path):
    folder = CONTAINERS / "upstream-swift-tar-gzip-none"
    load_fixture(cloud, folder / "store" / "freezer_none")
    words = ["--storage", "swift", "-C", cloud.container, "-N", "fixture", "--hostname", "fixturehost"]
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


def test_a_missing_segment_of_the_original_is_damage_and_not_a_short_backup(agent, cloud, tmp_path):
    folder = CONTAINERS / "upstream-swift-tar-gzip-none"
    load_fixture(cloud, folder / "store" / "freezer_none")
    middle = next(name for name in cloud.segments() if "/0_" in name and name.endswith("00000001"))
    cloud.raw.ask("DELETE", f"{cloud.container}/{middle}")
    words = ["--storage", "swift", "-C", cloud.container, "-N", "fixture", "--hostname", "fixturehost"]
    run = agent.call("restore", "--restore-abs-path", tmp_path / "out", "--restore-level", 0, *words)
    assert run.code == 1
    assert "segment 00000001 is missing" in run.error


def test_a_missing_last_segment_of_ours_is_noticed(agent, cloud, tmp_path):
    (agent.source / "random").write_bytes(secrets.token_bytes(100_000))
    assert agent.call("backup", "-F", agent.source, *cloud.words("--max-segment-size", "16K")).code == 0
    cloud.raw.ask("DELETE", f"{cloud.container}/{max(cloud.segments())}")
    run = agent.call("restore", "--restore-abs-path", tmp_path / "out", *cloud.words())
    assert run.code == 1
    run = agent.call("check", "--read-data", *cloud.words())
    assert run.code == 1


def test_the_prefix_of_old_releases_is_tried_when_reading_and_the_output_says_so(agent, cloud, tmp_path):
    old = replace(cloud, container=f"freezer_{cloud.container}")
    assert agent.call("backup", "-F", agent.source, *old.words()).code == 0
    run = agent.call("restore", "--restore-abs-path", tmp_path / "out", *cloud.words())
    assert run.code == 0, run.err
    assert f"there is no container {cloud.container}; freezer_{cloud.container} is used" in run.err
    assert not cloud.raw.has(cloud.container)
    assert agent.call("backup", "-F", agent.source, *cloud.words()).code == 0
    assert cloud.raw.has(cloud.container)


def test_a_section_names_its_cloud_in_an_osrc_file(agent, cloud, tmp_path, monkeypatch):
    become(monkeypatch, {"OS_AUTH_URL": "http://127.0.0.1:1/v3", "OS_USERNAME": "somebody", "OS_TOKEN": "x"})
    lines = [f"export {name}='{value}'" for name, value in variables(cloud.about).items()]
    (tmp_path / "openrc").write_text("# mine\nunset OS_TOKEN\n" + "\n".join(lines) + "\n")
    job = tmp_path / "job.ini"
    job.write_text(
        f"[default]\naction = backup\nbackup_name = web\nhostname = h\npath_to_backup = {agent.source}\n"
        f"[storage:cloud]\nstorage = swift\ncontainer = {cloud.container}\nosrc = {tmp_path / 'openrc'}\n"
    )
    run = agent.call("--config", job)
    assert run.code == 0, run.err
    assert cloud.segments()


def test_clouds_yaml_an_application_credential_and_a_trust_are_ways_in(agent, cloud, tmp_path, monkeypatch):
    me = cloud.raw.about
    demo = keystone.Admin.__new__(keystone.Admin)
    demo.url, demo._token = cloud.about["auth_url"], cloud.raw.token
    credential = demo.ask(
        "POST", f"/users/{me['user']['id']}/application_credentials",
        {"application_credential": {"name": secrets.token_hex(4)}},
    )["application_credential"]  # fmt: skip
    admin = keystone.Admin(cloud.about["auth_url"])
    trust = demo.ask("POST", "/OS-TRUST/trusts", {"trust": {
        "trustor_user_id": me["user"]["id"], "trustee_user_id": admin.find("user", "other"), "impersonation": True,
        "project_id": me["project"]["id"], "roles": [{"name": "member"}],
    }})["trust"]  # fmt: skip
    yaml = tmp_path / "clouds.yaml"
    yaml.write_text(
        "clouds:\n  mine:\n    region_name: RegionOne\n    auth:\n"
        f"      auth_url: {cloud.about['auth_url']}\n      username: demo\n      project_name: demo\n"
        "      user_domain_name: Default\n      project_domain_name: Default\n"
    )
    (tmp_path / "secure.yaml").write_text("clouds:\n  mine:\n    auth:\n      password: demo\n")
    url = {"OS_AUTH_URL": cloud.about["auth_url"], "OS_REGION_NAME": "RegionOne"}
    ways = {
        "clouds.yaml": ({"OS_CLOUD": "mine", "OS_CLIENT_CONFIG_FILE": str(yaml)}, []),
        "application credential": (url | {
            "OS_AUTH_TYPE": "v3applicationcredential", "OS_APPLICATION_CREDENTIAL_ID": credential["id"],
            "OS_APPLICATION_CREDENTIAL_SECRET": credential["secret"],
        }, []),
        "trust": (url | {"OS_USERNAME": "other", "OS_PASSWORD": "other"}, ["--os-trust-id", trust["id"]]),
        "old names": (url | {"OS_USERNAME": "demo", "OS_PASSWORD": "demo", "OS_TENANT_NAME": "demo"}, []),
        "token": (url | {"OS_TOKEN": cloud.raw.token, "OS_PROJECT_NAME": "demo"}, []),
    }  # fmt: skip
    for number, (way, (wanted, words)) in enumerate(ways.items()):
        become(monkeypatch, wanted)
        run = agent.call("backup", "-F", agent.source, *cloud.words("-N", f"name{number}", *words))
        assert run.code == 0, f"{way}: {run.err}"
    become(monkeypatch, variables(cloud.about))
    listed = agent.call("list", "--json", "--storage", "swift", "-C", cloud.container).json
    assert len(listed) == len(ways)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"OS_PASSWORD": "wrong"}, ["refuses user demo", "OS_PASSWORD"]),
        ({"OS_USERNAME": "nobodyatall"}, ["refuses user nobodyatall", "OS_USERNAME"]),
        ({"OS_PROJECT_NAME": "elsewhere"}, ["no project elsewhere", "OS_PROJECT_NAME"]),
        ({"OS_REGION_NAME": "Mars"}, ["no Swift for region Mars", "RegionOne, public", "OS_REGION_NAME"]),
        ({"OS_REGION_NAME": "RegionInside"}, ["interface public", "RegionInside, internal", "OS_INTERFACE"]),
        ({"OS_INTERFACE": "nearby"}, ["OS_INTERFACE nearby", "public, internal and admin"]),
        ({"OS_AUTH_URL": "127.0.0.1"}, ["OS_AUTH_URL 127.0.0.1", "http"]),
        ({"OS_AUTH_URL": "http://nowhere.invalid/v3"}, ["nowhere.invalid", "nobody knows this host", "OS_AUTH_URL"]),
        ({"OS_AUTH_URL": "http://127.0.0.1:5000/v2.0"}, ["identity v2", "http://127.0.0.1:5000/v3"]),
        ({"OS_CACERT": "/no/such.pem"}, ["OS_CACERT /no/such.pem"]),
        ({"OS_CLOUD": "x", "OS_CLIENT_CONFIG_FILE": "/no/clouds.yaml"}, ["/no/clouds.yaml"]),
        ({"OS_AUTH_TYPE": "v3kerberos"}, ["v3kerberos", "v3applicationcredential"]),
        ({"OS_TOKEN": "x", "OS_PASSWORD": ""}, ["refuses the token", "OS_TOKEN"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_credentials_is_said_in_one_line(agent, cloud, monkeypatch, changed, words):
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    run = agent.call("list", *cloud.words())
    assert run.code in (1, 2)
    assert run.error
    for word in words:
        assert word in run.err
    assert "demo\n" not in run.err.replace("user demo", "")


def test_an_auth_url_that_is_no_keystone_is_said(agent, cloud, monkeypatch):
    monkeypatch.setenv("OS_AUTH_URL", cloud.about["swift"])
    run = agent.call("list", *cloud.words())
    assert run.code == 1
    assert "does not answer as a Keystone does" in run.error
    assert "OS_AUTH_URL" in run.err


def test_who_does_not_ask_for_swift_is_shown_the_way_out(agent, monkeypatch):
    become(monkeypatch, {})
    run = agent.call("backup", "-F", agent.source, "-C", agent.container)
    assert run.code == 2
    assert "--storage is not given, and its default is swift: OS_AUTH_URL is missing in the environment" in run.error
    assert "pass --storage local" in run.err


def test_missing_credentials_are_named(agent, cloud, monkeypatch):
    monkeypatch.delenv("OS_AUTH_URL")
    assert "OS_AUTH_URL is missing" in agent.call("list", *cloud.words()).error
    monkeypatch.setenv("OS_AUTH_URL", cloud.about["auth_url"])
    monkeypatch.delenv("OS_PROJECT_NAME")
    assert "OS_PROJECT_NAME or OS_PROJECT_ID is missing" in agent.call("list", *cloud.words()).error


@pytest.mark.parametrize("user", ["reader", "nobody"])
def test_who_may_not_write_is_told_so(agent, cloud, monkeypatch, user):
    become(monkeypatch, variables(cloud.about, user))
    run = agent.call("backup", "-F", agent.source, *cloud.words())
    assert run.code == 1
    assert "Swift does not permit it" in run.error
    assert "role member" in run.err
    assert not cloud.raw.has(cloud.container)


def test_a_reader_can_restore(agent, cloud, monkeypatch, tmp_path):
    assert agent.call("backup", "-F", agent.source, *cloud.words()).code == 0
    become(monkeypatch, variables(cloud.about, "reader"))
    run = agent.call("restore", "--restore-abs-path", tmp_path / "out", *cloud.words())
    assert run.code == 0, run.err


def test_a_full_quota_is_said_and_nothing_stays_behind(agent, cloud):
    cloud.raw.make(cloud.container, X_Container_Meta_Quota_Bytes="50000")
    (agent.source / "random").write_bytes(secrets.token_bytes(3_000_000))
    run = agent.call("backup", "-F", agent.source, *cloud.words("--max-segment-size", "1M"))
    assert run.code == 1
    assert "no room" in run.error
    assert "quota" in run.err
    assert cloud.raw.objects(cloud.container) == {}


def test_certificates_are_checked_unless_told_otherwise(agent, cloud, monkeypatch):
    secure = {"OS_AUTH_URL": cloud.about["auth_url_tls"], "OS_REGION_NAME": "RegionTLS"}
    become(monkeypatch, variables(cloud.about) | secure)
    run = agent.call("backup", "-F", agent.source, *cloud.words())
    assert run.code == 1
    assert "its certificate is not trusted" in run.error
    assert "OS_CACERT" in run.err
    assert not cloud.raw.has(cloud.container)
    monkeypatch.setenv("OS_CACERT", cloud.about["ca"])
    assert agent.call("backup", "-F", agent.source, *cloud.words("-N", "trusted")).code == 0
    # Keystone without TLS, Swift with an unknown certificate
    become(monkeypatch, variables(cloud.about) | {"OS_REGION_NAME": "RegionTLS"})
    run = agent.call("backup", "-F", agent.source, *cloud.words())
    assert run.code == 1
    assert "Swift at https://" in run.error
    run = agent.call("backup", "-F", agent.source, *cloud.words("--insecure"))
    assert run.code == 0, run.err


def test_a_certificate_for_another_name_is_refused(agent, cloud, monkeypatch):
    other = cloud.about["auth_url_tls"].replace("127.0.0.1", "localhost")
    become(monkeypatch, variables(cloud.about) | {"OS_AUTH_URL": other, "OS_CACERT": cloud.about["ca"]})
    run = agent.call("list", *cloud.words())
    assert run.code == 1
    assert "its certificate is not trusted" in run.error


def test_the_internal_interface_is_used_if_asked_for(agent, cloud, monkeypatch):
    inside = {"OS_REGION_NAME": "RegionInside", "OS_ENDPOINT_TYPE": "internalURL"}
    become(monkeypatch, variables(cloud.about) | inside)
    assert agent.call("backup", "-F", agent.source, *cloud.words()).code == 0


@pytest.mark.parametrize("container", ["", "/x", "x//y", "x/"])
def test_a_container_that_cannot_be_is_refused(agent, cloud, container):
    run = agent.call("list", "--storage", "swift", "-C", container)
    assert run.code in (1, 2)
    assert "container" in run.error
