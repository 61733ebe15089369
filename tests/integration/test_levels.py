"""Which level a backup becomes, and that whatever it becomes restores what was there."""

from __future__ import annotations

import os
import re

import pytest

from freezer.clock import SystemClock
from freezer.cmd import agent as program
from support.manifest import compare, make_manifest


def _levels(agent, count, *words):
    found = []
    for number in range(count):
        (agent.source / f"file{number}").write_text(f"content {number}")
        run = agent.backup("--json", *words)
        assert run.code == 0, run.err
        found.append(run.json["level"])
    return found


@pytest.fixture
def shifted(monkeypatch):
    """Sets the clock forward (or back) by some seconds."""

    class Shifted(SystemClock):
        shift = 0.0

        def now(self):
            return super().now() + self.shift

    monkeypatch.setattr(program, "SystemClock", Shifted)

    def shift(seconds):
        Shifted.shift = seconds

    return shift


def _is_restored(agent, tmp_path, *words):
    target = tmp_path / "restored"
    run = agent.restore(target, *words)
    assert run.code == 0, run.err
    assert compare(make_manifest(agent.source), make_manifest(target)) == []


def test_without_any_level_option_every_backup_is_full(agent):
    assert _levels(agent, 2) == [0, 0]


def test_max_level_two_gives_zero_one_two_zero_one(agent, tmp_path):
    assert _levels(agent, 5, "--max-level", 2) == [0, 1, 2, 0, 1]
    _is_restored(agent, tmp_path)


def test_max_level_zero_makes_every_backup_full(agent):
    assert _levels(agent, 2, "--max-level", 0) == [0, 0]


def test_without_a_limit_the_chain_grows(agent, tmp_path):
    assert _levels(agent, 4, "--incremental") == [0, 1, 2, 3]
    _is_restored(agent, tmp_path)


def test_always_level_repeats_its_level_even_several_times_a_second(agent, tmp_path):
    """D5, D14: the original restored the first of several level 2."""
    assert _levels(agent, 6, "--always-level", 2) == [0, 1, 2, 2, 2, 2]
    _is_restored(agent, tmp_path)
    keys = [path.name for path in agent.container.glob("metadata/tar/h_web/*/*")]
    assert len(keys) == len(set(keys)) == 6


def test_a_level_that_is_repeated_does_not_need_its_sibling(agent, tmp_path):
    assert _levels(agent, 4, "--always-level", 1) == [0, 1, 1, 1]
    sibling = sorted(agent.container.glob("data/tar/h_web/*/1_*"))[0]
    sibling.joinpath("data").write_bytes(b"damaged")
    _is_restored(agent, tmp_path)


def test_restart_always_level_counts_from_level_zero(agent, shifted, tmp_path):
    """D16: measured from the newest increment, a daily backup never starts a new chain."""
    day, found = 86400, []
    for number in range(4):
        shifted(number * day)
        run = agent.backup("--json", "--always-level", 1, "--restart-always-level", 2.5)
        assert run.code == 0, run.err
        found.append(run.json["level"])
    assert found == [0, 1, 1, 0]


def test_no_incremental_is_full_however_the_chain_stands(agent):
    assert _levels(agent, 2, "--incremental") == [0, 1]
    run = agent.backup("--json", "--no-incremental")
    assert (run.code, run.json["level"]) == (0, 0)


def test_under_its_first_name_the_program_backs_up_incrementally(agent, capfd):
    words = ["backup", "-F", str(agent.source), *agent.stored("--json")]
    for level in (0, 1):
        capfd.readouterr()
        assert program.main_freezerc(words) == 0
        assert f'"level":{level},' in capfd.readouterr().out


def test_another_source_path_is_a_new_chain_and_says_why(agent, tmp_path):
    _levels(agent, 1, "--incremental")
    other = tmp_path / "other"
    other.mkdir()
    (other / "x").write_text("elsewhere")
    run = agent.call("backup", "-F", other, *agent.stored("--incremental", "--json"))
    assert run.code == 0
    assert run.json["level"] == 0
    assert str(agent.source) in run.json["level_reason"]
    assert str(other) in run.json["level_reason"]


def test_a_clock_that_was_set_back_is_a_new_chain_that_is_the_newest(agent, shifted, tmp_path):
    """D15: the original's chain would be older than the one before, and not be found."""
    shifted(3600)
    _levels(agent, 1, "--incremental")
    shifted(0)
    (agent.source / "one").write_text("changed after the clock")
    run = agent.backup("--incremental", "--json")
    assert run.json["level"] == 0
    assert "clock was set back" in run.json["level_reason"]
    _is_restored(agent, tmp_path)


def test_a_deleted_and_a_renamed_file_are_gone_after_a_restore(agent, tmp_path):
    _levels(agent, 1, "--incremental")
    (agent.source / "one").unlink()
    (agent.source / "two").rename(agent.source / "three")
    assert agent.backup("--incremental").code == 0
    _is_restored(agent, tmp_path)
    assert not (tmp_path / "restored" / "two").exists()


def test_every_level_can_be_restored_by_its_id(agent, tmp_path):
    contents = []
    for number in range(3):
        (agent.source / "one").write_text(f"as of {number}")
        assert agent.backup("--incremental").code == 0
        contents.append(f"as of {number}")
    rows = sorted(agent.act("list", "--json").json, key=lambda row: row["time"])
    for row, content in zip(rows, contents, strict=True):
        target = tmp_path / row["id"]
        assert agent.restore(target, "--restore-backup-id", row["id"]).code == 0
        assert (target / "one").read_text() == content


def test_one_backup_of_every_kind_of_thing_comes_back_exactly(agent, tmp_path):
    from support.trees import edit_tree, make_tree

    root = tmp_path / "rich"
    make_tree(root, seed=3)
    words = agent.stored("--incremental")
    for level in range(3):
        run = agent.call("backup", "-F", root, *words)
        assert run.code in ((0,) if os.geteuid() == 0 else (0, 3)), run.err
        expected = {path: entry for path, entry in make_manifest(root).items() if entry["type"] != "socket"}
        assert agent.call("restore", "--restore-abs-path", tmp_path / f"out{level}", *words[:-1]).code in (0, 3)
        assert compare(expected, make_manifest(tmp_path / f"out{level}")) == []
        edit_tree(root, seed=level)


def test_the_reason_for_the_level_is_printed(agent):
    assert re.search(r"^Level 0: .+\.$", agent.backup("--incremental").out, re.MULTILINE)
    assert re.search(r"^Level 1.* on the level 0 of .+\.$", agent.backup("--incremental").out, re.MULTILINE)


def test_an_uncompressed_chain_is_continued_and_restored(agent, tmp_path):
    assert _levels(agent, 3, "--compression", "none", "--incremental") == [0, 1, 2]
    _is_restored(agent, tmp_path)
