"""The report that the original's scheduler reads from standard output and posts as a backup."""

from __future__ import annotations

import json
import os

import pytest

ORIGINAL_KEYS = [
    "curr_backup_level",
    "fs_real_path",
    "vol_snap_path",
    "client_os",
    "client_version",
    "time_stamp",
    "action",
    "always_level",
    "backup_media",
    "backup_name",
    "container",
    "container_segments",
    "dry_run",
    "hostname",
    "path_to_backup",
    "max_level",
    "log_file",
    "storage",
    "mode",
    "proxy",
    "compression",
    "ssh_key",
    "ssh_username",
    "ssh_host",
    "ssh_port",
    "consistency_checksum",
    "cindernative_backup_az",
    "cindernative_backup_container",
    "cindernative_vol_id",
    "nova_inst_id",
    "cinder_vol_id",
    "cinderbrick_vol_id",
    "glance_image_id",
    "engine_name",
]
SEED_KEYS = [
    "host_name",
    "timestamp",
    "level",
    "total_fs_files",
    "total_directories",
    "total_broken_links",
    "broken_links",
    "excluded_files",
    "backup_size_compressed",
    "backup_size_uncompressed",
    "compression_alg",
    "encrypted",
    "cli",
    "version",
]


@pytest.fixture
def changing(agent, growing):
    """An agent whose source has a file that changes all the time."""
    return agent


def _configuration(agent, **values):
    text = {"action": "backup", "storage": "local", "container": agent.container, "backup_name": "web"}
    text |= {"hostname": "h", "path_to_backup": agent.source} | values
    path = agent.folder / "job.ini"
    path.write_text("[default]\n" + "".join(f"{key} = {value}\n" for key, value in text.items()))
    return path


def test_a_backup_prints_exactly_one_object_with_all_keys_of_both_generations(agent):
    (agent.source / "dangling").symlink_to("nowhere")
    for level in (0, 1):
        run = agent.backup("--metadata-out", "-", "--incremental")
        assert run.code == 0
        report = run.json
        assert set(ORIGINAL_KEYS) - report.keys() == set()
        assert set(SEED_KEYS) - report.keys() == set()
        assert report["curr_backup_level"] == report["level"] == level
        assert report["backup_name"] == "web"
        assert report["fs_real_path"] == str(agent.source)
        assert report["total_fs_files"] == 2
        assert report["broken_links"] == ["dangling"]
        assert report["encrypted"] is False
        assert run.out.count("\n") == 1


def test_the_containers_of_the_report_are_the_container(agent):
    report = agent.backup("--metadata-out", "-").json
    assert report["container"] == report["cindernative_backup_container"] == str(agent.container)


def test_the_time_stamp_of_the_report_finds_the_backup(agent):
    report = agent.backup("--metadata-out", "-").json
    assert [path.name for path in agent.container.glob("metadata/tar/h_web/*/*")] == [f"0_{report['time_stamp']}"]


def test_a_report_to_a_file_leaves_standard_output_to_people(agent, tmp_path):
    run = agent.backup("--metadata-out", tmp_path / "report")
    assert run.code == 0
    assert "level:" in run.out
    assert json.loads((tmp_path / "report").read_text())["level"] == 0


def test_a_partial_backup_in_the_original_s_form_exits_0_and_tells_what_is_missing(changing):
    run = changing.call("--metadata-out", "-", "--config", _configuration(changing, upload_limit="16M"))
    assert run.code == 0
    assert run.json["partial"] is True
    assert [item["path"] for item in run.json["failed_items"]] == ["growing.log"]
    assert "growing.log" in run.err


def test_a_partial_backup_exits_3_otherwise_or_as_it_is_told(changing):
    assert changing.backup("--upload-limit", "16M").code == 3
    assert changing.backup("--upload-limit", "16M", "--partial-exit-code", 17).code == 17
    path = _configuration(changing, upload_limit="16M", partial_exit_code=18)
    run = changing.call("--metadata-out", "-", "--config", path)
    assert run.code == 18
    assert run.json["partial"] is True


def test_info_prints_exactly_one_document(agent):
    agent.backup()
    run = agent.act("info", "--metadata-out", "-")
    assert run.code == 0
    assert run.json
    assert run.out.count("\n") == 1


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("restore", ("--restore-abs-path", "out")),
        ("admin", ("--remove-older-than", "0")),
        ("exec", ("--command", "echo '{\"a\": 1}'")),
    ],
)
def test_other_actions_print_nothing(agent, action, words):
    agent.backup()
    run = agent.act(action, "--metadata-out", "-", *words)
    assert run.code == 0, run.err
    assert run.out == ""


def test_a_failed_backup_prints_nothing(agent):
    run = agent.call("backup", "-F", agent.folder / "nothing", *agent.stored("--metadata-out", "-"))
    assert run.code == 1
    assert run.out == ""
    assert run.error


def test_a_dry_run_is_no_backup_and_prints_no_report(agent):
    run = agent.backup("--metadata-out", "-", "--dry-run")
    assert run.code == 0
    assert run.out == ""


def test_names_that_are_no_text_still_make_valid_json(agent):
    os.symlink(b"nowhere", os.fsencode(agent.source) + b"/\xff\xfe")
    (path,) = agent.backup("--metadata-out", "-").json["broken_links"]
    assert "xff" in path or "\udcff" in path
