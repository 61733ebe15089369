"""Which container, and which set in it, is meant where what was written leaves room."""

from __future__ import annotations

import shutil

import pytest


def test_a_missing_container_is_looked_for_by_the_name_of_old_releases_and_the_output_says_so(agent, tmp_path):
    old = tmp_path / "freezer_container"
    words = ("--storage", "local", "-N", "web", "--hostname", "h")
    assert agent.call("backup", "-F", agent.source, *words, "-C", old).code == 0
    for action in (["restore", "--restore-abs-path", tmp_path / "out"], ["list"], ["check"], ["show"], ["info"]):
        run = agent.call(*action, *words, "-C", agent.container)
        assert run.code == 0, run.err
        assert f"there is no container {agent.container}; {old} is used, as old releases called it" in run.err
    assert (tmp_path / "out" / "one").read_text() == "first"
    assert agent.backup().code == 0, "a backup goes where it is told to"
    assert agent.container.is_dir()
    assert "freezer_" not in agent.act("list").err


def test_one_that_exists_by_neither_name_is_named_as_it_was_written(agent):
    run = agent.act("list")
    assert run.code == 1
    assert f"there is no container local:{agent.container}" in run.error


@pytest.mark.parametrize("given", [True, False])
def test_a_backup_into_the_default_container_says_where_that_is(agent, tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    more = ("-C", "freezer_backups") if given else ()
    run = agent.call("backup", "-F", agent.source, "--storage", "local", *more)
    assert run.code == 0
    said = f"--container is not given: its default means local:{tmp_path / 'freezer_backups'}" in run.err
    assert said is not given


def test_a_set_that_the_original_filed_under_its_template_is_continued(agent):
    raw = ("--storage", "local", "-C", agent.container, "--hostname", "h")
    assert agent.call("backup", "-F", agent.source, *raw, "-N", "web", "--incremental").code == 0
    for part in ("metadata", "data"):
        (agent.container / part / "tar" / "h_web").rename(agent.container / part / "tar" / "h_{mode}-x")
    (record,) = agent.container.glob("metadata/**/metadata")
    record.write_text('{"engine_name": "tar", "compression": "gzip", "encryption": false}\n')
    run = agent.call("backup", "-F", agent.source, *raw, "-N", "{mode}-x", "--incremental", "--json")
    assert run.code == 0, run.err
    assert run.json["level"] == 1
    assert "h_{mode}-x" in run.err
    assert [path.name for path in (agent.container / "metadata" / "tar").iterdir()] == ["h_{mode}-x"]
    run = agent.call("restore", *raw, "-N", "{mode}-x", "--restore-abs-path", agent.folder / "out")
    assert run.code == 0, run.err


def test_where_both_names_have_backups_the_expanded_one_is_continued(agent):
    words = ("--storage", "local", "-C", agent.container, "--hostname", "h", "--incremental")
    assert agent.call("backup", "-F", agent.source, *words, "-N", "{mode}-x").code == 0
    for part in ("metadata", "data"):
        folder = agent.container / part / "tar"
        shutil.copytree(folder / "h_fs-x", folder / "h_{mode}-x")
    run = agent.call("backup", "-F", agent.source, *words, "-N", "{mode}-x", "--json")
    assert (run.code, run.json["level"]) == (0, 1)
    assert len(list((agent.container / "metadata" / "tar" / "h_fs-x").glob("*/*"))) == 2
    assert len(list((agent.container / "metadata" / "tar" / "h_{mode}-x").glob("*/*"))) == 1
