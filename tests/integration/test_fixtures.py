"""Containers that the original wrote come back as the source was, at every level and every date."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from freezer.clock import utc_text
from support import CONTAINERS
from support.manifest import compare, load_manifest, make_manifest

IS_ROOT = os.geteuid() == 0
WRITTEN_BY_TAR = (
    "tar-gzip-none",
    "tar-gzip-enc",
    "tar-xz-none",
    "legacy200-tar-gzip-none",
    "s3-tar-gzip-none",
    "swift-tar-gzip-none",
)
# copied to a directory as they are: one of S3 with a prefix, one of Swift with its data in segments
PLACES = {"s3-tar-gzip-none": "store/bkt-none/some/prefix", "swift-tar-gzip-none": "store/freezer_none"}
# the original never stores extended attributes, and tells times in whole seconds
LOST = {"alloc", "xattrs"} | (set() if IS_ROOT else {"uid", "gid"})


def _store(folder: Path) -> Path:
    return folder / PLACES.get(folder.name.removeprefix("upstream-"), "store")


def _words(folder: Path, tmp_path: Path) -> list[object]:
    words: list[object] = ["--storage", "local", "-C", _store(folder), "-N", "fixture", "--hostname", "fixturehost"]
    if (folder / "pass.txt").exists():
        key = tmp_path / "pass"
        shutil.copyfile(folder / "pass.txt", key)
        key.chmod(0o600)
        words += ["--encrypt-pass-file", key]
    return words


def _times(folder: Path) -> list[int]:
    """The time of each level, level 0 first."""
    current = {path.name for path in _store(folder).glob("metadata/tar/*/*/*")}
    legacy = {path.name for path in _store(folder).glob("fixturehost_fixture/*/fixturehost_fixture_*")}
    found = {int(level): int(time) for level, time in (name.split("_") for name in current)}
    for name in legacy:
        if match := re.search(r"_(\d+)_(\d+)$", name):
            found[int(match[2])] = int(match[1])
    return [found[level] for level in sorted(found)]


def _differences(folder: Path, level: int, target: Path) -> list[str]:
    expected = load_manifest(folder / f"source-level{level}.json")
    # tar does not store sockets
    wanted = {path: entry for path, entry in expected.items() if entry["type"] != "socket"}
    return compare(wanted, make_manifest(target), ignore=LOST, whole_seconds=True)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("name", WRITTEN_BY_TAR)
def test_every_level_comes_back_as_the_source_was(agent, tmp_path, name, level):
    folder, target = CONTAINERS / f"upstream-{name}", tmp_path / "out"
    run = agent.call("restore", "--restore-abs-path", target, "--restore-level", level, *_words(folder, tmp_path))
    assert run.code == 0, run.err
    assert _differences(folder, level, target) == []


@pytest.mark.parametrize("name", WRITTEN_BY_TAR)
def test_a_date_brings_back_the_newest_level_that_is_not_younger(agent, tmp_path, name):
    folder = CONTAINERS / f"upstream-{name}"
    words, times = _words(folder, tmp_path), _times(folder)
    assert len(times) == 3
    moments = [(times[0], 0), (times[1] - 1, 0), (times[1], 1), (times[2] - 1, 1), (times[2], 2), (times[2] + 9, 2)]
    for number, (moment, level) in enumerate(moments):
        target = tmp_path / f"out{number}"
        run = agent.call("restore", "--restore-abs-path", target, "--restore-from-date", utc_text(moment), *words)
        assert run.code == 0, run.err
        assert _differences(folder, level, target) == [], f"as of {moment}"


@pytest.mark.parametrize("name", WRITTEN_BY_TAR)
def test_a_date_before_the_first_backup_names_the_oldest(agent, tmp_path, name):
    folder = CONTAINERS / f"upstream-{name}"
    first = _times(folder)[0]
    words = ["--restore-abs-path", tmp_path / "out", "--restore-from-date", utc_text(first - 1)]
    run = agent.call("restore", *words, *_words(folder, tmp_path))
    assert run.code == 1
    assert utc_text(first) in run.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", WRITTEN_BY_TAR)
def test_every_byte_of_the_original_s_containers_passes_the_check(agent, tmp_path, name):
    run = agent.call("check", "--read-data", "--json", *_words(CONTAINERS / f"upstream-{name}", tmp_path))
    assert run.code == 0, run.err
    assert run.json["checked"] == 3
    assert run.json["problems"] == []


def test_an_encrypted_container_without_a_passphrase_is_one_clear_line(agent, tmp_path):
    folder = CONTAINERS / "upstream-tar-gzip-enc"
    words = ["--storage", "local", "-C", folder / "store", "-N", "fixture", "--hostname", "fixturehost"]
    run = agent.call("restore", "--restore-abs-path", tmp_path / "out", *words)
    assert run.code == 1
    assert "is encrypted and there is no passphrase" in run.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["tar-gzip-none", "tar-gzip-enc", "tar-xz-none"])
def test_a_chain_that_the_original_began_is_continued(agent, tmp_path, name):
    folder = CONTAINERS / f"upstream-{name}"
    words = _words(folder, tmp_path)
    shutil.copytree(folder / "store", tmp_path / "copy")
    words[words.index(folder / "store")] = tmp_path / "copy"
    source, target = tmp_path / "again", tmp_path / "out"
    assert agent.call("restore", "--restore-abs-path", source, *words).code == 0
    (source / "brand-new").write_text("new")
    run = agent.call("backup", "-F", source, "--incremental", "--json", *words)
    assert run.code == 0, run.err
    assert run.json["level"] == 3
    assert agent.call("restore", "--restore-abs-path", target, *words).code == 0
    assert compare(make_manifest(source), make_manifest(target), ignore={"alloc"}) == []
