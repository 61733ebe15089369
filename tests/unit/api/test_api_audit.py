"""Who did what: every change of people, and nothing secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from freezer.api.service.audit import forget
from freezer.testing.clock import FakeClock
from support.api import Person, fresh_database, opened, serving
from support.people import person

_DAY = 86_400


def _entries(project: str, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person("admin", at=project).get(f"/audit?limit=1000{query}")["audit"]
    return found


def _deeds(project: str) -> list[tuple[str, str]]:
    return [(each["operation"], each["target"]) for each in reversed(_entries(project))]


def test_every_change_is_noted_with_who_and_what() -> None:
    alice = person(user="alice")
    alice.client()
    session = alice.made("/sessions", {"schedule": {}})["session_id"]
    job = alice.job()
    alice.send("PATCH", f"/jobs/{job}", {"description": "d"})
    alice.send("PUT", f"/sessions/{session}/jobs/{job}")
    alice.send("POST", f"/jobs/{job}/event", {"start": None})
    alice.send("DELETE", f"/jobs/{job}")
    assert _deeds(alice.project) == [
        ("clients:create", "clients/node"),
        ("sessions:create", f"sessions/{session}"),
        ("jobs:create", f"jobs/{job}"),
        ("jobs:update", f"jobs/{job}"),
        ("sessions:job:add", f"sessions/{session}/jobs/{job}"),
        ("jobs:event:create", f"jobs/{job}/event"),
        ("jobs:delete", f"jobs/{job}"),
    ]
    newest = _entries(alice.project)[0]
    assert (newest["user_id"], newest["user_name"], newest["project_id"]) == ("alice", "alice", alice.project)
    assert newest["request_id"].startswith("req-")
    assert newest["address"] == "127.0.0.1"
    assert newest["time"] > 1_700_000_000


def test_what_is_removed_paused_left_out_or_aimed_at_is_noted_too() -> None:
    alice = person(user="alice")
    alice.client()
    job = alice.job()
    backup = alice.made("/backups", {"backup_name": "b", "container": "c", "hostname": "h", "time_stamp": 1})[
        "backup_id"
    ]
    known = len(_entries(alice.project))
    set_id = alice.get("/statistics/sets")["sets"][0]["set_id"]
    asked = [
        alice.send("PATCH", f"/statistics/sets/{set_id}", {"objective": 86_400}),
        alice.send("PUT", f"/pauses/jobs/{job}", {}),
        alice.send("DELETE", f"/pauses/jobs/{job}"),
        alice.send("POST", "/deletions", {"kind": "backups", "ids": [backup, "nothing"]}),
    ]
    assert [each.status for each in asked if each.status >= 300] == []
    deeds = [operation for operation, _ in _deeds(alice.project)[known:]]
    assert len(deeds) == 4
    assert _deeds(alice.project)[-1] == ("backups:delete", f"backups/{backup}")


def test_what_was_refused_or_only_read_is_not_noted() -> None:
    alice = person()
    alice.client()
    alice.get("/jobs")
    assert alice.send("POST", "/jobs", {"client_id": "nobody", "job_actions": []}).status == 422
    assert alice.send("DELETE", "/jobs/none").status == 404
    assert _deeds(alice.project) == [("clients:create", "clients/node")]


def test_what_an_outsider_does_stands_in_the_project_it_was_done_to() -> None:
    alice = person()
    alice.client()
    boss = person("admin", at=alice.project, user="boss")
    assert boss.send("DELETE", "/clients/node").status == 204
    entry = _entries(alice.project)[0]
    assert (entry["user_id"], entry["operation"]) == ("boss", "clients:delete")
    assert _deeds(boss.project) == []


def test_reports_of_schedulers_are_no_deeds() -> None:
    alice = person()
    alice.client()
    job = alice.job()
    before = len(_deeds(alice.project))
    report = {"job_schedule": {"status": "running"}, "session_id": "", "session_tag": 0}
    assert alice.send("PATCH", f"/jobs/{job}", report).status == 200
    alice.made("/backups", {"backup_name": "b", "container": "c", "hostname": "h"})
    assert len(_deeds(alice.project)) == before


def test_a_repeated_request_is_noted_once() -> None:
    alice = person()
    for _ in range(2):
        alice.made("/sessions", {"schedule": {}}, Idempotency_Key="same")
    assert len(_deeds(alice.project)) == 1


def test_nothing_of_what_was_sent_is_kept_but_the_path() -> None:
    alice = person()
    alice.client(description="the password is hunter2")
    action = {"freezer_action": {"action": "backup", "path_to_backup": "/etc", "ssh_password": "hunter2"}}
    assert alice.send("POST", "/actions", action).status == 201
    alice.send("POST", "/clients/node/key")
    assert "hunter2" not in str(_entries(alice.project))
    assert "fzn1" not in str(_entries(alice.project))


def test_entries_are_found_by_who_what_and_when_a_page_at_a_time() -> None:
    alice = person(user="alice")
    bob = person(user="bob", project=alice.project)
    for who in (alice, bob, alice):
        who.made("/sessions", {"schedule": {}})
    alice.client()
    assert len(_entries(alice.project, "&user_id=alice")) == 3
    assert len(_entries(alice.project, "&operation=sessions:create")) == 3
    assert len(_entries(alice.project, "&target=clients/node")) == 1
    assert len(_entries(alice.project, "&time_after=99999999999")) == 0
    assert len(_entries(alice.project, "&time_before=99999999999&time_after=1")) == 4
    boss = person("admin", at=alice.project)
    first = boss.get("/audit?limit=3")
    assert [each["operation"] for each in first["audit"]] == ["clients:create", *["sessions:create"] * 2]
    rest = boss.get("/audit" + first["links"][0]["href"].partition("/audit")[2])
    assert [each["user_id"] for each in rest["audit"]] == ["alice"]
    assert "links" not in rest


@pytest.mark.parametrize("query", ["marker=x", "marker=-1", "limit=x", "time_after=x", "marker=" + "9" * 30])
def test_a_query_that_means_nothing_is_refused(query: str) -> None:
    assert person("admin").send("GET", f"/audit?{query}").status == 400


@pytest.mark.parametrize(
    ("roles", "inside", "status"),
    [("manager", True, 200), ("manager", False, 403), ("member,reader", True, 403), ("service", True, 403)],
)
def test_the_audit_is_for_administrators_and_the_projects_managers(roles: str, inside: bool, status: int) -> None:
    owner = person()
    who = person(roles, project=owner.project) if inside else person(roles, at=owner.project)
    assert who.send("GET", "/audit").status == status


def test_looking_at_all_projects_is_noted_once_an_hour(tmp_path: Path) -> None:
    clock = FakeClock()
    boss = Person(serving(tmp_path, clock), "adm", "admin", "boss")
    for _ in range(3):
        boss.get("/jobs?all_projects=True")
    assert [each["operation"] for each in boss.get("/audit")["audit"]] == ["jobs:get_all_projects"]
    clock.advance(3601)
    boss.get("/jobs?all_projects=True")
    assert len(boss.get("/audit")["audit"]) == 2


def test_what_is_older_than_the_retention_is_forgotten(tmp_path: Path) -> None:
    clock = FakeClock()
    url = fresh_database(tmp_path)
    alice = Person(serving(tmp_path, clock, database=url), "p", "admin,member")
    alice.made("/sessions", {"schedule": {}})
    clock.advance(10 * _DAY)
    alice.made("/sessions", {"schedule": {}})
    store = opened(url)
    assert forget(store, int(clock.now()), days=5) == 1
    store.close()
    assert len(alice.get("/audit")["audit"]) == 1
