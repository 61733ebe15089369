"""What is wrong outside gets one clear line, and whatever was good before stays good."""

from __future__ import annotations

import gzip
import json
import os

import pytest

from support.disks import small_disk
from support.manifest import compare, make_manifest

IS_ROOT = os.geteuid() == 0


def _restored(agent, tmp_path, *words):
    target = tmp_path / "restored"
    run = agent.restore(target, *words)
    assert run.code == 0, run.err
    assert compare(make_manifest(agent.source), make_manifest(target)) == []


# --- what is not there


def test_a_source_that_does_not_exist_is_named_and_no_container_is_made(agent):
    run = agent.call("backup", "-F", agent.folder / "nothing", *agent.stored())
    assert run.code == 1
    assert str(agent.folder / "nothing") in run.error
    assert not agent.container.exists()


def test_restoring_from_a_container_that_does_not_exist_does_not_make_one(agent, tmp_path):
    """The original creates it on the way."""
    run = agent.restore(tmp_path / "out")
    assert run.code == 1
    assert str(agent.container) in run.error
    assert not agent.container.exists()
    assert not (tmp_path / "out").exists()


def test_an_unknown_backup_name_tells_those_that_exist(agent, tmp_path):
    agent.backup()
    words = ["--storage", "local", "-C", agent.container, "--hostname", "h", "-N", "mail"]
    run = agent.call("restore", "--restore-abs-path", tmp_path / "out", *words)
    assert run.code == 1
    assert "mail" in run.error
    assert "web" in run.error


def test_an_unknown_host_tells_those_that_exist(agent, tmp_path):
    agent.backup()
    words = ["--storage", "local", "-C", agent.container, "--hostname", "strange", "-N", "web"]
    run = agent.call("restore", "--restore-abs-path", tmp_path / "out", *words)
    assert run.code == 1
    assert "strange" in run.error
    assert run.error.endswith(" h")


def test_a_date_before_every_backup_tells_the_oldest(agent, tmp_path):
    stamp = agent.backup("--json").json["time_stamp"]
    run = agent.restore(tmp_path / "out", "--restore-from-date", "2001-01-01T00:00:00Z")
    assert run.code == 1
    assert "oldest" in run.error
    assert "2001-01-01" in run.error
    assert agent.restore(tmp_path / "out", "--restore-from-date", "2100-01-01").code == 0
    assert stamp > 0


def test_a_date_that_is_none_is_a_usage_error(agent, tmp_path):
    agent.backup()
    run = agent.restore(tmp_path / "out", "--restore-from-date", "yesterday")
    assert run.code == 2
    assert "yesterday" in run.error


def test_a_level_one_without_its_level_zero_is_not_restored(agent, tmp_path):
    for _ in range(2):
        agent.backup("--incremental")
    (zero,) = agent.container.glob("metadata/tar/h_web/*/0_*/metadata")
    zero.unlink()
    run = agent.restore(tmp_path / "out")
    assert run.code == 1
    assert "level 0" in run.error
    assert not (tmp_path / "out").exists()


def test_an_empty_source_after_a_full_one_is_probably_not_mounted(agent):
    agent.backup()
    before = agent.objects()
    for path in agent.source.iterdir():
        path.unlink()
    run = agent.backup("--incremental")
    assert run.code == 1
    assert "empty" in run.error
    assert "--allow-empty-source" in run.err
    assert agent.objects() == before
    assert agent.backup("--incremental", "--allow-empty-source").code == 0


# --- what is not allowed or has no room


def test_a_full_disk_fails_in_one_line_and_leaves_no_backup(agent, tmp_path):
    with small_disk(agent.container):
        assert agent.backup().code == 0
        before = agent.objects()
        (agent.source / "big").write_bytes(os.urandom(4 << 20))
        run = agent.backup("--incremental")
        assert run.code == 1
        assert "space" in run.error.lower()
        assert agent.objects() == before
        assert agent.restore(tmp_path / "out").code == 0
        assert sorted(os.listdir(tmp_path / "out")) == ["one", "two"]


def test_a_restore_onto_a_full_disk_fails_in_one_line(agent, tmp_path):
    (agent.source / "big").write_bytes(os.urandom(4 << 20))
    assert agent.backup().code == 0
    target = tmp_path / "small"
    with small_disk(target):
        run = agent.restore(target)
        assert run.code in (1, 3)
        assert "space" in run.err.lower()
        assert not (target / "big").exists()


def test_a_restore_target_that_is_a_file_is_refused(agent, tmp_path):
    agent.backup()
    (tmp_path / "out").write_text("mine")
    run = agent.restore(tmp_path / "out")
    assert run.code == 1
    assert str(tmp_path / "out") in run.error
    assert (tmp_path / "out").read_text() == "mine"


def test_a_restore_target_that_is_not_empty_is_refused_without_overwrite(agent, tmp_path):
    agent.backup()
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine").write_text("mine")
    run = agent.restore(target)
    assert run.code == 1
    assert "not empty" in run.error
    assert os.listdir(target) == ["mine"]
    assert agent.restore(target, "--overwrite").code == 0
    assert sorted(os.listdir(target)) == ["mine", "one", "two"]


# --- options


def test_an_unknown_option_is_a_usage_error_that_names_it(agent):
    run = agent.backup("--bogus")
    assert run.code == 2
    assert "--bogus" in run.error


@pytest.mark.parametrize(
    "words",
    [
        ("--no-incremental", "--max-level", 2),
        ("--no-incremental", "--always-level", 2),
        ("--restart-always-level", 2, "--max-level", -1),
        ("--max-level", "many"),
        ("--compression", "rar"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors_and_write_nothing(agent, words):
    run = agent.backup(*words)
    assert run.code == 2
    assert run.error
    assert not agent.container.exists()


@pytest.mark.parametrize("storage", ["ftp", "ftps"])
def test_a_storage_that_cannot_be_reached_is_never_silently_replaced(agent, storage):
    run = agent.call("backup", "-F", agent.source, "-C", agent.container, "-N", "web", "--storage", storage)
    assert run.code == 2
    assert run.error == f"--storage {storage} needs --ftp-host"
    assert not agent.container.exists()


@pytest.mark.parametrize("mode", ["mysql", "mongo", "nova", "cinder", "glance"])
def test_a_mode_that_this_build_does_not_have_is_a_usage_error(agent, mode):
    run = agent.backup("--mode", mode)
    assert run.code == 2
    assert run.error
    assert not agent.container.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[default]\naction = backup\nno_such_key = 1\n", "no_such_key"),
        ("[default]\nmax_level = many\n", "max_level"),
        ("[default\naction = backup\n", "line 1"),
        ("action = backup\n", "agent.ini"),
        ("\x00\x01\x02", "agent.ini"),
    ],
)
def test_a_malformed_configuration_is_one_line_that_says_where(agent, tmp_path, text, said):
    path = tmp_path / "agent.ini"
    path.write_text(text)
    run = agent.backup("--config", path)
    assert run.code in (1, 2)
    assert said in run.error


def test_a_configuration_that_does_not_exist_is_named(agent, tmp_path):
    run = agent.backup("--config", tmp_path / "none.ini")
    assert run.code in (1, 2)
    assert "none.ini" in run.error


@pytest.mark.parametrize("text", ["{", "[]", '"text"', '{"no_such_key": 1}'])
def test_a_malformed_job_document_is_one_line_that_names_it(agent, tmp_path, text):
    path = tmp_path / "job.json"
    path.write_text(text)
    run = agent.backup("--config", path)
    assert run.code in (1, 2)
    assert "job.json" in run.error or "no_such_key" in run.error


# --- what is stored is damaged


@pytest.mark.parametrize(
    "state",
    [b"", b"\x00", b"GNU tar-1.34-9\n", b"GNU tar-1.34-2\n1700000000\x000\x00", b"not a snapshot at all"],
)
def test_a_state_that_cannot_be_used_is_a_new_full_backup_with_the_reason(agent, tmp_path, state):
    agent.backup("--incremental")
    agent.newest("engine_metadata").write_bytes(state)
    run = agent.backup("--incremental", "--json")
    assert run.code == 0, run.err
    assert run.json["level"] == 0
    assert "state" in run.json["level_reason"]
    _restored(agent, tmp_path)


@pytest.mark.parametrize("size", [0, 5, -20, -1])
def test_truncated_data_is_noticed_by_restore_and_check(agent, tmp_path, size):
    agent.backup()
    path = agent.newest("data")
    os.truncate(path, size if size >= 0 else path.stat().st_size + size)
    run = agent.restore(tmp_path / "out")
    assert run.code == 1
    assert run.error
    assert agent.act("check").code == 1


def test_gzip_cut_exactly_between_two_members_is_noticed(agent, tmp_path):
    """A decompressor is content with whole members; only the archive's end, or the recorded size, tells."""
    agent.backup()
    path = agent.newest("data")
    plain = gzip.decompress(path.read_bytes())
    whole = gzip.compress(plain[:1024]) + gzip.compress(plain[1024:])
    record = agent.newest("metadata")
    # without Freezer's own details it is a backup as the original leaves it, which records neither size nor digest
    record.write_text(json.dumps({"engine_name": "tar", "compression": "gzip", "encryption": False}))
    path.write_bytes(whole)
    assert agent.restore(tmp_path / "whole").code == 0
    path.write_bytes(gzip.compress(plain[:1024]))
    run = agent.restore(tmp_path / "cut")
    assert run.code == 1
    assert run.error


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"engine_name": 5}', "\x00" * 10])
def test_a_record_that_cannot_be_read_is_an_error_and_not_another_backup(agent, tmp_path, text):
    agent.backup("--incremental")
    agent.backup("--incremental")
    agent.newest("metadata").write_text(text)
    run = agent.restore(tmp_path / "out")
    assert run.code == 1
    assert run.error
    assert agent.act("check").code == 1


def test_a_data_object_that_vanished_is_noticed_by_backup_and_restore(agent, tmp_path):
    agent.backup("--incremental")
    agent.newest("data").unlink()
    run = agent.restore(tmp_path / "out")
    assert run.code == 1
    again = agent.backup("--incremental", "--json")
    assert (again.code, again.json["level"]) == (0, 0)
    _restored(agent, tmp_path)


# --- the original's defects


def test_d5_of_several_increments_of_one_level_the_newest_is_restored(agent, tmp_path):
    for number in range(12):
        (agent.source / "one").write_text(f"as of {number}")
        assert agent.backup("--always-level", 1).code == 0
    _restored(agent, tmp_path)


@pytest.mark.parametrize("name", ["a blank", ";touch pwned", "$(touch pwned)", "-rf", "new\nline", "--help"])
def test_d6_d7_a_single_file_of_any_name_is_stored_and_nothing_is_executed(agent, tmp_path, name):
    folder = tmp_path / "single"
    folder.mkdir()
    (folder / name).write_text("content")
    run = agent.call("backup", "-F", folder / name, *agent.stored("--exclude", "$(touch pwned)"))
    assert run.code == 0, run.err
    target = tmp_path / "out put;touch pwned"
    assert agent.restore(target).code == 0
    assert (target / name).read_text() == "content"
    assert list(tmp_path.rglob("pwned")) == []


def test_d8_a_cut_off_of_zero_is_a_date_and_removes_nothing(agent):
    agent.backup()
    run = agent.act("admin", "--remove-before-date", "1970-01-01T00:00:00Z")
    assert run.code == 0
    assert agent.levels() == [0]


def test_d8_remove_older_than_zero_keeps_the_backup_just_made(agent, tmp_path):
    for _ in range(2):
        assert agent.backup("--remove-older-than", 0).code == 0
    _restored(agent, tmp_path)


def test_d12_what_a_killed_backup_left_is_no_backup(agent, tmp_path):
    agent.backup("--incremental")
    left = agent.container / "data/tar/h_web/1700000000/0_1700000000"
    left.mkdir(parents=True)
    (left / "data").write_bytes(b"half")
    assert agent.levels() == [0]
    assert agent.backup("--incremental", "--json").json["level"] == 1
    _restored(agent, tmp_path)


def test_d13_a_file_that_changes_while_it_is_read_makes_a_partial_backup(agent, growing, tmp_path):
    run = agent.backup("--upload-limit", "16M", "--json")
    assert run.code == 3, run.err
    assert [item["path"] for item in run.json["failed_items"]] == ["growing.log"]
    restored = agent.restore(tmp_path / "out")
    assert restored.code in (0, 3)
    assert (tmp_path / "out" / "one").read_text() == "first"


def test_d14_backups_in_the_same_second_do_not_overwrite_each_other(agent, tmp_path):
    for number in range(5):
        (agent.source / "one").write_text(f"as of {number}")
        assert agent.backup().code == 0
    assert agent.levels() == [0] * 5
    _restored(agent, tmp_path)


def test_u1_the_command_line_wins_over_the_configuration(agent, tmp_path):
    agent.backup()
    path = tmp_path / "agent.ini"
    path.write_text(f"[default]\naction = backup\ncontainer = {tmp_path / 'elsewhere'}\n")
    run = agent.restore(tmp_path / "out", "--config", path)
    assert run.code == 0, run.err
    assert (tmp_path / "out" / "one").read_text() == "first"
    assert not (tmp_path / "elsewhere").exists()


def test_u1_a_per_cent_sign_and_none_in_a_configuration_mean_what_they_say(agent, tmp_path):
    folder = tmp_path / "100%d"
    folder.mkdir()
    (folder / "f").write_text("x")
    path = tmp_path / "agent.ini"
    path.write_text(f"[default]\npath_to_backup = {folder}\nremove_from_date = None\n")
    run = agent.call("backup", "--config", path, *agent.stored())
    assert run.code == 0, run.err
    assert agent.restore(tmp_path / "out").code == 0
    assert (tmp_path / "out" / "f").read_text() == "x"


@pytest.mark.parametrize("limit", ["10M", "10MiB", "10485760"])
def test_u3_limits_take_units_on_the_command_line_and_in_a_configuration(agent, tmp_path, limit):
    assert agent.backup("--upload-limit", limit).code == 0
    path = tmp_path / "agent.ini"
    path.write_text(f"[default]\nupload_limit = {limit}\n")
    assert agent.backup("--config", path).code == 0


def test_u4_different_failures_have_different_messages(agent, tmp_path, pass_file):
    agent.backup("--encrypt-pass-file", pass_file)
    (tmp_path / "other").write_text("wrong\n")
    (tmp_path / "other").chmod(0o600)
    errors = [
        agent.restore(tmp_path / "out").error,
        agent.restore(tmp_path / "out", "--encrypt-pass-file", tmp_path / "other").error,
        agent.restore(tmp_path / "out", "--encrypt-pass-file", tmp_path / "nothing").error,
    ]
    data = agent.newest("data")
    data.write_bytes(data.read_bytes()[:-30])
    errors.append(agent.restore(tmp_path / "out", "--encrypt-pass-file", pass_file).error)
    assert len(set(errors)) == 4


def test_u5_a_report_that_cannot_be_written_does_not_fail_the_finished_backup(agent, tmp_path):
    run = agent.backup("--metadata-out", tmp_path / "no such folder" / "report")
    assert run.code == 0
    assert "no such folder" in run.err
    _restored(agent, tmp_path)


def test_u5_info_works_for_local_containers(agent):
    agent.backup()
    words = ["--storage", "local", "-C", str(agent.container)]
    (row,) = agent.call("info", "--json", *words).json
    assert row["objects"] == 3
    assert row["size"] == sum(map(len, agent.objects().values()))
    names = [item["name"] for item in agent.call("info", "-l", "--json", *words).json]
    assert sorted(names) == sorted(agent.objects())


def test_u6_the_default_backup_name_is_stored_as_it_is_reported(agent, tmp_path):
    words = ["--storage", "local", "-C", agent.container, "--hostname", "h"]
    report = agent.call("backup", "-F", agent.source, "--json", *words).json
    assert "{" not in report["backup_name"]
    (folder,) = (agent.container / "metadata/tar").iterdir()
    assert folder.name == f"h_{report['backup_name']}"
    assert agent.call("restore", "--restore-abs-path", tmp_path / "out", *words).code == 0


def test_u7_a_dry_run_writes_nothing(agent, tmp_path):
    assert agent.backup("--dry-run").code == 0
    assert not agent.container.exists()
    agent.backup("--incremental")
    before = agent.objects()
    assert agent.backup("--dry-run", "--incremental", "--json").json["level"] == 1
    assert agent.restore(tmp_path / "out", "--dry-run").code == 0
    assert agent.objects() == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", "zstd", "none"])
def test_u8_a_restore_finds_out_the_compression_by_itself(agent, tmp_path, compression):
    assert agent.backup("--compression", compression).code == 0
    _restored(agent, tmp_path, "--compression", "xz")


def test_u9_exec_passes_arguments_unquoted_and_reports_output_and_status(agent, tmp_path):
    run = agent.call("exec", "--json", "--command", "printf '%s|' 'a b' ';touch pwned' $HOME")
    assert run.code == 0
    assert run.json["output"] == "a b|;touch pwned|$HOME|"
    assert list(tmp_path.rglob("pwned*")) == []
    failed = agent.call("exec", "--command", "sh -c 'echo why >&2; exit 7'")
    assert failed.code == 1
    assert "7" in failed.error
    assert "why" in failed.error


def test_s4_no_secret_of_the_configuration_is_printed_or_logged(agent, tmp_path):
    path, log = tmp_path / "agent.ini", tmp_path / "log"
    path.write_text("[default]\nmysql_conf = /x\nos_password = s3cr3t-w0rd\nssh_password = s3cr3t-w0rd\n")
    for words in (("--debug",), ("--debug", "--json"), ("--debug", "--metadata-out", "-")):
        run = agent.backup("--config", path, "--log-file", log, *words)
        assert "s3cr3t-w0rd" not in run.out + run.err
    assert "s3cr3t-w0rd" not in (log.read_text() if log.exists() else "")
