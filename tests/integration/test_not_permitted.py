"""What an ordinary user may not read, write or list is named, also when the tests themselves run as root."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

_NOBODY = 65534


@pytest.fixture
def ordinary(agent, tmp_path, monkeypatch):
    """The agent in a folder of a user without rights, whom this process is until the test ends."""
    # modules that are imported late may lie where that user may not read
    assert agent.backup("--encrypt-pass-file", _pass_file(tmp_path / "pass")).code == 0
    assert agent.restore(tmp_path / "first", "--encrypt-pass-file", tmp_path / "pass").code == 0
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    ours = type(agent)(folder, agent.call)
    ours.source.mkdir()
    (ours.source / "one").write_text("first")
    (ours.source / "two").write_text("second")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    root = os.geteuid() == 0
    groups = os.getgroups()
    if root:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, _NOBODY, _NOBODY)
        os.setgroups([])
        os.setegid(_NOBODY)
        os.seteuid(_NOBODY)
    try:
        yield ours
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)


def _pass_file(path):
    path.write_text("correct horse\n")
    path.chmod(0o600)
    return path


def test_d9_a_container_that_may_not_be_listed_is_an_error_and_not_an_empty_one(ordinary, tmp_path):
    """The original takes it for "no backups", stores a full one, and finds nothing to restore."""
    assert ordinary.backup("--incremental").code == 0
    metadata = ordinary.container / "metadata"
    metadata.chmod(0)
    runs = [
        ordinary.backup("--incremental"),
        ordinary.restore(ordinary.folder / "out"),
        ordinary.act("list"),
        ordinary.act("check"),
        ordinary.act("admin", "--remove-older-than", 1),
    ]
    metadata.chmod(0o700)
    for run in runs:
        assert run.code == 1
        assert "metadata" in run.error
        assert "permi" in run.error.lower()
    assert ordinary.levels() == [0]
    assert not (ordinary.folder / "out").exists()


def test_a_container_that_may_not_be_written_is_named_and_stays_as_it_was(ordinary):
    assert ordinary.backup("--incremental").code == 0
    before = ordinary.objects()
    for path in [ordinary.container, *ordinary.container.rglob("*")]:
        if path.is_dir():
            path.chmod(0o500)
    run = ordinary.backup("--incremental")
    assert run.code == 1
    assert str(ordinary.container) in run.error
    assert ordinary.objects() == before


def test_a_container_where_none_may_be_made_is_named(ordinary):
    ordinary.folder.chmod(0o500)
    run = ordinary.backup()
    ordinary.folder.chmod(0o700)
    assert run.code == 1
    assert str(ordinary.container) in run.error


def test_d13_an_unreadable_file_is_listed_the_rest_stored_and_the_next_level_has_it(ordinary):
    (ordinary.source / "one").chmod(0)
    run = ordinary.backup("--incremental", "--json")
    assert run.code == 3
    (failed,) = run.json["failed_items"]
    assert failed["path"] == "one"
    assert "permi" in failed["reason"].lower()
    restored = ordinary.restore(ordinary.folder / "out")
    assert restored.code == 3
    assert "one" in restored.err
    assert os.listdir(ordinary.folder / "out") == ["two"]
    (ordinary.source / "one").chmod(0o644)
    assert ordinary.backup("--incremental").code == 0
    assert ordinary.restore(ordinary.folder / "whole").code == 0
    assert (ordinary.folder / "whole" / "one").read_text() == "first"


def test_more_unreadable_files_than_are_named_are_counted(ordinary):
    many = ordinary.source / "many"
    many.mkdir()
    for number in range(10_050):
        os.close(os.open(many / f"{number}", os.O_CREAT | os.O_WRONLY, 0))
    run = ordinary.backup("--json")
    assert run.code == 3
    assert run.json["total_failed"] == 10_050
    assert len(run.json["failed_items"]) == 10_000
    checked = ordinary.call("check", "--read-data", *ordinary.stored())
    assert checked.code == 0, checked.err
    restored = ordinary.restore(ordinary.folder / "out")
    assert restored.code == 3
    assert "not listed one by one" in restored.err or "more items" in restored.err
    assert sorted(os.listdir(ordinary.folder / "out")) == ["many", "one", "two"]


def test_an_unreadable_directory_is_listed_and_the_rest_stored(ordinary):
    (ordinary.source / "closed").mkdir()
    (ordinary.source / "closed" / "inside").write_text("x")
    (ordinary.source / "closed").chmod(0)
    run = ordinary.backup("--json")
    assert run.code == 3
    assert [item["path"] for item in run.json["failed_items"]] == ["closed"]


def test_a_target_that_may_not_be_written_is_named(ordinary):
    assert ordinary.backup().code == 0
    closed = ordinary.folder / "closed"
    closed.mkdir(mode=0o500)
    run = ordinary.restore(closed / "out")
    assert run.code == 1
    assert str(closed / "out") in run.error


def test_an_unreadable_pass_file_is_named_and_nothing_is_stored(ordinary):
    """The original leaves an empty ``data`` behind."""
    secret = _pass_file(ordinary.folder / "pass")
    secret.chmod(0)
    run = ordinary.backup("--encrypt-pass-file", secret)
    assert run.code in (1, 2)
    assert str(secret) in run.error
    assert not ordinary.container.exists() or ordinary.objects() == {}
