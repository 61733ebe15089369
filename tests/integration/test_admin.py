"""Removal never takes what somebody still needs."""

from __future__ import annotations

import os

import pytest

from freezer.clock import SystemClock
from freezer.cmd import agent as program

DAY = 86400


@pytest.fixture
def chains(agent, monkeypatch):
    """Makes backups ``days`` old; a negative number of a pair begins a chain."""

    class Aged(SystemClock):
        age = 0.0

        def now(self):
            return super().now() - self.age * DAY

    monkeypatch.setattr(program, "SystemClock", Aged)

    def make(*steps):
        for days, full in steps:
            Aged.age = days
            run = agent.backup("--no-incremental" if full else "--incremental")
            assert run.code == 0, run.err
        Aged.age = 0.0

    return make


def test_a_chain_is_kept_as_long_as_its_newest_member_is_young(agent, chains):
    """D8: the original goes by level 0 alone, and takes yesterday's increment with it."""
    chains((30, True), (20, False), (1, False), (0.5, True))
    assert agent.act("admin", "--remove-older-than", 10).code == 0
    assert agent.levels() == [0, 1, 2, 0]


def test_a_chain_whose_newest_member_is_old_goes_whole(agent, chains, tmp_path):
    chains((30, True), (20, False), (1, True), (0.5, False))
    run = agent.act("admin", "--remove-older-than", 10, "--json")
    assert run.code == 0
    assert len(run.json["remove"]) == 2
    assert all(item["reason"] for item in run.json["remove"] + run.json["keep"])
    assert agent.levels() == [0, 1]
    assert agent.restore(tmp_path / "out").code == 0
    assert agent.act("check", "--read-data").code == 0


def test_the_newest_good_chain_stays_however_old_it_is(agent, chains):
    chains((400, True), (399, False))
    assert agent.act("admin", "--remove-older-than", 10).code == 0
    assert agent.levels() == [0, 1]
    assert agent.act("admin", "--remove-older-than", 10, "--allow-empty").code == 0
    assert agent.levels() == []
    assert agent.objects() == {}


@pytest.mark.parametrize("option", ["--remove-from-date", "--remove-before-date"])
def test_a_cut_off_of_zero_removes_nothing(agent, chains, option):
    chains((30, True), (1, True))
    assert agent.act("admin", option, "1970-01-01T00:00:00").code == 0
    assert agent.levels() == [0, 0]


def test_a_dry_run_says_what_would_go_and_writes_nothing(agent, chains):
    chains((30, True), (1, True))
    before = agent.objects()
    run = agent.act("admin", "--remove-older-than", 10, "--dry-run", "--json")
    assert run.code == 0
    assert len(run.json["remove"]) == 1
    assert agent.objects() == before


def test_leftovers_of_killed_backups_are_collected_when_they_are_old(agent, chains):
    chains((1, True))
    before = agent.objects()
    left = agent.container / "data/tar/h_web/1500000000/0_1500000000/data"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a backup")
    os.utime(left, (1_500_000_000, 1_500_000_000))
    assert agent.act("admin", "--remove-older-than", 10).code == 0
    assert agent.objects() == before


def test_other_names_are_left_alone(agent, chains):
    chains((30, True), (1, True))
    words = ["--storage", "local", "-C", agent.container, "-N", "web2", "--hostname", "h"]
    assert agent.call("backup", "-F", agent.source, *words).code == 0
    assert agent.act("admin", "--remove-older-than", 0, "--allow-empty").code == 0
    assert agent.levels() == []
    assert len(agent.call("list", "--json", *words).json) == 1


def test_a_negative_age_and_two_cut_offs_are_usage_errors(agent, chains):
    chains((30, True), (20, True))
    assert agent.act("admin", "--remove-older-than", -1).code == 2
    assert agent.act("admin", "--remove-older-than", 1, "--remove-before-date", "2020-01-01").code == 2
    assert agent.levels() == [0, 0]


def test_admin_without_a_container_does_not_make_one(agent):
    run = agent.act("admin", "--remove-older-than", 1)
    assert run.code == 1
    assert str(agent.container) in run.error
    assert not agent.container.exists()


def test_reasons_name_backups_as_the_list_shows_them(agent, chains):
    chains((30, True), (20, False))
    run = agent.act("admin", "--keep-last", 1, "--dry-run", "--json")
    ids = [row["id"] for row in agent.act("list", "--json").json]
    (reason,) = [item["reason"] for item in run.json["keep"] if item["reason"].startswith("needed by")]
    assert reason.removeprefix("needed by ") in ids


def test_a_backup_without_its_data_is_not_called_complete(agent, chains):
    chains((30, True), (20, True), (1, True))
    oldest = min(agent.container.glob("data/tar/h_web/*/*/data"))
    oldest.unlink()
    for record in agent.container.rglob("metadata"):
        if record.is_file():
            os.utime(record, (1_500_000_000, 1_500_000_000))
    removals = agent.act("admin", "--keep-last", 1, "--dry-run", "--json").json["remove"]
    assert sorted(item["complete"] for item in removals) == [False, True]
