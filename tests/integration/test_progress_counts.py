"""What progress counts is what it says: every phase ends at its totals, and gets there by itself."""

from __future__ import annotations

import json
import os

import pytest

from freezer.cmd import bar


@pytest.fixture
def counted(monkeypatch):
    """All phases of a run: what was counted when each was said to be complete, beside its totals."""
    phases = []

    class Recorder(bar.JsonProgress):
        def complete(self):
            phases.append((self._phase, self._bytes, self._total_bytes, self._items, self._total_items))
            super().complete()

    monkeypatch.setattr(bar, "JsonProgress", Recorder)
    return phases


@pytest.fixture
def large(agent):
    for number in range(30):
        (agent.source / f"file{number:02}").write_bytes(os.urandom(50_000 + number))
    return agent


def _finished(run):
    events = [json.loads(line) for line in run.err.splitlines()]
    return {event["phase"]: event for event in events if event.get("finished")}


def test_storing_counts_the_contents_of_files(large, counted):
    large.backup("--json")
    ((phase, done, total, items, all_items),) = counted
    assert phase == "store"
    assert done == total == sum(path.stat().st_size for path in large.source.iterdir())
    assert items == all_items == 32


def test_restoring_counts_stored_bytes(large, counted, tmp_path):
    assert large.backup().code == 0
    assert large.restore(tmp_path / "out", "--json").code == 0
    ((phase, done, total, items, _),) = counted
    assert phase == "restore"
    assert done == total == large.newest("data").stat().st_size
    assert items == 32


def test_a_level_that_need_not_be_read_does_not_keep_the_bar_from_its_end(large, tmp_path):
    for _ in range(2):
        assert large.backup("--incremental").code == 0
    last = _finished(large.restore(tmp_path / "out", "--json"))["restore"]
    assert last["total_bytes"] == sum(path.stat().st_size for path in large.container.glob("data/tar/*/*/*/data"))
    assert last["done_bytes"] == last["total_bytes"]


def test_a_check_counts_stored_bytes_as_often_as_it_reads_them(large, counted):
    for content in ("a", "b"):
        (large.source / "one").write_text(content)
        assert large.backup("--incremental").code == 0
    counted.clear()
    run = large.act("check", "--read-data", "--json")
    ((phase, done, total, items, all_items),) = counted
    assert phase == "check"
    assert total <= done <= total + 10_000  # records are read as well
    assert items == all_items == 2
    last = _finished(run)["check"]
    assert last["done_bytes"] == last["total_bytes"]


def test_what_vanished_while_it_was_stored_does_not_keep_the_bar_from_its_end(large, monkeypatch):
    from freezer.engine.tar.backup.write import TarBackup

    scan = TarBackup.scan

    def scan_and_remove(self):
        summary = scan(self)
        (large.source / "file07").unlink()
        return summary

    monkeypatch.setattr(TarBackup, "scan", scan_and_remove)
    run = large.backup("--json")
    assert run.code == 3
    last = _finished(run)["store"]
    assert (last["done_bytes"], last["done_items"]) == (last["total_bytes"], last["total_items"])


@pytest.fixture
def many(vault):
    for number in range(30):
        (vault.source / f"file{number:02}").write_bytes(os.urandom(50_000 + number))
    return vault


def test_a_first_backup_into_a_repository_counts_what_it_reads(many):
    last = _finished(many.backup("--json"))["store"]
    assert last["done_bytes"] == sum(path.stat().st_size for path in many.source.iterdir())
    assert (last["done_items"], last["total_items"]) == (32, None)


def test_the_next_backup_has_the_totals_of_the_one_before_and_counts_what_need_not_be_read(many, counted):
    assert many.backup().code == 0
    os.utime(many.source / "file07", ns=(1, 1))
    total = sum(path.stat().st_size for path in many.source.iterdir())
    assert many.backup("--json").code == 0
    ((phase, done, all_bytes, items, all_items),) = counted
    assert phase == "store"
    assert done == all_bytes == total
    assert (items, all_items) == (32, 33)  # with the directory itself


def test_a_restore_from_a_repository_and_its_verification_come_to_their_totals(many, counted, tmp_path):
    assert many.backup().code == 0
    assert many.restore(tmp_path / "out", "--verify", "--json").code == 0
    restore, verify = counted
    total = sum(path.stat().st_size for path in many.source.iterdir())
    assert restore[0] == "restore"
    assert restore[1] == restore[2] == total
    assert verify == ("verify", total, total, 33, 33)


def test_a_check_of_a_repository_comes_to_its_totals(many):
    many.made()
    run = many.act("check", "--read-data", "--json")
    phases = _finished(run)
    assert phases.keys() >= {"records", "index", "packs", "roots", "read", "trees"}
    for name, phase in phases.items():
        assert (phase["done_bytes"], phase["done_items"]) == (phase["total_bytes"] or 0, phase["total_items"]), name


def test_a_prune_says_how_much_it_moves_and_deletes(many):
    for number in range(9):
        (many.source / "one").write_bytes(os.urandom(1000 + number))
        many.made()
    run = many.act("prune", "--json")
    phases = _finished(run)
    assert phases["move"]["done_bytes"] == phases["move"]["total_bytes"] == run.json["moved_bytes"] > 0
    assert phases["delete"]["done_items"] == phases["delete"]["total_items"] == run.json["done"]["deleted_packs"]
    assert phases["trees"]["done_items"] > 0
