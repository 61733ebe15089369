"""What jobs may make clients do: checked where jobs are made, moved and changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.api import Person, serving
from support.people import person

_BACKUP = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "storage": "local"}


def _sent(who: Person, client: str, **options: Any) -> int:
    document = {"client_id": client, "job_actions": [{"freezer_action": {**_BACKUP, **options}}]}
    return who.send("POST", "/jobs", document).status


def test_a_client_that_tells_what_it_executes_is_asked_for_nothing_else() -> None:
    alice = person()
    alice.client("old")
    alice.client("told", allowed_commands=["/bin/sync"], allowed_files=[])
    assert _sent(alice, "old", pre_command="/bin/anything") == 201
    assert _sent(alice, "told", pre_command="/bin/sync") == 201
    assert _sent(alice, "told") == 201
    for options in ({"pre_command": "/bin/x"}, {"Pre-Command": "/bin/x"}, {"mysql_conf": "/etc/my.cnf"}):
        assert _sent(alice, "told", **options) == 422
    told = alice.get("/clients/told")["client"]
    assert (told["allowed_commands"], told["allowed_files"]) == (["/bin/sync"], [])
    assert "allowed_commands" not in alice.get("/clients/old")["client"]


def test_no_way_leads_around_the_list() -> None:
    alice = person()
    alice.client("old")
    alice.client("told", allowed_commands=[])
    job = alice.job("told")
    action = alice.made("/actions", {"freezer_action": {**_BACKUP, "pre_command": "/bin/x"}})["action_id"]
    refused: list[tuple[str, str, Any]] = [
        ("POST", "/jobs", {"client_id": "told", "job_actions": [{"action_id": action}]}),
        ("PATCH", f"/jobs/{job}", {"job_actions": [{"action_id": action}]}),
        ("POST", f"/jobs/{job}", {"client_id": "told", "job_actions": [{"action_id": action}]}),
    ]
    elsewhere = alice.made("/jobs", {"client_id": "old", "job_actions": [{"action_id": action}]})["job_id"]
    refused.append(("PATCH", f"/jobs/{elsewhere}", {"client_id": "told"}))
    used = alice.get(f"/jobs/{job}")["job_actions"][0]["action_id"]
    refused.append(("PATCH", f"/actions/{used}", {"freezer_action": {"post_command": "/bin/x"}}))
    refused.append(("POST", f"/actions/{used}", {"freezer_action": {**_BACKUP, "on_failure": "/bin/x"}}))
    for method, path, document in refused:
        answer = alice.send(method, path, document)
        assert answer.status == 422, (method, path)
        assert "is not among what may be executed" in answer.json()["description"]
    assert alice.get(f"/jobs/{job}")["job_actions"][0]["freezer_action"].get("post_command") is None


def test_another_projects_jobs_reach_nothing_of_a_central_client(tmp_path: Path) -> None:
    call, central = serving(tmp_path), "center"
    boss, alice = Person(call, "adm", "admin,member"), Person(call, "p")
    boss.client(central, is_central=True)
    fits = {"mode": "cindernative", "path_to_backup": None, "cindernative_vol_id": "v", "storage": "swift"}
    assert _sent(alice, central, **fits) == 201
    for options in (
        {"pre_command": "id"},
        {"log_file": "/etc/cron.d/x"},
        {"Log-File": "/etc/cron.d/x"},
        {"path_to_backup": "/etc"},
        {"proxy": "http://x"},
        {"mysql_conf": "/etc/shadow"},
    ):
        assert _sent(alice, central, **{**fits, **options}) == 422, options
    assert _sent(boss, central, log_file="/var/log/mine.log") == 201


def test_an_operator_may_let_them_set_more(tmp_path: Path) -> None:
    call = serving(tmp_path, tenants_may_set=("path_to_backup",))
    Person(call, "adm", "admin,member").client("center", is_central=True)
    alice, fits = Person(call, "p"), {"mode": "cindernative", "storage": "swift"}
    assert _sent(alice, "center", **fits) == 201
    assert _sent(alice, "center", **fits, log_file="/etc/cron.d/x") == 422


def test_p1_p3_what_is_left_out_counts_as_what_the_agent_would_take() -> None:
    alice = person()
    alice.client("some", supported_modes=["cindernative"], supported_storages=["swift"], supported_engines=["rsync"])
    for action in (
        {"action": "backup", "path_to_backup": "/etc"},
        {"action": "backup", "path_to_backup": "/etc", "mode": None, "storage": None},
        {"action": "backup", "mode": "cindernative", "storage": "local"},
    ):
        document = {"client_id": "some", "job_actions": [{"freezer_action": action}]}
        assert alice.send("POST", "/jobs", document).status == 422
    alice.client("files", supported_modes=["fs"], supported_engines=["rsync"])
    assert _sent(alice, "files") == 422
    assert _sent(alice, "files", engine_name="tar") == 422
    assert _sent(alice, "files", engine="tar") == 422
    assert _sent(alice, "files", engine="rsync") == 201
    nothing = {"client_id": "files", "job_actions": [{"freezer_action": {}}]}
    assert alice.send("POST", "/jobs", nothing).status == 400
