"""Backups in a repository: made, looked at and brought back by the program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.manifest import compare, make_manifest
from support.trees import edit_tree, make_tree

UNLIKE = ("alloc", "nlink")


def same(expected: Path, got: Path) -> list[str]:
    """Differences of two trees, but for sockets, which nobody stores."""
    wanted = {path: entry for path, entry in make_manifest(expected).items() if entry["type"] != "socket"}
    return compare(wanted, make_manifest(got), ignore=UNLIKE)


def test_every_kind_of_file_comes_back_as_it_was_from_every_backup(vault, tmp_path):
    source = tmp_path / "rich"
    make_tree(source)
    states = {}
    for round in range(3):
        if round:
            edit_tree(source, seed=round)
        run = vault.act("backup", "--engine", "dedup", "-F", source, "--json")
        assert run.code == 0, run.err
        before = tmp_path / f"before-{round}"
        subprocess.run(["cp", "-a", "--", str(source), str(before)], check=True)
        states[run.json["dedup"]["backup"]] = before
    assert vault.ids() == list(states)
    for id, before in states.items():
        target = tmp_path / f"out-{id}"
        run = vault.restore(target, "--id", id, "--verify")
        assert run.code == 0, run.err
        assert same(before, target) == []


def test_what_was_stored_once_is_not_stored_again(vault):
    (vault.source / "big").write_bytes(os.urandom(3 << 20))
    first = vault.backup("--json").json
    assert first["dedup"]["new_files"] == 3
    assert first["dedup"]["bytes_new"] >= 3 << 20
    again = vault.backup("--json", "-N", "another name").json
    assert again["dedup"]["bytes_new"] < 10_000
    (vault.source / "one").write_text("changed")
    (vault.source / "three").write_text("new")
    third = vault.backup("--json").json
    counts = third["dedup"]
    assert (counts["new_files"], counts["changed_files"]) == (1, 1)
    assert counts["bytes_stored"] < 20_000
    assert third["level"] == 0
    assert third["compression"] == "zstd"
    assert third["encryption"] == "aes-256-gcm"
    assert third["partial"] is False


def test_the_backup_is_chosen_by_id_date_host_name_and_tag(vault, tmp_path):
    first = vault.made("--tag", "weekly", "--tag", "x")
    (vault.source / "one").write_text("later")
    second = vault.made("--tag", "daily")
    other = vault.made("-N", "other", "--hostname", "elsewhere")

    def taken(*words: object) -> str:
        return vault.restore(tmp_path / "out", "--json", "--overwrite", *words).json["backup"]

    assert taken() == second
    assert taken("--tag", "weekly") == first
    assert taken("--id", first) == first
    assert taken("--id", other[:-1]) == other
    assert taken("-N", "other", "--hostname", "elsewhere") == other
    rows = {row["id"]: row for row in vault.act("list", "--json").json}
    assert taken("--restore-from-date", "2100-01-01") == second
    assert (tmp_path / "out" / "one").read_text() == "later"
    assert rows.keys() == {first, second}
    everywhere = vault.agent.call(
        "list", "--storage", "local", "-C", vault.container, "--json", "--machine-secret-file", vault.secret
    ).json
    assert {row["id"] for row in everywhere} == {first, second, other}
    assert rows[first]["tags"] == ["weekly", "x"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--id", "0"], "backups have ids that begin with 0"),
        (["--id", "zzz"], "has no backup whose id begins with zzz"),
        (["--tag", "nosuch"], "no backup of web has 1 tag nosuch"),
        (["-N", "nosuch"], "has no backup nosuch of host h; there are: web of host h"),
        (["--restore-from-date", "2001-01-01"], "no backup of web is that old; the oldest is from"),
        (["--only", "nosuch"], "the backup does not hold nosuch"),
    ],
)
def test_what_cannot_be_chosen_is_one_line_that_says_what_there_is(vault, tmp_path, words, said):
    vault.made()
    vault.made()
    run = vault.restore(tmp_path / "out", *words)
    assert run.code in (1, 2)
    assert said in run.error


def test_paths_and_patterns_choose_a_part(vault, tmp_path):
    (vault.source / "etc" / "deep").mkdir(parents=True)
    for name in ("a.conf", "b.conf", "c.txt"):
        (vault.source / "etc" / name).write_text(name)
    (vault.source / "etc" / "deep" / "d.conf").write_text("d")
    vault.made()
    assert vault.restore(tmp_path / "out", "--only", "etc/*.conf").code == 0
    assert sorted(os.listdir(tmp_path / "out" / "etc")) == ["a.conf", "b.conf"]
    shown = vault.act("show", "--json", "--only", "etc/deep").json
    assert [row["path"] for row in shown] == ["etc/deep", "etc/deep/d.conf"]
    assert {row["type"] for row in shown} == {"directory", "file"}


def test_a_restore_obeys_overwrite_policies_and_delete(vault, tmp_path):
    vault.made()
    target = tmp_path / "out"
    assert vault.restore(target).code == 0
    (target / "one").write_text("mine")
    (target / "foreign").write_text("x")
    refused = vault.restore(target)
    assert refused.code == 1
    assert "is not empty" in refused.error
    assert vault.restore(target, "--overwrite-policy", "never").code == 0
    assert (target / "one").read_text() == "mine"
    assert vault.restore(target, "--overwrite-policy", "if-changed", "--delete").code == 0
    assert (target / "one").read_text() == "first"
    assert not (target / "foreign").exists()
    again = vault.restore(target, "--overwrite-policy", "if-changed", "--json").json
    assert (again["files"], again["skipped"]) == (0, 2)


def test_a_dry_run_says_what_would_be_stored_and_writes_nothing(vault, tmp_path):
    before = vault.stored()
    run = vault.backup("--dry-run", "--json")
    assert run.code == 0, run.err
    assert (run.json["new_files"], run.json["dry_run"]) == (2, True)
    assert vault.stored() == before
    vault.made()
    run = vault.restore(tmp_path / "out", "--dry-run", "--json")
    assert run.json["items"] == [".", "one", "two"]
    assert not (tmp_path / "out").exists()


def from_standard_input(vault, data: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "freezer.cmd.agent", "backup", "--engine", "dedup", "--stdin-name", "db.sql"]
    stored = [*vault.agent.stored(), "--machine-secret-file", str(vault.secret)]
    return subprocess.run([*command, *stored, *words], input=data, capture_output=True, check=False)


def test_standard_input_is_backed_up_as_a_file(vault, tmp_path):
    dump = os.urandom(300_000)
    done = from_standard_input(vault, dump)
    assert done.returncode == 0, done.stderr.decode()
    assert vault.restore(tmp_path / "out").code == 0
    assert (tmp_path / "out" / "db.sql").read_bytes() == dump


def test_a_dump_that_failed_is_noticed_by_its_having_no_bytes(vault):
    assert from_standard_input(vault, b"").returncode == 0  # nobody knows better yet
    assert from_standard_input(vault, b"some rows").returncode == 0
    refused = from_standard_input(vault, b"")
    assert refused.returncode == 1
    assert b"db.sql has no bytes, but its last backup had some" in refused.stderr
    assert len(vault.ids()) == 2
    assert from_standard_input(vault, b"", "--allow-empty-source").returncode == 0


def test_a_checksum_of_the_source_is_reported_and_compared_with_what_is_restored(vault, tmp_path):
    (vault.source / "skip").write_text("x")
    run = vault.backup("--consistency-check", "--exclude", "skip", "--json")
    checksum = run.json["consistency_checksum"]
    assert checksum.startswith("freezer-tree-sha256:")
    assert vault.restore(tmp_path / "out", "--consistency-checksum", checksum).code == 0
    wrong = vault.restore(
        tmp_path / "wrong", "--consistency-checksum", checksum[:-1] + ("0" if checksum[-1] != "0" else "1")
    )
    assert wrong.code == 1
    refused = from_standard_input(vault, b"x", "--consistency-check")
    assert refused.returncode == 2
    assert b"--consistency-check is of directories and files" in refused.stderr


def test_a_level_is_nothing_that_a_backup_of_a_repository_has(vault, tmp_path):
    vault.made()
    assert vault.restore(tmp_path / "zero", "--restore-level", "0").code == 0
    refused = vault.restore(tmp_path / "one", "--restore-level", "1")
    assert refused.code == 1
    assert "have no levels: there is none of level 1" in refused.error
    assert not (tmp_path / "one").exists()


def test_listing_and_showing_need_no_content(vault):
    id = vault.made()
    shutil.rmtree(vault.objects / "packs")
    shutil.rmtree(Path(os.environ["HOME"]) / ".cache", ignore_errors=True)
    assert [row["path"] for row in vault.act("show", "--json").json] == [".", "one", "two"]
    shutil.rmtree(vault.objects / "meta")
    shutil.rmtree(Path(os.environ["HOME"]) / ".cache", ignore_errors=True)
    assert vault.ids() == [id]


def test_a_set_that_another_installation_goes_on_with_is_mentioned(vault):
    vault.made()
    assert "another installation" not in vault.backup().err
    shutil.rmtree(Path(os.environ["HOME"]) / ".local" / "state")
    assert "two machines have one name" in vault.backup().err
    assert "another installation" not in vault.backup().err


def test_a_block_device_is_backed_up_by_its_content(vault, tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(os.urandom(1 << 20))
    attached = subprocess.run(["losetup", "-f", "--show", disk], capture_output=True, text=True, check=False)
    if attached.returncode:
        pytest.skip(f"machine limit: no loop device: {attached.stderr.strip()}")
    device = Path(attached.stdout.strip())
    try:
        assert vault.act("backup", "--engine", "dedup", "-F", device).code == 0
    finally:
        subprocess.run(["losetup", "-d", device], check=True)
    assert vault.restore(tmp_path / "out").code == 0
    assert (tmp_path / "out" / device.name).read_bytes() == disk.read_bytes()


def test_a_single_file_is_backed_up_alone(vault, tmp_path):
    assert vault.act("backup", "--engine", "dedup", "-F", vault.source / "one").code == 0
    assert vault.restore(tmp_path / "out").code == 0
    assert os.listdir(tmp_path / "out") == ["one"]


def test_what_is_excluded_is_not_there(vault, tmp_path):
    (vault.source / "skip.o").write_text("x")
    assert vault.made("--exclude", "*.o")
    assert vault.restore(tmp_path / "out").code == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["one", "two"]


def test_a_file_that_changes_while_it_is_read_makes_a_partial_backup(vault, growing):
    run = vault.backup("--json", "--upload-limit", "16M")
    assert run.code == 3, run.err
    assert run.json["partial"] is True
    assert [item["path"] for item in run.json["failed_items"]] == ["growing.log"]
    assert [row["partial"] for row in vault.act("list", "--json").json] == [True]


def test_an_empty_source_after_a_full_one_is_refused(vault):
    vault.made()
    for path in vault.source.iterdir():
        path.unlink()
    run = vault.backup()
    assert run.code == 1
    assert "is empty, but its last backup was not" in run.error
    assert len(vault.ids()) == 1
    assert vault.backup("--allow-empty-source").code == 0


def test_a_source_that_shrank_too_much_is_refused(vault):
    for number in range(8):
        (vault.source / f"more{number}").write_text("x")
    vault.made("--max-shrink", "0%")
    for number in range(5):
        (vault.source / f"more{number}").unlink()
    run = vault.backup("--max-shrink", "49%")
    assert run.code == 1
    assert "has 5 files, its last backup had 10: it shrank by more than --max-shrink allows" in run.error
    assert len(vault.ids()) == 1
    assert vault.backup("--max-shrink", "49%", "--allow-empty-source").code == 0
    (vault.source / "one").unlink()
    assert vault.backup("--max-shrink", "20%").code == 0


def test_a_backup_may_be_told_to_read_what_looks_unchanged(vault):
    vault.made()
    vault.made()
    for path in vault.source.iterdir():
        os.utime(path, ns=(1, 1))
    vault.made()
    import time

    time.sleep(2.1)  # what changed within two seconds is read again in any case
    vault.made()
    assert vault.backup("--json").json["dedup"]["unmodified_files"] == 2
    counts = vault.backup("--json", "--rehash", "100%").json["dedup"]
    assert counts["rehashed_files"] == 2
    assert counts["bytes_new"] < 2_000


def test_the_summary_for_people_says_what_was_new(vault):
    run = vault.backup()
    assert "2 new, 0 changed, 0 unmodified" in run.out
    assert "2 files in 1 directory" in run.out
