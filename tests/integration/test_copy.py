"""Backups copied from one storage to another: the same bytes, whole backups only, and never over another one."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.storage.local import LocalStorage
from support import CONTAINERS, trees
from support.manifest import compare, load_manifest, make_manifest
from support.mirrors import Mirror, local, objects


@pytest.fixture
def mirror(agent, tmp_path) -> Mirror:
    """Two storages, of which only the first has backups: levels 0, 1 and 2."""
    made = Mirror(tmp_path, agent.call, {"first": local(tmp_path / "one")})
    (made.source / "random").write_bytes(random.Random(1).randbytes(100_000))
    for text in ("a", "b", "c"):
        (made.source / "one").write_text(text)
        assert made.backup().code == 0
    made.places = {"first": local(tmp_path / "one"), "second": local(tmp_path / "two")}
    return made


def steps(run) -> list[str]:
    return [one["step"] for one in run.json["backups"]]


def data_of(container: Path, level: int) -> Path:
    (path,) = container.glob(f"data/tar/*/*/{level}_*/data")
    return path


def flip(path: Path, offset: int = 20) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def test_a_storage_that_was_away_is_caught_up_and_restores_the_same(mirror, tmp_path):
    run = mirror.copy("first", "second", "--json", "--verify")
    assert run.code == 0, run.err
    assert steps(run) == ["copy"] * 3
    assert run.json["copied_backups"] == 3
    assert run.json["copied_bytes"] == sum(map(len, objects(tmp_path / "one").values()))
    assert objects(tmp_path / "one") == objects(tmp_path / "two")
    assert mirror.restore("second", tmp_path / "out").code == 0
    assert compare(make_manifest(mirror.source), make_manifest(tmp_path / "out")) == []
    assert mirror.run("check", "--read-data").code == 0


def test_after_it_the_storages_are_in_step(mirror, tmp_path):
    assert mirror.copy("first", "second").code == 0
    run = mirror.backup("--json")
    assert [place["level"] for place in run.json["storages"]] == [3, 3]
    assert objects(tmp_path / "one") == objects(tmp_path / "two")


def test_storages_that_went_apart_are_brought_into_step_by_copying_both_ways(mirror, tmp_path):
    assert mirror.backup("--json").code == 0  # a full backup in the second
    assert mirror.copy("first", "second").code == 0
    assert mirror.copy("second", "first").code == 0
    assert objects(tmp_path / "one") == objects(tmp_path / "two")
    run = mirror.backup("--json")
    assert len({place["level"] for place in run.json["storages"]}) == 1
    assert objects(tmp_path / "one") == objects(tmp_path / "two")
    assert mirror.run("check", "--read-data").code == 0


def test_a_dry_run_shows_the_plan_and_writes_nothing_not_even_the_container(mirror, tmp_path):
    run = mirror.copy("first", "second", "--dry-run", "--json")
    assert (run.code, steps(run), run.json["copied_backups"]) == (0, ["copy"] * 3, 0)
    assert not (tmp_path / "two").exists()
    assert "3 backups" in mirror.copy("first", "second", "--dry-run").out


def test_what_is_there_already_is_not_moved_again(mirror, tmp_path):
    assert mirror.copy("first", "second").code == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "two").rglob("*") if path.is_file()}
    run = mirror.copy("first", "second", "--json")
    assert (run.code, steps(run), run.json["copied_bytes"]) == (0, ["there"] * 3, 0)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "two").rglob("*") if path.is_file()}


def test_an_encrypted_chain_is_copied_without_its_passphrase(mirror, tmp_path, pass_file):
    shutil.rmtree(tmp_path / "one")
    mirror.places = {"first": local(tmp_path / "one")}
    for text in ("d", "e"):
        (mirror.source / "one").write_text(text)
        assert mirror.backup("--encrypt-pass-file", pass_file).code == 0
    mirror.places = {"first": local(tmp_path / "one"), "second": local(tmp_path / "two")}
    assert mirror.copy("first", "second").code == 0
    assert mirror.restore("second", tmp_path / "out", "--encrypt-pass-file", pass_file).code == 0
    assert (tmp_path / "out" / "one").read_text() == "e"


def test_a_copy_that_is_killed_leaves_whole_backups_and_is_gone_on_with(mirror, tmp_path, process):
    (mirror.source / "large").write_bytes(random.Random(2).randbytes(3_000_000))
    mirror.places = {"first": local(tmp_path / "one")}
    for size in (1, 2):
        (mirror.source / "large").write_bytes(random.Random(size).randbytes(3_000_000))
        assert mirror.backup().code == 0
    mirror.places = {"first": local(tmp_path / "one"), "second": local(tmp_path / "two")}
    chance = random.Random(5)
    words = mirror.words("copy", "--from-storage", "first", "--upload-limit", "4M", "-M", "64K")
    for _ in range(4):
        child = process(*words)
        time.sleep(chance.uniform(0.3, 1.3))
        child.kill()
        child.wait()
        if (tmp_path / "two").exists():
            for name, content in objects(tmp_path / "two").items():
                assert "freezer-tmp" in name or content == objects(tmp_path / "one")[name]
            assert mirror.run("check", "--from-storage", "second").code in (0, 1)
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "two").glob("metadata/**/metadata")}
    run = mirror.copy("first", "second", "--json")
    assert run.code == 0, run.err
    assert {path: path.stat().st_mtime_ns for path in done} == done
    stored = {name: data for name, data in objects(tmp_path / "two").items() if "freezer-tmp" not in name}
    assert stored == objects(tmp_path / "one")


def test_data_that_an_interrupted_run_brought_is_kept_if_it_is_whole_and_replaced_if_not(mirror, tmp_path):
    for level, damaged in ((0, False), (1, True)):
        ours = data_of(tmp_path / "one", level)
        theirs = tmp_path / "two" / ours.relative_to(tmp_path / "one")
        theirs.parent.mkdir(parents=True)
        shutil.copy(ours, theirs)
        if damaged:
            flip(theirs)
    before = data_of(tmp_path / "two", 0).stat().st_ino
    assert mirror.copy("first", "second").code == 0
    assert data_of(tmp_path / "two", 0).stat().st_ino == before
    assert objects(tmp_path / "one") == objects(tmp_path / "two")


def test_a_damaged_backup_is_not_copied_nor_what_builds_on_it(mirror, tmp_path):
    flip(data_of(tmp_path / "one", 1))
    run = mirror.copy("first", "second", "--json")
    assert run.code == 1
    assert steps(run) == ["copy", "refused", "refused"]
    assert [one["reason"] for one in run.json["backups"]] == [
        "",
        "its data is not what was written: its SHA-256 differs",
        "the level 1 that it builds on has not been copied",
    ]
    assert mirror.levels("second") == [0]
    assert len(objects(tmp_path / "two")) == 3


@pytest.mark.parametrize("how", ["cut", "no state", "other state", "no record below", "no data"])
def test_a_source_that_is_not_whole_is_refused(mirror, tmp_path, how):
    folder = data_of(tmp_path / "one", 0).parent
    if how == "cut":
        (folder / "data").write_bytes((folder / "data").read_bytes()[:-1])
    elif how == "no state":
        (folder / "engine_metadata").unlink()
    elif how == "other state":
        flip(folder / "engine_metadata")
    elif how == "no data":
        (folder / "data").unlink()
    else:
        (record,) = (tmp_path / "one").glob("metadata/tar/*/*/0_*/metadata")
        record.unlink()
    run = mirror.copy("first", "second", "--json")
    assert run.code == 1
    assert set(steps(run)) == {"refused"}
    assert objects(tmp_path / "two") == {}


def test_another_backup_of_the_same_name_is_never_replaced(mirror, tmp_path):
    assert mirror.copy("first", "second").code == 0
    (record,) = (tmp_path / "two").glob("metadata/tar/*/*/1_*/metadata")
    record.write_bytes(record.read_bytes().replace(b'"files":', b'"files" :'))
    before = objects(tmp_path / "two")
    run = mirror.copy("first", "second", "--json")
    assert run.code == 1
    assert steps(run) == ["there", "refused", "refused"]
    assert "another backup of this name" in run.json["backups"][1]["reason"]
    assert objects(tmp_path / "two") == before


def test_a_record_without_data_gets_its_data_back_only_if_it_is_the_same(mirror, tmp_path):
    assert mirror.copy("first", "second").code == 0
    data_of(tmp_path / "two", 2).unlink()
    assert mirror.copy("first", "second").code == 0
    assert objects(tmp_path / "one") == objects(tmp_path / "two")
    data_of(tmp_path / "two", 2).unlink()
    (record,) = (tmp_path / "two").glob("metadata/tar/*/*/2_*/metadata")
    record.write_bytes(record.read_bytes().replace(b'"files":', b'"files" :'))
    before = objects(tmp_path / "two")
    assert mirror.copy("first", "second").code == 1
    assert objects(tmp_path / "two") == before


def test_verify_also_reads_what_was_there_before(mirror, tmp_path):
    assert mirror.copy("first", "second").code == 0
    flip(data_of(tmp_path / "two", 1))
    assert mirror.copy("first", "second").code == 0
    run = mirror.copy("first", "second", "--verify", "--json")
    assert run.code == 1
    assert steps(run) == ["there", "refused", "there"]
    assert "is not the same" in run.json["backups"][1]["reason"]


def test_only_the_chosen_backups_are_copied(mirror, tmp_path):
    words = ("backup", "-F", mirror.source, "--storage", "local", "-C", tmp_path / "one")
    assert mirror.call(*words, "-N", "other", "--hostname", "g").code == 0
    run = mirror.copy("first", "second", "-N", "other", "--hostname", "g", "--json")
    assert (run.code, len(steps(run))) == (0, 1)
    run = mirror.copy("first", "second", "--json")
    assert (run.code, steps(run)) == (0, ["copy"] * 3), "the job file names backup web of host h"


def test_within_one_storage_no_job_file_is_needed(agent, tmp_path):
    assert agent.backup().code == 0
    words = ("copy", "--storage", "local", "-C", agent.container)
    assert agent.call(*words, "--to-container", tmp_path / "two").code == 0
    assert objects(tmp_path / "two") == objects(agent.container)
    for more in ((), ("--to-container", agent.container), ("--to-storage", "second")):
        assert agent.call(*words, *more).code == 2
    run = agent.call(*words, "--to-container", f"{agent.container}/.")
    assert run.code == 2
    assert "cannot be copied to itself" in run.error


def test_both_ends_have_to_be_known(mirror, tmp_path):
    mirror.places = {**mirror.places, "third": local(tmp_path / "three")}
    run = mirror.run("copy", "--from-storage", "first")
    assert run.code == 2
    assert "copy needs --from-storage and --to-storage" in run.error
    assert mirror.copy("first", "first").code == 2
    assert mirror.copy("third", "second").code == 1, "there is no container to read"


@pytest.mark.parametrize(
    "name",
    ["upstream-tar-gzip-none", "upstream-tar-gzip-enc", "upstream-tar-xz-none", "upstream-legacy200-tar-gzip-none"],
)
def test_the_originals_containers_are_copied_byte_for_byte(agent, tmp_path, name):
    store = CONTAINERS / name / "store"
    shutil.copytree(store, tmp_path / "one")
    run = agent.call(
        "copy", "--storage", "local", "-C", tmp_path / "one", "--to-container", tmp_path / "two", "--verify"
    )
    assert run.code == 0, run.err
    assert objects(tmp_path / "two") == objects(tmp_path / "one")
    run = agent.call(
        "copy", "--storage", "local", "-C", tmp_path / "one", "--to-container", tmp_path / "two", "--verify", "--json"
    )
    assert (run.code, steps(run)) == (0, ["there"] * 3)


def test_a_swift_container_that_was_saved_as_files_is_copied_into_whole_objects(agent, tmp_path):
    fixture = CONTAINERS / "upstream-swift-tar-gzip-none"
    shutil.copytree(fixture / "store" / "freezer_none", tmp_path / "one")
    for headers in (tmp_path / "one").rglob("*.headers.json"):
        headers.unlink()
    assert (
        agent.call("copy", "--storage", "local", "-C", tmp_path / "one", "--to-container", tmp_path / "two").code == 0
    )
    for level in range(3):
        run = agent.call(
            "restore", "--storage", "local", "-C", tmp_path / "two", "-N", "fixture", "--hostname", "fixturehost",
            "--restore-level", level, "--restore-abs-path", tmp_path / f"out{level}",
        )  # fmt: skip
        assert run.code == 0, run.err
        wanted = load_manifest(fixture / f"source-level{level}.json")
        wanted = {path: entry for path, entry in wanted.items() if entry["type"] != "socket"}
        lost = {"alloc", "xattrs", "uid", "gid"}
        assert compare(wanted, make_manifest(tmp_path / f"out{level}"), ignore=lost, whole_seconds=True) == []


def test_a_rich_tree_comes_back_from_the_copy(mirror, tmp_path):
    trees.make_tree(mirror.source / "tree", 3)
    mirror.places = {"first": local(tmp_path / "one")}
    assert mirror.backup().code == 0
    mirror.places = {"first": local(tmp_path / "one"), "second": local(tmp_path / "two")}
    assert mirror.copy("first", "second", "-M", "16K").code == 0
    assert mirror.restore("second", tmp_path / "out").code == 0
    assert compare(make_manifest(mirror.source), make_manifest(tmp_path / "out")) == []


def test_progress_counts_what_has_to_be_moved_and_gets_there(mirror, tmp_path):
    run = mirror.copy("first", "second", "--json", "-M", "16K")
    events = [json.loads(line) for line in run.err.splitlines()]
    (last,) = [event for event in events if event.get("phase") == "copy" and event["finished"]]
    stored = sum(map(len, objects(tmp_path / "one").values()))
    assert last["done_bytes"] == last["total_bytes"] == stored
    assert last["done_items"] == last["total_items"] == 3


def test_a_set_that_somebody_works_on_is_left_for_the_next_time(mirror, tmp_path):
    assert mirror.copy("first", "second").code == 0
    mirror.places = {"first": local(tmp_path / "one")}
    assert mirror.backup().code == 0
    mirror.places = {"first": local(tmp_path / "one"), "second": local(tmp_path / "two")}
    storage = LocalStorage(str(tmp_path / "two"), clock=SystemClock())
    with storage.hold("metadata/tar/h_web"):
        run = mirror.copy("first", "second", "--json")
    assert (run.code, steps(run)) == (1, ["there"] * 3 + ["refused"])
    assert mirror.copy("first", "second").code == 0
    assert objects(tmp_path / "one") == objects(tmp_path / "two")
