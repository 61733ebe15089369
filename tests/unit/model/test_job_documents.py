"""What may be written in job, action, session, client and backup documents."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import DocumentError
from freezer.model.actions import read_action, read_new_action
from freezer.model.backups import composed_id, read_backup, read_backup_change
from freezer.model.clients import read_client
from freezer.model.jobs import read_event, read_job, read_job_change
from freezer.model.schedule import read_schedule
from freezer.model.sessions import read_session, read_session_action

_ACTION = {
    "action": "backup",
    "mode": "fs",
    "src_file": "/etc",
    "backup_name": "etc",
    "container": "c",
    "storage": "local",
}


def _job(**more: Any) -> dict[str, Any]:
    return {"client_id": "node", "job_actions": [{"freezer_action": dict(_ACTION)}], **more}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schedule_interval", "continuous"),
        ("schedule_interval", "5  minutes"),
        ("schedule_date", "2026-06-02T16:20:00.5+02:00"),
        ("schedule_month", "1-6, 9-12"),
        ("schedule_month", "jan-mar"),
        ("schedule_day", "mon, wed, fri"),
        ("schedule_day", "last"),
        ("schedule_day", "2nd tue"),
        ("schedule_day_of_week", "mon-fri"),
        ("schedule_day_of_week", "0-6/2"),
        ("schedule_minute", "*/15"),
        ("schedule_hour", "03"),
        ("schedule_year", "2026"),
    ],
)
def test_a_schedule_that_has_a_meaning_is_taken(key: str, value: str) -> None:
    assert key in read_schedule({key: value}, ())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schedule_interval", "2 months"),
        ("schedule_interval", "0 days"),
        ("schedule_interval", "999999999 weeks"),
        ("schedule_date", "2026-02-31T16:20:00"),
        ("schedule_date", ""),
        ("schedule_date", "2026-06-02T16:20:00\n"),
        ("schedule_start_date", "tomorrow"),
        ("schedule_month", "Foo"),
        ("schedule_month", "13"),
        ("schedule_month", "6-1"),
        ("schedule_hour", "25"),
        ("schedule_hour", 3),
        ("schedule_minute", "*/0"),
        ("schedule_minute", ""),
        ("schedule_day_of_week", "7"),
        ("schedule_year", "26"),
        ("status", "weird"),
        ("current_pid", "5"),
        ("current_pid", True),
        ("schedule_colour", "red"),
        ("time_started", 2**63),
    ],
)
def test_a_schedule_that_means_nothing_is_refused_with_its_key(key: str, value: object) -> None:
    with pytest.raises(DocumentError) as caught:
        read_schedule({key: value}, ("job_schedule",))
    assert caught.value.path == ("job_schedule", key)


@given(st.text(max_size=20))
def test_no_text_in_a_cron_field_is_more_than_refused(text: str) -> None:
    for key in ("schedule_day", "schedule_month", "schedule_minute"):
        with suppress(DocumentError):
            assert read_schedule({key: text}, ()) == {key: text}


def test_an_interval_in_the_singular_becomes_upstreams_plural() -> None:
    assert read_schedule({"schedule_interval": "1 day"}, ()) == {"schedule_interval": "1 days"}


def test_empty_start_and_end_dates_mean_none() -> None:
    assert read_schedule({"schedule_start_date": "", "schedule_end_date": ""}, ()) == {}


def test_an_unknown_key_of_a_freezer_action_is_refused_with_its_path() -> None:
    with pytest.raises(DocumentError, match="colour is no option") as caught:
        read_job(_job(job_actions=[{"freezer_action": {**_ACTION, "colour": "red"}}]))
    assert caught.value.path == ("job_actions", 0, "freezer_action", "colour")


@pytest.mark.parametrize(
    ("key", "value"), [("mode", "teleport"), ("max_level", "many"), ("action", "fly"), ("exclude", {})]
)
def test_a_wrong_value_of_an_option_is_refused(key: str, value: object) -> None:
    with pytest.raises(DocumentError) as caught:
        read_action({"freezer_action": {**_ACTION, key: value}})
    assert caught.value.path == ("freezer_action", key)


def test_a_name_in_other_letters_is_the_same_name() -> None:
    draft = read_action({"freezer_action": {"Action": "backup", "Backup-Name": "b", "MODE": "FS"}})
    assert draft.freezer_action is not None
    assert draft.freezer_action.stored == {"action": "backup", "backup_name": "b", "mode": "FS"}
    assert draft.freezer_action.needs()["mode"] == ("fs",)


def test_a_second_spelling_cannot_replace_a_value_that_was_checked() -> None:
    with pytest.raises(DocumentError, match="given twice"):
        read_action({"freezer_action": {**_ACTION, "Mode": "cinder"}})
    draft = read_action({"freezer_action": {**_ACTION, "engine": "nova", "engine_name": "tar"}})
    assert draft.freezer_action is not None
    assert set(draft.freezer_action.needs()["engine"]) == {"nova", "tar"}
    with pytest.raises(DocumentError, match="engine_name is given twice"):
        draft.freezer_action.agree(())


def test_an_older_name_brings_the_present_one_along() -> None:
    draft = read_new_action({"freezer_action": {"action": "backup", "src_file": "/home"}})
    assert draft.freezer_action is not None
    assert draft.freezer_action.stored["path_to_backup"] == "/home"


def test_defaults_are_filled_in_before_capabilities_are_looked_at() -> None:
    draft = read_action({"freezer_action": {"action": "backup", "path_to_backup": "/etc"}})
    assert draft.freezer_action is not None
    needs = {aspect: values[0] for aspect, values in draft.freezer_action.needs().items()}
    assert needs == {"action": "backup", "mode": "fs", "storage": "swift", "engine": "tar"}


@pytest.mark.parametrize("action", ["check", "prune", "copy", "drill"])
def test_the_actions_of_this_release_are_legal(action: str) -> None:
    draft = read_action({"freezer_action": {"action": action, "engine_name": "dedup"}})
    assert draft.freezer_action is not None
    assert read_client({"client_id": "n", "supported_actions": [action], "supported_engines": ["dedup"]})


def test_what_a_server_answers_can_be_sent_back() -> None:
    answered = {**_ACTION, "timeout": None, "priority": None, "log_file": None}
    draft = read_job(
        _job(job_actions=[{"freezer_action": answered, "project_id": "p", "user_id": "u", "action_id": "a"}])
    )
    assert draft.document()["job_actions"]


def test_action_defaults_fill_what_an_action_leaves_out() -> None:
    job = read_job(
        _job(
            job_actions=[
                {"freezer_action": {"action": "backup", "src_file": "/a"}},
                {"freezer_action": {"action": "backup", "src_file": "/b", "log-file": "/b.log"}},
            ],
            action_defaults={"log_file": "/all.log", "container": "c"},
        )
    )
    stored = [each["freezer_action"] for each in job.document()["job_actions"]]  # type: ignore[attr-defined]
    assert stored[0]["log_file"] == "/all.log"
    assert stored[0]["container"] == "c"
    assert stored[1]["log_file"] == "/b.log"


def test_the_oldest_documents_are_understood() -> None:
    job = read_job(
        {
            "job": {
                "job-action": [
                    {
                        "freezer_action": {
                            "action": "backup",
                            "mode": "nova",
                            "nova_inst_id": "ba830e56-6ed7-4001-a455-ae3da165b3b2",
                            "backup-name": "nova_backup_by_json",
                            "container": "freezer_backups",
                            "engine_name": "nova",
                            "no_incremental": True,
                        },
                        "exit_status": "success",
                        "max_retries": 2,
                        "max_retry_interval": 60,
                        "mandatory": True,
                    }
                ],
                "job_schedule": {"schedule_start_date": "", "schedule_interval": "30 minutes"},
                "description": "scheduled test",
            }
        },
        client_required=False,
    )
    document: Any = job.document()
    assert document["job_schedule"] == {"schedule_interval": "30 minutes"}
    entry = document["job_actions"][0]
    assert entry["max_retries_interval"] == 60
    assert entry["freezer_action"]["backup_name"] == "nova_backup_by_json"


def test_the_restore_of_the_first_manual_is_understood() -> None:
    draft = read_action(
        {
            "freezer_action": {
                "action": "restore",
                "restore-abs-path": "/home/tylerdurden/project_mayhem",
                "container": "my_backup_container",
                "backup-name": "project_mayhem_backup",
                "restore-from-host": "another_host",
                "max_cpu_priority": True,
            }
        }
    )
    assert draft.freezer_action is not None
    assert draft.freezer_action.stored["restore_from_host"] == "another_host"


def test_the_backup_of_the_first_manual_is_understood() -> None:
    draft = read_action(
        {
            "freezer_action": {
                "action": "backup",
                "mode": "fs",
                "src_file": "/home/tylerdurden/project_mayhem",
                "backup_name": "project_mayhem_backup",
                "container": "my_backup_container",
                "max_backup_level": 5,
                "always_backup_level": 0,
                "restart_always_backup": 0,
                "no_incremental": False,
                "encrypt_pass_file": "private_key_file",
                "log_file": "/var/log/freezer.log",
                "hostname": False,
                "max_cpu_priority": False,
            }
        }
    )
    assert draft.freezer_action is not None
    assert "hostname" not in draft.freezer_action.given


@pytest.mark.parametrize(
    "document", [None, [], "x", 5, {"job_actions": None}, {"job_actions": {}}, {"job_actions": [5]}]
)
def test_what_is_no_job_is_refused(document: object) -> None:
    with pytest.raises(DocumentError):
        read_job(document)


def test_a_change_may_remove_a_key_of_the_schedule() -> None:
    assert read_job_change({"job_schedule": {"schedule_hour": None}}).schedule == {"schedule_hour": None}


@pytest.mark.parametrize("document", [None, {}, [], "start", {"explode": None}, {"remove": None}])
def test_what_is_no_event_is_refused(document: object) -> None:
    with pytest.raises(DocumentError):
        read_event(document)


@pytest.mark.parametrize(
    "document",
    [
        {"start": None},
        {"start": {}},
        {"start": {"job_id": "j", "current_tag": "x"}},
        {"start": {"job_id": 5, "current_tag": 1}},
        {"end": {"job_id": "j", "current_tag": 1}},
        {"end": {"job_id": "j", "current_tag": 1, "result": "whatever"}},
        [],
        None,
    ],
)
def test_what_is_no_session_action_is_refused(document: object) -> None:
    with pytest.raises(DocumentError):
        read_session_action(document)


def test_a_session_keeps_what_users_may_set() -> None:
    draft = read_session({"schedule": {}, "hold_off": 5, "jobs": {"x": {}}, "status": "completed", "colour": "red"})
    assert draft.document() == {"schedule": {}, "hold_off": 5}


@pytest.mark.parametrize("name", ["bad id!", "host\n", "", "-a", "a..b", 5])
def test_a_client_must_have_a_name(name: object) -> None:
    with pytest.raises(DocumentError):
        read_client({"client_id": name})


def test_a_backup_must_say_where_it_is_unless_it_is_unfinished() -> None:
    with pytest.raises(DocumentError, match="Bad Data Format"):
        read_backup({"backup_name": "b", "hostname": "h"})
    assert read_backup({"backup_name": "b", "status": "creating"}).status == "creating"


def test_a_change_of_a_backup_may_be_flat_or_wrapped() -> None:
    change = read_backup_change({"cinder_backup_id": "x", "backup_metadata": {"mode": "fs"}, "status": "available"})
    assert change.metadata == {"cinder_backup_id": "x", "mode": "fs"}
    assert change.status == "available"


def test_the_composed_id_reads_the_older_keys_too() -> None:
    new = {"container": "c", "hostname": "h", "backup_name": "b", "time_stamp": 5, "curr_backup_level": 0}
    old = {"container": "c", "host_name": "h", "backup_name": "b", "timestamp": 5, "level": 0}
    assert composed_id(new) == composed_id(old) == "c_h_b_5_0"


def test_deep_metadata_are_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(DocumentError, match="nested"):
        read_backup({"container": "c", "hostname": "h", "backup_name": "b", **deep})
