"""Retention, prune, check, drill and keys of a repository, by the program."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from freezer.repository import reserve
from support.passphrases import make_pass_file


def forget_caches() -> None:
    shutil.rmtree(Path(os.environ["HOME"]) / ".cache", ignore_errors=True)


def test_rules_decide_with_a_reason_and_a_dry_run_changes_nothing(vault):
    ids = [vault.made() for _ in range(4)]
    before = vault.stored()
    run = vault.act("forget", "--keep-last", "2", "--dry-run", "--json")
    assert [row["backup"] for row in run.json["remove"]] == ids[:2]
    assert [row["reason"] for row in run.json["keep"]] == ["last 2 of 2", "last 1 of 2"]
    assert vault.stored() == before
    assert vault.act("forget", "--keep-last", "2").code == 0
    assert vault.ids() == ids[2:]


def test_rules_may_be_about_backups_with_a_tag_and_spare_others_with_one(vault):
    weekly = [vault.made("--tag", "weekly") for _ in range(2)]
    daily = [vault.made("--tag", "daily") for _ in range(2)]
    assert vault.act("forget", "--tag", "daily", "--keep-last", "1").code == 0
    assert vault.ids() == [*weekly, daily[1]]
    assert vault.act("forget", "--keep-tag", "weekly").code == 0
    assert vault.ids() == [*weekly, daily[1]]  # the newest stays
    assert vault.act("forget", "--keep-tag", "daily").code == 0
    assert vault.ids() == [daily[1]]


def test_the_last_backup_of_a_set_stays_unless_it_may_go(vault):
    id = vault.made()
    assert vault.act("admin", "--remove-older-than", "0").code == 0
    assert vault.ids() == [id]
    assert vault.act("admin", "--remove-older-than", "0", "--allow-empty").code == 0
    assert vault.ids() == []


def test_a_held_backup_stays_until_it_is_released(vault):
    first, second = vault.made(), vault.made()
    assert vault.act("hold", "--id", first, "--hold-label", "court").code == 0
    run = vault.act("forget", "--keep-last", "1", "--json")
    assert [row["reason"] for row in run.json["keep"]] == ["held: for ever, court", "last 1 of 1"]
    refused = vault.act("forget", "--id", first)
    assert refused.code == 1
    assert "held" in refused.error
    assert vault.act("release", "--id", first).code == 0
    assert vault.act("forget", "--keep-last", "1").code == 0
    assert vault.ids() == [second]
    over = vault.act("hold", "--id", second, "--hold-until", "2020-01-01")
    assert over.code == 2
    assert "is over already" in over.error


def test_what_a_check_has_read_is_pushed_out_by_no_flood(vault):
    (vault.source / "own").write_bytes(os.urandom(50_000))
    good = vault.made()
    assert vault.act("check", "--read-data").code == 0
    flood = [vault.made() for _ in range(4)]
    run = vault.act("forget", "--keep-last", "2", "--json")
    assert {row["backup"] for row in run.json["keep"]} == {good, *flood[2:]}
    assert run.json["keep"][0]["reason"] == "verified 1 of 3"
    run = vault.act("forget", "--keep-last", "2", "--keep-verified", "0", "--json")
    assert good not in {row["backup"] for row in run.json["keep"]}


def test_a_complete_backup_may_remove_old_ones(vault):
    for _ in range(3):
        vault.made()
    assert len(vault.ids()) == 3
    assert vault.backup("--keep-last", "1").code == 0
    assert len(vault.ids()) == 1


def test_prune_gives_back_what_only_forgotten_backups_needed(vault, tmp_path):
    (vault.source / "big").write_bytes(os.urandom(4 << 20))
    vault.made()
    (vault.source / "big").write_bytes(os.urandom(1 << 20))
    second = vault.made()
    vault.act("forget", "--keep-last", "1")
    full = sum(path.stat().st_size for path in vault.stored("packs"))
    plan = vault.act("prune", "--dry-run", "--json")
    assert plan.code == 0, plan.err
    assert plan.json["freed_bytes"] > 3 << 20
    assert sum(path.stat().st_size for path in vault.stored("packs")) == full
    assert vault.act("prune").code == 0
    assert sum(path.stat().st_size for path in vault.stored("packs")) < full - (3 << 20)
    assert vault.restore(tmp_path / "out", "--id", second).code == 0
    assert vault.act("check", "--read-data").code == 0


def test_prune_makes_a_few_large_objects_of_those_of_many_small_backups(vault, tmp_path):
    for number in range(9):
        (vault.source / "one").write_bytes(os.urandom(1000 + number))
        last = vault.made()
    assert len(vault.stored("packs")) == len(vault.stored("meta")) == 9
    assert vault.act("prune", "--prune-budget", "0", "--json").json["done"]["moved_bytes"] == 0
    run = vault.act("prune", "--json")
    assert run.code == 0, run.err
    assert run.json["done"]["deleted_packs"] == 18
    assert len(vault.stored("packs")) == len(vault.stored("meta")) == 1
    assert vault.act("check", "--read-data").code == 0
    assert vault.restore(tmp_path / "out", "--id", last).code == 0
    assert vault.backup("--json").json["dedup"]["bytes_new"] < 2_000
    assert vault.act("prune", "--json").json["done"]["moved_bytes"] == 0


def test_prune_removes_what_writers_that_died_have_left(vault):
    vault.made()
    left = vault.objects / "packs" / ".freezer-tmp-0-left"
    left.write_bytes(b"half a pack")
    long_ago = time.time() - 3 * 86400
    os.utime(left, (long_ago, long_ago))
    assert vault.act("prune", "--dry-run", "--json").json["leftovers"] == 1
    assert left.exists()
    assert vault.act("prune").code == 0
    assert not left.exists()


def test_a_share_is_read_at_a_time_until_everything_was(vault):
    for number in range(4):
        (vault.source / "one").write_bytes(os.urandom(20_000))
        assert vault.made()
        assert number < 4
    read = set()
    for _ in range(4):
        run = vault.act("check", "--read-data", "25%", "--json")
        assert run.code == 0, run.err
        read.add(run.json["read_packs"])
        assert 0 < run.json["read_bytes"] < run.json["stored_bytes"]
    assert all(count >= 1 for count in read)
    rows = vault.act("forget", "--keep-last", "1", "--dry-run", "--keep-verified", "9", "--json").json["keep"]
    assert len(rows) == 4  # every byte of each backup was read in four runs


def test_a_damaged_pack_is_found_quarantined_and_healed_by_the_next_backup(vault, tmp_path):
    (vault.source / "big").write_bytes(os.urandom(200_000))
    vault.made()
    (pack,) = vault.stored("packs")
    raw = bytearray(pack.read_bytes())
    raw[len(raw) // 2] ^= 1
    pack.write_bytes(raw)
    forget_caches()
    assert vault.act("check").code == 0  # nobody has read it yet
    run = vault.act("check", "--read-data", "--json")
    assert run.code == 1
    assert any(pack.name in problem["object"] for problem in run.json["problems"])
    (row,) = vault.act("list", "--json").json
    assert row["problem"] == "a check found that something of it is lost"
    healed = vault.backup("--json")
    assert healed.code == 0, healed.err
    assert healed.json["dedup"]["bytes_new"] >= 200_000
    vault.act("check", "--read-data")
    assert [row["problem"] for row in vault.act("list", "--json").json] == [None, None]
    assert vault.restore(tmp_path / "out").code == 0
    assert (tmp_path / "out" / "big").read_bytes() == (vault.source / "big").read_bytes()


@pytest.mark.parametrize("how", ["missing", "cut", "swapped"])
def test_a_pack_that_is_missing_cut_or_exchanged_is_found_without_reading_it(vault, how):
    for content in (b"a", b"b"):
        (vault.source / "one").write_bytes(content * 100_000)
        vault.made()
    first, second = vault.stored("packs")
    if how == "missing":
        first.unlink()
    elif how == "cut":
        first.write_bytes(first.read_bytes()[:-1])
    else:
        kept = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(kept)
    forget_caches()
    run = vault.act("check", "--json")
    assert run.code == 1
    assert run.json["problems"]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_commit_that_somebody_removed_is_found(vault, which):
    ids = [vault.made() for _ in range(3)]
    (vault.objects / "commits" / ids[which]).unlink()
    forget_caches()
    run = vault.act("check", "--json")
    assert run.code == 1
    assert any(ids[which] in problem["object"] + problem["reason"] for problem in run.json["problems"])


def test_an_index_that_somebody_removed_is_found_and_restores_go_on(vault, tmp_path):
    vault.made()
    for part in vault.stored("index"):
        part.unlink()
    forget_caches()
    run = vault.act("check", "--json")
    assert run.code == 1
    assert {problem["reason"] for problem in run.json["problems"]} == {
        "the part of the index that spoke of it is lost; it tells of itself"
    }
    assert vault.restore(tmp_path / "out").code == 0
    assert vault.backup().code == 0


def test_a_commit_that_was_exchanged_for_an_older_one_is_found(vault):
    ids = [vault.made() for _ in range(3)]
    commits = vault.objects / "commits"
    (commits / ids[1]).write_bytes((commits / ids[0]).read_bytes())
    forget_caches()
    assert vault.act("check").code == 1


def test_forgotten_backups_are_no_gap(vault):
    for _ in range(3):
        vault.made()
    vault.act("forget", "--keep-last", "1")
    vault.act("prune")
    assert vault.act("check").code == 0


def test_a_drill_restores_a_sample_and_the_list_says_when(vault, tmp_path):
    id = vault.made()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    probe = f"{sys.executable} -c \"import os; assert os.listdir(os.environ['FREEZER_RESTORED'])\""
    run = vault.act("drill", "--scratch-dir", scratch, "--probe", probe, "--json")
    assert run.code == 0, run.err
    assert run.json["backup"] == id
    assert run.json["verdict"] is True
    assert os.listdir(scratch) == []
    (row,) = vault.act("list", "--json").json
    assert row["proved"]


def test_a_drill_whose_probe_is_not_content_fails_and_proves_nothing(vault):
    vault.made()
    run = vault.act("drill", "--probe", "false")
    assert run.code == 1
    assert "probe" in run.error
    (row,) = vault.act("list", "--json").json
    assert row["proved"] is None


def test_a_drill_of_a_damaged_backup_fails(vault):
    (vault.source / "big").write_bytes(os.urandom(100_000))
    vault.made()
    (pack,) = vault.stored("packs")
    raw = bytearray(pack.read_bytes())
    raw[len(raw) // 2] ^= 1
    pack.write_bytes(raw)
    assert vault.act("drill").code == 1
    (row,) = vault.act("list", "--json").json
    assert row["drill_failed"]
    assert row["proved"] is None


def test_a_drill_that_cannot_even_begin_is_recorded_as_failed(vault):
    id = vault.made()
    assert vault.act("drill").code == 0
    root = vault.objects / "roots" / id
    root.write_bytes(root.read_bytes()[:-1])
    forget_caches()
    assert vault.act("drill").code == 1
    assert len(vault.stored("drills")) == 2
    (row,) = vault.act("list", "--json").json
    assert row["proved"] <= row["drill_failed"]
    assert "a drill failed 20" in vault.act("list").out


def test_a_drill_may_be_of_what_is_named(vault):
    vault.made()
    run = vault.act("drill", "--only", "two", "--json")
    assert run.code == 0, run.err
    assert run.json["items"] == 1
    missed = vault.act("drill", "--only", "nosuch")
    assert missed.code == 1
    assert "does not hold nosuch" in missed.error


def test_several_keys_open_a_repository_and_the_last_one_stays(vault, tmp_path):
    vault.made()
    second = make_pass_file(tmp_path / "second", "another")
    words = ["--encrypt-pass-file", second]
    assert vault.agent.act("list", *words).code == 1
    assert vault.act("key-add", "--new-pass-file", second, "--key-label", "safe").code == 0
    assert vault.agent.act("list", *words).code == 0
    keys = vault.act("key-list", "--json").json
    assert [row["opens_with"] for row in keys] == ["machine secret", "passphrase"]
    assert vault.act("key-remove", "--key-id", keys[0]["key"]).code == 2  # it has opened the repository just now
    assert vault.act("key-remove", "--key-label", "safe").code == 0
    assert vault.agent.act("list", *words).code == 1
    run = vault.act("key-remove", "--key-label", "safe")
    assert run.code == 1
    assert "there is no key with the label safe" in run.error


def test_a_repository_that_is_not_encrypted_says_so_every_time(agent, tmp_path, pass_file):
    words = agent.stored("--unencrypted")
    run = agent.call("init", *words)
    assert run.code == 0
    assert "Not encrypted, as you asked" in run.out
    for words in (["backup", "--engine", "dedup", "-F", agent.source], ["list"], ["check"], ["prune"]):
        run = agent.act(*words)
        assert run.code == 0, run.err
        assert "is not encrypted" in run.err
    run = agent.act("list", "--encrypt-pass-file", pass_file)
    assert run.code == 1
    assert "is not encrypted, though a passphrase is given" in run.error


def test_a_prune_lays_the_reserve_again_and_nobody_misses_it(vault):
    vault.made()
    laid = vault.stored("reserve")
    assert len(laid) == reserve.PIECES
    for path in laid:
        path.unlink()
    assert vault.act("check", "--read-data").code == 0
    vault.made()
    assert vault.stored("reserve") == []
    assert vault.act("prune", "--dry-run").code == 0
    assert vault.stored("reserve") == []
    assert vault.act("prune").code == 0
    assert [path.stat().st_size for path in vault.stored("reserve")] == [reserve.SIZE] * reserve.PIECES
