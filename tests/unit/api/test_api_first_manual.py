"""What the documents mean that the API's first manual and a user's notes print: with the commas, braces and values that
sketches leave out. ``test_api_printed_documents.py`` posts them letter by letter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.people import person, shared
from support.printed import printed

_BACKUP = {
    "action": "backup",
    "mode": "fs",
    "src_file": "/home/tylerdurden/project_mayhem",
    "backup_name": "project_mayhem_backup",
    "container": "my_backup_container",
}
_ENTRY = {
    "freezer_action": _BACKUP,
    "exit_status": "fail|success",
    "max_retries": 3,
    "max_retries_interval": 60,
    "mandatory": False,
}
_STATE = {"time_created": 1234, "time_started": 1234, "time_ended": 0}


def _job(schedule: dict[str, Any], **more: Any) -> dict[str, Any]:
    job = {"job_actions": [_ENTRY], "job_schedule": schedule, "client_id": "blabla", "user_id": "blabla", **more}
    return {"job": job}


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    ("schedule", "kept"),
    [
        (
            {**_STATE, "status": "scheduled", "schedule_date": "2015-06-02T16:20:00"},
            {"schedule_date": "2015-06-02T16:20:00", "status": "scheduled"},
        ),
        (
            {
                **_STATE,
                "status": "stop",
                "event": "start",
                "schedule_interval": "1 day",
                "schedule_start_date": "2015-06-02T16:20:00",
            },
            {"schedule_interval": "1 days", "event": "start"},
        ),
        (
            {
                **_STATE,
                "status": "scheduled",
                "schedule_month": "1-6, 9-12",
                "schedule_day": "mon, wed, fri",
                "schedule_hour": "03",
                "schedule_minute": "25",
            },
            {"schedule_day": "mon, wed, fri", "schedule_hour": "03"},
        ),
    ],
)
def test_its_jobs_are_taken(version: str, schedule: dict[str, Any], kept: dict[str, str]) -> None:
    alice = person(version=version)
    alice.client("blabla")
    id = alice.made("/jobs", _job(schedule))["job_id"]
    found = alice.get(f"/jobs/{id}")
    assert kept.items() <= found["job_schedule"].items()
    assert found["user_id"] == alice.user
    assert found["job_actions"][0]["freezer_action"]["path_to_backup"] == _BACKUP["src_file"]


def test_a_schedule_time_is_refused_by_its_name() -> None:
    alice = person(version="v1")
    alice.client("blabla")
    finished = {**_STATE, "status": "stop", "event": "", "result": "success", "schedule_time": "2015-06-02T16:20:00"}
    answer = alice.send("POST", "/jobs", _job(finished))
    assert answer.status == 400
    assert "schedule_time" in answer.json()["description"]
    assert answer.json()["path"] == ["job", "job_schedule", "schedule_time"]


def test_its_defaults_for_actions_fill_what_the_actions_leave_out() -> None:
    alice = person(version="v1")
    alice.client("blabla")

    def entry(number: int, **more: str) -> dict[str, Any]:
        action = {
            "action": "backup",
            "mode": "fs",
            "src_file": f"/home/user{number}/file",
            "backup_name": f"user{number}",
        }
        return {"freezer_action": {**action, **more}}

    job = {
        "job": {
            "action_defaults": {"log_file": "/tmp/freezer_tmp_log", "container": "my_backup_container"},
            "job_actions": [entry(1), entry(2), entry(3, log_file="/home/user3/specific_log_file")],
            "description": "scheduled one shot",
            "client_id": "blabla",
        }
    }
    found = alice.get(f"/jobs/{alice.made('/jobs', job)['job_id']}")
    actions = [each["freezer_action"] for each in found["job_actions"]]
    assert [each["container"] for each in actions] == ["my_backup_container"] * 3
    assert [each["log_file"] for each in actions] == ["/tmp/freezer_tmp_log"] * 2 + ["/home/user3/specific_log_file"]


def test_defaults_mean_what_the_manual_says_they_are_equivalent_to() -> None:
    alice = person(version="v1")
    alice.client("blabla")

    def entries(**more: str) -> list[dict[str, Any]]:
        own = [{**_BACKUP, **more, "src_file": f"/home/user{number}/file"} for number in (1, 2, 3)]
        own[2]["log_file"] = "/home/user3/specific_log_file"
        return [{"freezer_action": each} for each in own]

    common = {"log_file": "/tmp/freezer_tmp_log", "container": "my_backup_container"}
    told = {"client_id": "blabla", "description": "scheduled one shot"}
    with_defaults = {"job": {**told, "action_defaults": common, "job_actions": entries()}}
    without = {"job": {**told, "job_actions": entries(**common)}}
    actions = [
        [each["freezer_action"] for each in alice.get(f"/jobs/{alice.made('/jobs', job)['job_id']}")["job_actions"]]
        for job in (with_defaults, without)
    ]
    assert actions[0] == actions[1]


def test_the_structure_of_a_job_is_one_with_several_spellings() -> None:
    alice = person(version="v1")
    alice.client("blabla")
    entry = {"freezer_action": _BACKUP, "mandatory": False, "max_retries": 3, "max_retry_interval": 60}
    one = {"job_action": entry, "job_schedule": {"schedule_date": "2015-06-02T16:20:00"}}
    many = {"job_actions": [entry, entry], "job_schedule": {"status": "aborting", "event": "remove", "result": ""}}
    for job, count in ((one, 1), (many, 2)):
        document = {"job": {**job, "client_id": "blabla", "user_id": "u", "description": "d"}}
        found = alice.get(f"/jobs/{alice.made('/jobs', document)['job_id']}")
        assert [each["max_retries_interval"] for each in found["job_actions"]] == [60] * count


@pytest.mark.parametrize(
    "schedule",
    [
        {"schedule_date": "2015-06-02T16:20:00"},
        {"schedule_interval": "continuous"},
        *({"schedule_interval": f"2 {unit}"} for unit in ("weeks", "days", "hours", "minutes", "seconds")),
        {"schedule_interval": "1 days", "schedule_start_date": "2015-06-02T16:20:00",
         "schedule_end_date": "2016-01-01T00:00:00"},
        {
            "schedule_year": "2015", "schedule_month": "1-12", "schedule_day": "1-31", "schedule_week": "1-53",
            "schedule_day_of_week": "mon,tue,wed,thu,fri,sat,sun", "schedule_hour": "0-23", "schedule_minute": "0-59",
            "schedule_second": "0-59", "schedule_start_date": "2015-06-02T16:20:00", "schedule_end_date": "",
        },
        {"schedule_day_of_week": "0-6"},
    ],
)  # fmt: skip
def test_every_kind_of_schedule_is_kept_as_it_is(schedule: dict[str, str]) -> None:
    alice = person(version="v1")
    alice.client("blabla")
    found = alice.get(f"/jobs/{alice.made('/jobs', _job(schedule))['job_id']}")
    assert {key: each for key, each in schedule.items() if each}.items() <= found["job_schedule"].items()


_OLD_OPTIONS = {
    "max_backup_level": 7, "always_backup_level": 0, "restart_always_backup": 30, "no_incremental": False,
    "encrypt_pass_file": "/etc/freezer/key", "log_file": "/var/log/freezer.log", "hostname": False,
    "max_cpu_priority": False,
}  # fmt: skip
_RESTORE = {
    "action": "restore", "restore-abs-path": "/home/tylerdurden/project_mayhem", "container": "my_backup_container",
    "backup-name": "project_mayhem_backup", "restore-from-host": "another_host", "max_cpu_priority": True,
}  # fmt: skip


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_its_actions_are_taken_under_the_names_of_their_options(version: str) -> None:
    alice = person(version=version)
    entry = {"freezer_action": {**_BACKUP, **_OLD_OPTIONS}, "mandatory": True, "max_retries": 1,
             "max_retries_interval": 2, "user_id": "blabla"}  # fmt: skip
    found = alice.get(f"/actions/{alice.made('/actions', entry)['action_id']}")
    stored = found["freezer_action"]
    told = {"max_level": 7, "restart_always_level": 30, "path_to_backup": _BACKUP["src_file"], "hostname": False}
    assert told.items() <= stored.items()
    assert (found["user_id"], found["max_retries"], found["max_retries_interval"]) == (alice.user, 1, 2)
    made = alice.made("/actions", {"freezer_action": _RESTORE, "action_id": f"mine-{alice.project[:8]}"})
    assert made["action_id"] == f"mine-{alice.project[:8]}"
    stored = alice.get(f"/actions/{made['action_id']}")["freezer_action"]
    told = {key.replace("-", "_"): each for key, each in _RESTORE.items()}
    assert told.items() <= stored.items()


def test_the_job_of_a_users_notes_is_taken() -> None:
    client = "46c449c804af497d9c22c86c5142f608_localhost.localdomain"
    alice = person()
    alice.client(client)
    named = printed("users-job").decode().rstrip().removesuffix("}") + f', "client_id": "{client}"}}'
    answer = shared()("POST", f"/v2/{alice.project}/jobs", {**alice.headers(), "Accept": "*/*"}, named.encode())
    assert answer.status == 201, answer
    found = alice.get(f"/jobs/{json.loads(answer.body)['job_id']}")
    assert found["job_schedule"]["schedule_interval"] == "30 minutes"
    assert "schedule_start_date" not in found["job_schedule"]
    action = found["job_actions"][0]
    assert action["freezer_action"]["backup_name"] == "nova_backup_by_json"
    assert (action["max_retries"], action["mandatory"]) == (2, True)


def test_what_the_api_answers_is_no_report_of_a_backup_but_a_registration_of_a_client() -> None:
    alice = person(version="v1")
    metadata = {"container": "c", "host_name": "h", "backup_name": "b", "timestamp": 1, "level": 0}
    wrapped = {"backup_id": "c_h_b_1_0", "user_id": "u", "user_name": "n", "backup_metadata": metadata}
    answer = alice.send("POST", "/backups", wrapped)
    assert answer.status == 400
    assert "not inside backup_metadata" in answer.json()["hint"]
    client = {"client_id": "tenant-id_hostname", "hostname": "hostname", "description": "some client"}
    assert alice.made("/clients", {"client": client, "user_id": "blabla"})["client_id"] == "tenant-id_hostname"
    assert alice.get("/clients/tenant-id_hostname")["client"]["description"] == "some client"


def test_its_metadata_are_a_backup_with_the_id_that_it_names() -> None:
    alice = person(version="v1")
    metadata = {
        "container": "my_backup_container",
        "host_name": "node.example.org",
        "backup_name": "project_mayhem_backup",
        "timestamp": 1428529956,
        "level": 0,
        "max_level": 10,
        "mode": "fs",
        "fs_real_path": "/home",
        "vol_snap_path": "",
        "total_broken_links": 3,
        "total_fs_files": 100,
        "total_directories": 10,
        "backup_size_uncompressed": 20,
        "backup_size_compressed": 10,
        "compression_alg": "gzip",
        "encrypted": False,
        "client_os": "linux",
        "broken_links": ["link_01", "link_02", "link_03"],
        "excluded_files": ["excluded_file_01"],
        "cli": "",
        "version": "1.0",
    }
    alice.made("/backups", metadata)
    found = alice.get("/backups/my_backup_container_node.example.org_project_mayhem_backup_1428529956_0")
    assert found["backup_metadata"] == metadata
    assert found["user_name"] == alice.user


def test_its_client_and_session_are_taken() -> None:
    alice = person(version="v1")
    client = {"client_id": "tenant-id_hostname", "hostname": "hostname", "description": "some client", "uuid": "unique"}
    unique = alice.project[:12]
    alice.made("/clients", {**client, "uuid": unique})
    assert alice.get("/clients/tenant-id_hostname")["client"]["uuid"] == unique
    session = alice.made(
        "/sessions",
        {
            "session_id": "session-id-0",
            "session_tag": 22,
            "description": "a session",
            "hold_off": 60,
            "schedule": {"schedule_interval": "1 day"},
            "jobs": {"job_id_1": {"client_id": "c", "status": "running", "result": "fail"}},
            "time_start": 1234,
            "status": "completed",
            "result": "success",
            "user_id": "somebody",
        },
    )["session_id"]
    job = alice.made("/jobs", {"client_id": "tenant-id_hostname", "job_actions": []})["job_id"]
    assert alice.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204
    started = alice.send("POST", f"/sessions/{session}/action", {"start": {"job_id": job, "current_tag": 22}})
    assert (started.status, started.json()) == (202, {"result": "success", "session_tag": 23})
    ended = {"end": {"job_id": job, "current_tag": 23, "result": "success"}}
    assert alice.send("POST", f"/sessions/{session}/action", ended).status == 202
    assert alice.get(f"/sessions/{session}")["result"] == "success"
