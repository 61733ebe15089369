"""The report for ``--metadata-out``."""

from __future__ import annotations

import json

import msgspec
import pytest

from freezer.model.items import ItemFailure
from freezer.model.report import BackupOutcome, build_report
from freezer.secret import Secret


def _words(text: str) -> set[str]:
    return set(text.split())


UPSTREAM_KEYS = _words(
    """curr_backup_level fs_real_path vol_snap_path client_os client_version time_stamp action always_level backup_media
    backup_name container container_segments dry_run hostname path_to_backup max_level log_file storage mode proxy
    compression ssh_key ssh_username ssh_host ssh_port consistency_checksum cindernative_backup_az
    cindernative_backup_container cindernative_vol_id nova_inst_id cinder_vol_id cinderbrick_vol_id glance_image_id
    engine_name"""
)
SEED_KEYS = _words(
    """container host_name backup_name timestamp level max_level mode fs_real_path vol_snap_path total_broken_links
    total_fs_files total_directories backup_size_uncompressed backup_size_compressed compression_alg encrypted client_os
    broken_links excluded_files cli version"""
)
OPTIONS: dict[str, object] = {
    "action": "backup",
    "always_level": None,
    "container": "/srv/backups",
    "dry_run": False,
    "engine_name": "tar",
    "hostname": "web1",
    "max_level": 3,
    "mode": "fs",
    "path_to_backup": "/etc",
    "ssh_port": 22,
    "storage": "local",
}
OUTCOME = BackupOutcome(
    backup_name="freezer_fs_web1",
    backup_media="fs",
    source="/etc",
    level=2,
    level_reason="level 2 on the level 1 of yesterday",
    time=1_700_000_100,
    zero=1_700_000_000,
    started=1_700_000_100.25,
    finished=1_700_000_101.75,
    compression="gzip",
    cipher=None,
    version="0.1",
    client_os="linux",
    cli="freezer-agent --action backup",
)


def report(options: dict[str, object] | None = None, **fields: object) -> dict[str, object]:
    return build_report(OPTIONS | (options or {}), msgspec.structs.replace(OUTCOME, **fields))


def test_all_keys_of_both_generations_are_there() -> None:
    assert set(report()) >= UPSTREAM_KEYS | SEED_KEYS
    assert len(UPSTREAM_KEYS) == 34


def test_exactly_these_keys_are_ours() -> None:
    assert set(report()) - UPSTREAM_KEYS - SEED_KEYS == _words(
        """backup_bytes_read backup_bytes_stored chain duration encryption failed_items finished level_reason partial
        started total_excluded_files total_failed total_links total_others warnings"""
    )


def test_upstreams_part_looks_like_upstreams() -> None:
    made = report()
    assert {key: made[key] for key in sorted(UPSTREAM_KEYS)} == {
        **dict.fromkeys(sorted(UPSTREAM_KEYS), ""),
        "action": "backup",
        "backup_media": "fs",
        "backup_name": "freezer_fs_web1",
        "client_os": "linux",
        "client_version": "0.1",
        "compression": "gzip",
        "container": "/srv/backups",
        "curr_backup_level": 2,
        "engine_name": "tar",
        "fs_real_path": "/etc",
        "hostname": "web1",
        "max_level": 3,
        "mode": "fs",
        "path_to_backup": "/etc",
        "ssh_port": 22,
        "storage": "local",
        "time_stamp": 1_700_000_100,
        "vol_snap_path": "/etc",
    }


def test_level_0_is_a_number_and_not_missing() -> None:
    assert report(level=0)["curr_backup_level"] == 0
    assert report(level=0)["level"] == 0


def test_optional_keys_appear_only_with_a_value() -> None:
    assert {"backup_id", "cinder_backup_id", "status"}.isdisjoint(report())
    assert report(backup_id="6fd6")["backup_id"] == "6fd6"


@pytest.mark.parametrize(("size", "megabytes"), [(0, 0), (1, 1), (2**20, 1), (2**20 + 1, 2), (5 * 2**30, 5120)])
def test_sizes_are_whole_megabytes_for_the_api_and_bytes_for_us(size: int, megabytes: int) -> None:
    made = report(bytes_stored=size, bytes_read=size)
    assert made["backup_size_compressed"] == made["backup_size_uncompressed"] == megabytes
    assert made["backup_bytes_stored"] == made["backup_bytes_read"] == size


def test_failures_make_it_partial_and_are_listed() -> None:
    assert report()["partial"] is False
    made = report(failures=(ItemFailure("etc/shadow", "Permission denied"),), failures_total=12_345)
    assert made["partial"] is True
    assert made["total_failed"] == 12_345
    assert made["failed_items"] == [{"path": "etc/shadow", "reason": "Permission denied"}]


def test_encryption_is_said_in_both_ways() -> None:
    assert (report()["encrypted"], report()["encryption"]) == (False, "")
    made = report(cipher="aes-256-cfb")
    assert (made["encrypted"], made["encryption"]) == (True, "aes-256-cfb")


def test_duration_is_measured_in_seconds() -> None:
    assert report()["duration"] == 1.5


def test_no_secret_gets_into_a_report() -> None:
    made = report(
        {
            "proxy": "http://user:hunter2@proxy:3128/",
            "ssh_key": Secret(b"hunter2"),
            "ssh_password": "hunter2",
            "secret_key": "hunter2",
        },
        cli="freezer-agent --proxy http://user:hunter2@proxy:3128/",
    )
    assert "hunter2" not in json.dumps(made)
    assert made["ssh_key"] == ""
    assert made["proxy"] == "http://proxy:3128/"


def test_paths_that_are_no_text_still_make_json() -> None:
    strange = "caf\udce9"
    made = report({"path_to_backup": strange}, source=strange, broken_links=(strange,), excluded=(strange,))
    assert made["path_to_backup"] == made["fs_real_path"] == "caf\\xe9"
    assert made["broken_links"] == made["excluded_files"] == ["caf\\xe9"]
    assert msgspec.json.encode(made)
