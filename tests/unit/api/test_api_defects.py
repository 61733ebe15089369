"""What the original does wrong and this server does not."""

from __future__ import annotations

from typing import Any

import pytest

from support.people import person

_ACTION = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "backup_name": "b", "storage": "local"}


def test_a1_nothing_can_be_moved_to_another_project() -> None:
    alice, bob = person(), person()
    alice.client()
    job = alice.job()
    session = alice.made("/sessions", {"schedule": {}})["session_id"]
    assert alice.send("PATCH", f"/jobs/{job}", {"project_id": bob.project}).status == 400
    assert alice.send("PATCH", f"/sessions/{session}", {"project_id": bob.project}).status == 400
    assert bob.send("GET", f"/jobs/{job}").status == 404
    assert bob.send("GET", f"/sessions/{session}").status == 404


def test_a2_nobody_can_plant_credentials() -> None:
    alice = person()
    alice.client()
    planted = {"user_credentials": {"trust_id": "t", "trustor_user_id": "u"}}
    document = {"client_id": "node", "job_actions": [], **planted}
    assert alice.send("POST", "/jobs", document).status == 400
    assert alice.send("POST", "/jobs/by-me", document).status == 400
    assert alice.send("PATCH", f"/jobs/{alice.job()}", planted).status == 400


def test_a3_a_change_of_a_job_keeps_what_it_does_not_say() -> None:
    alice = person()
    alice.client()
    job = alice.job(job_schedule={"schedule_interval": "1 days", "schedule_start_date": "2026-06-02T16:20:00"})
    for change in ({"description": "new"}, {}, {"job_schedule": {"status": "scheduled"}}):
        assert alice.send("PATCH", f"/jobs/{job}", change).status == 200
    found = alice.get(f"/jobs/{job}")
    assert found["description"] == "new"
    assert found["job_schedule"]["schedule_interval"] == "1 days"
    assert found["job_schedule"]["status"] == "scheduled"


def test_a3_a_change_of_a_job_can_remove_a_key_of_its_schedule() -> None:
    alice = person()
    alice.client()
    job = alice.job(job_schedule={"schedule_hour": "3", "schedule_minute": "5"})
    assert alice.send("PATCH", f"/jobs/{job}", {"job_schedule": {"schedule_hour": None}}).status == 200
    schedule = alice.get(f"/jobs/{job}")["job_schedule"]
    assert "schedule_hour" not in schedule
    assert schedule["schedule_minute"] == "5"


def test_a4_a_change_of_an_action_keeps_what_it_does_not_say_and_reaches_its_jobs() -> None:
    alice = person()
    alice.client()
    action = alice.made("/actions", {"freezer_action": _ACTION, "max_retries": 3, "mandatory": True})["action_id"]
    job = alice.made("/jobs", {"client_id": "node", "job_actions": [{"action_id": action}]})["job_id"]
    assert alice.send("PATCH", f"/actions/{action}", {"freezer_action": {"backup_name": "other"}}).status == 200
    found = alice.get(f"/actions/{action}")
    assert (found["max_retries"], found["mandatory"], found["freezer_action"]["storage"]) == (3, True, "local")
    assert [each["job_id"] for each in alice.get("/jobs", {"match": [{"backup_name": "other"}]})["jobs"]] == [job]
    assert alice.get("/jobs", {"match": [{"backup_name": "b"}]})["jobs"] == []


def test_an_option_told_anew_by_an_older_name_does_not_keep_its_old_value() -> None:
    alice = person()
    action = alice.made("/actions", {"freezer_action": {"action": "backup", "src_file": "/a"}})["action_id"]
    assert alice.send("PATCH", f"/actions/{action}", {"freezer_action": {"path_to_backup": "/b"}}).status == 200
    stored = alice.get(f"/actions/{action}")["freezer_action"]
    assert stored["path_to_backup"] == "/b"
    assert stored.get("src_file") in (None, "/b")


def test_a13_a_refused_job_leaves_no_actions_behind() -> None:
    alice = person()
    alice.client(supported_modes=["fs"])
    unsupported = [{"freezer_action": _ACTION}, {"freezer_action": {**_ACTION, "mode": "nova"}}]
    assert alice.send("POST", "/jobs", {"client_id": "node", "job_actions": unsupported}).status == 422
    assert alice.get("/actions")["actions"] == []


def test_a6_a_job_is_taken_out_of_its_session_with_its_schedule() -> None:
    alice = person()
    alice.client()
    job = alice.job()
    session = alice.made("/sessions", {"schedule": {"schedule_interval": "3 days"}})["session_id"]
    assert alice.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204
    assert alice.get(f"/jobs/{job}")["session_id"] == session
    assert alice.send("DELETE", f"/sessions/{session}/jobs/{job}").status == 204
    found = alice.get(f"/jobs/{job}")
    assert found["session_id"] == ""
    assert found["job_schedule"]["schedule_interval"] == "3 days"
    assert found["job_schedule"]["event"] == "stop"


def test_a6_a_removed_session_lets_go_of_its_jobs_and_a_removed_job_leaves_its_session() -> None:
    alice = person()
    alice.client()
    jobs = [alice.job(), alice.job()]
    session = alice.made("/sessions", {"schedule": {}})["session_id"]
    for job in jobs:
        alice.send("PUT", f"/sessions/{session}/jobs/{job}")
    assert alice.send("DELETE", f"/jobs/{jobs[0]}").status == 204
    assert list(alice.get(f"/sessions/{session}")["jobs"]) == [jobs[1]]
    assert alice.send("DELETE", f"/sessions/{session}").status == 204
    assert alice.get(f"/jobs/{jobs[1]}")["session_id"] == ""


def test_a6_a_session_waits_for_every_job_and_fails_if_one_did() -> None:
    alice = person()
    alice.client()
    jobs = [alice.job(), alice.job()]
    session = alice.made("/sessions", {"schedule": {}, "hold_off": 0})["session_id"]
    for job in jobs:
        alice.send("PUT", f"/sessions/{session}/jobs/{job}")

    def act(verb: str, job: str, tag: int, **more: Any) -> Any:
        answer = alice.send("POST", f"/sessions/{session}/action", {verb: {"job_id": job, "current_tag": tag, **more}})
        assert answer.status == 202, answer
        return answer.json()

    assert act("start", jobs[0], 0) == {"result": "success", "session_tag": 1}
    assert act("start", jobs[1], 0) == {"result": "success", "session_tag": 1}
    act("end", jobs[0], 1, result="fail")
    assert alice.get(f"/sessions/{session}")["status"] == "running"
    assert act("end", jobs[1], 0, result="success") == {"result": "out-of-sync", "session_tag": 1}
    assert alice.get(f"/sessions/{session}")["status"] == "running"
    act("end", jobs[1], 1, result="success")
    found = alice.get(f"/sessions/{session}")
    assert (found["status"], found["result"]) == ("completed", "fail")


@pytest.mark.parametrize("path", ["/clients/nobody", "/actions/none", "/jobs/none", "/sessions/none", "/backups/none"])
def test_a10_what_is_not_there_cannot_be_removed(path: str) -> None:
    assert person().send("DELETE", path).status == 404


def test_a11_what_is_asked_of_something_that_is_not_there_is_404_by_v2() -> None:
    assert person().send("POST", "/jobs/none/event", {"start": None}).status == 404
    for action in (
        {"start": {"job_id": "j", "current_tag": 0}},
        {"end": {"job_id": "j", "current_tag": 0, "result": "fail"}},
    ):
        assert person().send("POST", "/sessions/none/action", action).status == 404


def test_a22_a_job_of_a_client_that_is_gone_can_be_stopped() -> None:
    alice = person()
    alice.client()
    job = alice.job()
    assert alice.send("DELETE", "/clients/node").status == 204
    assert alice.send("POST", f"/jobs/{job}/event", {"stop": None}).json() == {"result": "success"}


def test_a17_ids_can_be_used_again() -> None:
    alice = person()
    alice.client()
    id = f"mine-{alice.project[:8]}"
    for _ in range(2):
        assert alice.job(job_id=id) == id
        assert alice.send("DELETE", f"/jobs/{id}").status == 204


def test_a21_an_owner_stays_but_an_outsiders_job_is_adopted() -> None:
    alice = person()
    alice.client()
    team_mate = person(project=alice.project)
    outsider = person("admin", at=alice.project)
    own, foreign = alice.job(), outsider.job()
    for job in (own, foreign):
        assert team_mate.send("PATCH", f"/jobs/{job}", {"description": "x"}).status == 200
    assert alice.get(f"/jobs/{own}")["user_id"] == alice.user
    assert alice.get(f"/jobs/{foreign}")["user_id"] == team_mate.user


def test_the_process_on_a_central_client_is_hidden_from_its_users() -> None:
    central = person("admin,member")
    name = f"central-{central.project[:8]}"
    central.client(name, is_central=True)
    alice = person()
    job = alice.central_job(name)
    report = {"job_schedule": {"current_pid": 77}}
    assert person("admin", at=alice.project).send("PATCH", f"/jobs/{job}", report).status == 200
    assert "current_pid" not in alice.get(f"/jobs/{job}")["job_schedule"]
    assert central.get(f"/jobs/{job}")["job_schedule"]["current_pid"] == 77
    assert central.send("DELETE", f"/clients/{name}").status == 204


def test_a19_metadata_sent_flat_reach_a_backup() -> None:
    alice = person()
    backup = alice.made("/backups", {"backup_name": "b", "container": "c", "hostname": "h"})["backup_id"]
    changed = alice.send("PATCH", f"/backups/{backup}", {"cinder_backup_id": "x", "status": "available"}).json()
    assert changed["backup_metadata"]["cinder_backup_id"] == "x"
    assert changed["backup_id"] == backup


def test_a_finished_backup_must_be_complete() -> None:
    alice = person()
    backup = alice.made("/backups", {"backup_name": "b", "status": "creating"})["backup_id"]
    assert alice.send("PATCH", f"/backups/{backup}", {"status": "available"}).status == 400
    whole = {"status": "available", "container": "c", "hostname": "h"}
    assert alice.send("PATCH", f"/backups/{backup}", whole).json()["status"] == "available"


def test_a5_a_report_of_the_originals_scheduler_cannot_undo_an_edit() -> None:
    alice = person()
    alice.client()
    job = alice.job(job_schedule={"schedule_interval": "1 days"})
    seen = alice.get(f"/jobs/{job}")
    alice.send("PATCH", f"/jobs/{job}", {"job_schedule": {"schedule_interval": "2 days"}})
    report = {
        "job_schedule": {
            **seen["job_schedule"],
            "status": "running",
            "current_pid": 5,
            "result": "",
            "time_started": 9,
        },
        "session_id": "",
        "session_tag": 0,
    }
    assert alice.send("PATCH", f"/jobs/{job}", report).status == 200
    schedule = alice.get(f"/jobs/{job}")["job_schedule"]
    assert schedule["schedule_interval"] == "2 days"
    assert (schedule["status"], schedule["current_pid"], schedule["time_started"]) == ("running", 5, 9)


def test_a5_a_report_cannot_clear_an_event_that_its_scheduler_has_not_seen() -> None:
    alice = person()
    alice.client()
    job = alice.job()

    def report() -> None:
        document = {"job_schedule": {"event": "", "status": "stop"}, "session_id": "", "session_tag": 0}
        assert alice.send("PATCH", f"/jobs/{job}", document).status == 200

    def event() -> str:
        return str(alice.get(f"/jobs/{job}")["job_schedule"]["event"])

    alice.send("POST", f"/jobs/{job}/event", {"stop": None})
    report()
    assert event() == "stop"
    alice.get("/jobs", {"match": [{"client_id": "node"}], "match_not": [{"status": "completed"}]})
    report()
    assert event() == ""


def test_the_composed_id_finds_a_backup_unless_it_means_several() -> None:
    alice = person()
    metadata = {"container": "/var/c", "hostname": "h", "backup_name": "b", "time_stamp": 5, "curr_backup_level": 0}
    backup = alice.made("/backups", metadata)["backup_id"]
    assert alice.get("/backups?composed_id=/var/c_h_b_5_0")["backup_id"] == backup
    assert person().send("GET", "/backups?composed_id=/var/c_h_b_5_0").status == 404
    alice.made("/backups", metadata)
    answer = alice.send("GET", "/backups?composed_id=/var/c_h_b_5_0")
    assert answer.status == 409
    assert backup in answer.json()["hint"]


def test_the_first_apis_verb_update_changes_clients_and_backups() -> None:
    alice = person(version="v1")
    alice.client()
    assert alice.send("UPDATE", "/clients/node", {"description": "told anew"}).status == 200
    assert alice.get("/clients/node")["client"]["description"] == "told anew"
    old = {"container": "c", "host_name": "h", "backup_name": "b", "timestamp": 5, "level": 0}
    backup = alice.made("/backups", old)["backup_id"]
    assert alice.send("UPDATE", f"/backups/{backup}", {"encrypted": True}).status == 200
    assert alice.get(f"/backups/{backup}")["backup_metadata"]["encrypted"] is True
    assert alice.get("/backups/c_h_b_5_0")["backup_id"] == backup


def test_a12_lists_of_administrators_are_those_of_the_project_in_the_path() -> None:
    alice = person()
    alice.client()
    job = alice.job()
    assert person("admin,member").get("/jobs")["jobs"] == []
    assert [each["job_id"] for each in person("admin", at=alice.project).get("/jobs")["jobs"]] == [job]


def test_a18_whether_an_action_is_mandatory_is_kept_and_told() -> None:
    alice = person()
    alice.client()
    entry = {"freezer_action": _ACTION, "mandatory": True}
    action = alice.made("/actions", entry)["action_id"]
    job = alice.made("/jobs", {"client_id": "node", "job_actions": [entry, {"action_id": action}]})["job_id"]
    assert alice.get(f"/actions/{action}")["mandatory"] is True
    assert [each["mandatory"] for each in alice.get(f"/jobs/{job}")["job_actions"]] == [True, True]


def test_a20_a_session_has_the_id_that_its_maker_gave_it() -> None:
    alice = person()
    id = f"mine-{alice.project[:8]}"
    assert alice.made("/sessions", {"session_id": id, "schedule": {}})["session_id"] == id
    assert alice.get(f"/sessions/{id}")["session_id"] == id
