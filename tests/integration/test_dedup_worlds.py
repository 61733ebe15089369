"""A container with a repository and backups of other engines: neither disturbs the other, and both are seen."""

from __future__ import annotations

import pytest


@pytest.fixture
def both(vault):
    """A container with a backup of each engine, the tar one first."""
    assert vault.agent.backup().code == 0
    (vault.source / "one").write_text("second")
    vault.made()
    return vault


def others(vault) -> dict[str, bytes]:
    """What is in the container besides the repository."""
    return {name: data for name, data in vault.agent.objects().items() if not name.startswith("freezer-dedup/")}


def test_a_list_without_an_engine_shows_both_worlds(both):
    run = both.act("list", "--json")
    assert [row["engine"] for row in run.json] == ["tar", "dedup"]
    shown = both.act("list")
    assert "In the repository: 1 backup of engine dedup." in shown.out
    assert [row["engine"] for row in both.act("list", "--engine", "dedup", "--json").json] == ["dedup"]
    assert [row["engine"] for row in both.agent.act("list", "--engine", "tar", "--json").json] == ["tar"]


def test_who_asks_for_a_tag_gets_nothing_that_cannot_have_one(both, agent, tmp_path):
    tagged = both.made("--tag", "x")
    assert [row["id"] for row in both.act("list", "--tag", "x", "--json").json] == [tagged]
    assert both.act("list", "--tag", "y", "--json").json == []
    other = ["--storage", "local", "-C", tmp_path / "other"]
    assert agent.call("backup", "-F", agent.source, *other).code == 0
    assert "there is no repository" in agent.call("list", "--tag", "x", *other).error


def test_a_repository_that_does_not_open_is_a_warning_beside_other_backups(both):
    run = both.agent.act("list", "--json")
    assert run.code == 0
    assert [row["engine"] for row in run.json] == ["tar"]
    assert "not looked at: the repository in" in run.err


def test_a_restore_takes_the_newest_of_both_worlds_and_says_so(both, tmp_path):
    run = both.restore(tmp_path / "out")
    assert run.code == 0, run.err
    assert (tmp_path / "out" / "one").read_text() == "second"
    assert "the newest is taken, that of the repository" in run.err
    assert both.restore(tmp_path / "tar", "--engine", "tar").code == 0
    assert (tmp_path / "tar" / "one").read_text() == "first"
    (tar,) = both.agent.act("list", "--engine", "tar", "--json").json
    assert both.restore(tmp_path / "id", "--id", tar["id"]).code == 0
    assert (tmp_path / "id" / "one").read_text() == "first"


def test_a_restore_without_the_key_of_the_repository_takes_the_other_and_says_so(both, tmp_path):
    run = both.agent.restore(tmp_path / "out")
    assert run.code == 0, run.err
    assert (tmp_path / "out" / "one").read_text() == "first"
    assert "not looked at: the repository" in run.err


def test_a_check_looks_at_both(both):
    run = both.act("check", "--read-data", "--json")
    assert run.code == 0, run.err
    assert (run.json["checked"], run.json["repository"]["checked"]) == (1, 1)
    both.agent.newest("data").write_bytes(b"")
    assert both.act("check").code == 1


def test_removal_concerns_both(both):
    both.agent.backup()
    both.made()
    run = both.act("admin", "--keep-last", "1", "--json")
    assert run.code == 0, run.err
    assert len(run.json["remove"]) == 1
    assert len(run.json["repository"]["remove"]) == 1
    assert [row["engine"] for row in both.act("list", "--json").json] == ["tar", "dedup"]


def test_work_in_the_repository_leaves_everything_else_as_it_was(both):
    (both.container / "cinder-volume-1").write_bytes(b"not ours")
    before = others(both)
    both.made()
    both.act("forget", "--keep-last", "1")
    both.act("prune")
    both.act("check", "--read-data")
    assert others(both) == before


def test_work_on_other_backups_leaves_the_repository_as_it_was(both):
    before = {path: path.read_bytes() for path in both.stored()}
    assert both.agent.backup("--incremental").code == 0
    assert both.agent.act("admin", "--engine", "tar", "--keep-last", "1").code == 0
    assert {path: path.read_bytes() for path in both.stored()} == before
