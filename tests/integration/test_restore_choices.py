"""Which part of a backup is restored, and what becomes of what is there already."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def stored(agent):
    """Two levels: ``etc/passwd`` changed, ``etc/new`` came, ``two`` went."""
    (agent.source / "etc").mkdir()
    (agent.source / "etc" / "passwd").write_text("old")
    assert agent.backup("--incremental").code == 0
    (agent.source / "etc" / "passwd").write_text("changed")
    (agent.source / "etc" / "new").write_text("new")
    (agent.source / "two").unlink()
    assert agent.backup("--incremental").code == 0
    return agent


def _tree(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_only_the_paths_that_were_asked_for_come_back(stored, tmp_path):
    run = stored.restore(tmp_path / "out", "--only", "etc/passwd", "--only", "one")
    assert run.code == 0, run.err
    assert _tree(tmp_path / "out") == {"etc/passwd": "changed", "one": "first"}
    assert stored.restore(tmp_path / "folder", "--only", "etc").code == 0
    assert _tree(tmp_path / "folder") == {"etc/passwd": "changed", "etc/new": "new"}


def test_a_path_that_the_backup_does_not_hold_is_named(stored, tmp_path):
    run = stored.restore(tmp_path / "out", "--only", "etc/shadow")
    assert run.code == 1
    assert "etc/shadow" in run.error


def test_a_level_brings_back_what_was_there_then(stored, tmp_path):
    assert stored.restore(tmp_path / "out", "--restore-level", 0).code == 0
    assert _tree(tmp_path / "out") == {"etc/passwd": "old", "one": "first", "two": "second"}
    run = stored.restore(tmp_path / "none", "--restore-level", 7)
    assert run.code == 1
    assert "levels 0, 1" in run.error


def test_what_the_backup_does_not_hold_stays_unless_its_deletion_is_asked_for(stored, tmp_path):
    """The original deletes it whenever it overwrites."""
    target = tmp_path / "out"
    (target / "etc").mkdir(parents=True)
    (target / "etc" / "mine").write_text("mine")
    assert stored.restore(target, "--overwrite").code == 0
    assert _tree(target) == {"etc/passwd": "changed", "etc/new": "new", "etc/mine": "mine", "one": "first"}
    assert stored.restore(target, "--overwrite", "--delete").code == 0
    assert _tree(target) == {"etc/passwd": "changed", "etc/new": "new", "one": "first"}


@pytest.mark.parametrize(
    ("policy", "older", "younger"),
    [("never", "mine", "mine"), ("if-newer", "first", "mine"), ("if-changed", "first", "first"),
     ("always", "first", "first")],
)  # fmt: skip
def test_the_policy_decides_about_files_that_are_there(stored, tmp_path, policy, older, younger):
    for name, age in (("older", -3600), ("younger", 3600)):
        target = tmp_path / name
        target.mkdir()
        (target / "one").write_text("mine")
        moment = (stored.source / "one").stat().st_mtime + age
        os.utime(target / "one", (moment, moment))
        assert stored.restore(target, "--overwrite-policy", policy).code == 0
    assert (tmp_path / "older" / "one").read_text() == older
    assert (tmp_path / "younger" / "one").read_text() == younger


def test_the_commands_around_a_run_decide_and_tell(stored, tmp_path):
    before = stored.objects()
    run = stored.backup("--pre-command", "false", "--on-failure", f"touch '{tmp_path}/a failure'")
    assert run.code == 1
    assert "pre_command" in run.error or "pre-command" in run.error
    assert stored.objects() == before
    assert (tmp_path / "a failure").exists()
    words = ["--pre-command", f"touch '{tmp_path}/be fore'", "--post-command", f"touch '{tmp_path}/after;touch x'"]
    assert stored.backup("--dry-run", *words).code == 0
    assert not (tmp_path / "be fore").exists()
    assert stored.backup(*words).code == 0
    assert (tmp_path / "be fore").exists()
    assert (tmp_path / "after;touch x").exists()
