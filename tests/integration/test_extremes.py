"""Links, sizes, owners and times at the edges of what archives hold come back at level 0 and at level 1."""

from __future__ import annotations

import json
import os

import pytest

from support.manifest import compare, make_manifest

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="machine limit: needs root")


def _comes_back(agent, tmp_path):
    assert agent.backup("--incremental").code == 0
    (agent.source / "later").write_text("later")
    assert agent.backup("--incremental").code == 0
    run = agent.restore(tmp_path / "out")
    assert run.code == 0, run.err
    assert compare(make_manifest(agent.source), make_manifest(tmp_path / "out"), ignore=("alloc",)) == []


@pytest.mark.parametrize(
    ("how", "symlink", "hard"),
    [("none", True, True), ("soft", False, True), ("hard", True, False), ("all", False, False)],
)
def test_links_are_stored_as_they_are_or_as_what_they_lead_to(agent, tmp_path, how, symlink, hard):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "inside").write_text("through the link")
    (agent.source / "symbolic").symlink_to("one")
    (agent.source / "folder").symlink_to(outside)
    (agent.source / "hard").hardlink_to(agent.source / "one")
    assert agent.backup("--dereference-symlink", how).code == 0
    target = tmp_path / "out"
    assert agent.restore(target).code == 0
    assert (target / "symbolic").is_symlink() is symlink
    assert (target / "folder").is_symlink() is symlink
    assert (target / "symbolic").read_text() == "first"
    assert (target / "folder" / "inside").read_text() == "through the link"
    assert (target / "one").samefile(target / "hard") is hard


def test_a_file_of_more_than_8_gib(agent, tmp_path):
    """Its size does not fit the octal field of a header; most of it is a hole, so that this is quick."""
    with (agent.source / "huge").open("wb") as file:
        file.seek(9 << 30)
        file.write(b"the end")
        file.truncate((9 << 30) + 100_000)
    assert agent.backup().code == 0
    assert agent.restore(tmp_path / "out").code == 0
    huge = tmp_path / "out" / "huge"
    assert huge.stat().st_size == (9 << 30) + 100_000
    assert huge.stat().st_blocks < 10_000
    with huge.open("rb") as file:
        file.seek(9 << 30)
        assert file.read(8) == b"the end\0"


@AS_ROOT
def test_owners_above_two_to_the_31(agent, tmp_path):
    os.chown(agent.source / "one", 2**31, 2**32 - 2)
    _comes_back(agent, tmp_path)


def test_times_before_1970_and_far_ahead_to_the_nanosecond(agent, tmp_path):
    os.utime(agent.source / "one", ns=(0, -1_234_567_890_123_456_789))
    os.utime(agent.source / "two", ns=(0, 4_123_456_789_987_654_321))
    _comes_back(agent, tmp_path)


def test_names_that_are_long_or_no_text(agent, tmp_path):
    folder = agent.source
    for _ in range(5):
        folder = folder / ("x" * 200)
        folder.mkdir()
    (folder / ("ä" * 120)).write_text("deep")
    with open(os.fsencode(agent.source) + b"/\xff\xfe\n", "wb") as file:
        file.write(b"no text")
    (agent.source / "long link").symlink_to("y" * 300)
    _comes_back(agent, tmp_path)


def test_a_file_that_vanishes_while_it_is_stored_is_listed(agent, tmp_path, process):
    """The limit keeps the run busy with the first file until the last one is gone."""
    (agent.source / "a").write_bytes(os.urandom(12 << 20))
    (agent.source / "z").write_text("soon gone")
    child = process("backup", "-F", agent.source, *agent.stored("--upload-limit", "3M", "--json", "-M", "1M"))
    scanned = json.loads(child.stderr.readline())
    assert (scanned["phase"], scanned["finished"]) == ("scan", True)
    (agent.source / "z").unlink()
    out, err = child.communicate(timeout=180)
    assert child.returncode == 3, err
    assert [item["path"] for item in json.loads(out)["failed_items"]] == ["z"]
