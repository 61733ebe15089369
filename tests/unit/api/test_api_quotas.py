"""Quotas: counted in the transaction that makes things, shown, and changed by administrators."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from freezer.api.config import read_settings
from freezer.api.store.contract import Unit
from freezer.api.store.quotas import OverQuota
from freezer.errors import UsageError
from support.api import Person, fresh_database, opened, serving
from support.people import person

_BACKUP = {"backup_name": "b", "container": "c", "hostname": "h"}


def _used(who: Person) -> dict[str, int]:
    return {name: each["used"] for name, each in who.get("/quotas")["quotas"].items() if each["used"]}


def _limit(project: str, **limits: Any) -> Any:
    return person("admin", at=project).send("PATCH", "/quotas", limits)


def test_what_is_made_is_counted_and_what_is_removed_is_not_any_more() -> None:
    alice = person()
    alice.client()
    job = alice.job()
    backup = alice.made("/backups", _BACKUP)["backup_id"]
    alice.made("/sessions", {"schedule": {}})
    assert _used(alice) == {"clients": 1, "jobs": 1, "actions": 1, "backups": 1, "sessions": 1}
    assert alice.send("DELETE", f"/jobs/{job}").status == 204
    assert alice.send("DELETE", f"/backups/{backup}").status == 204
    assert _used(alice) == {"clients": 1, "actions": 1, "sessions": 1}


def test_a_project_gets_no_more_than_its_quota_and_nothing_is_left_of_what_is_refused() -> None:
    alice = person()
    alice.client()
    assert _limit(alice.project, jobs=1, actions=1).status == 200
    alice.job()
    refused = alice.send("POST", "/jobs", {"client_id": "node", "job_actions": []})
    assert (refused.status, refused.json()["title"]) == (403, "Quota exceeded")
    assert refused.json()["description"] == "the project may have 1 jobs and not more"
    refused = alice.send("POST", "/actions", {"freezer_action": {"action": "backup"}})
    assert refused.json()["description"] == "the project may have 1 actions and not more"
    assert _used(alice) == {"clients": 1, "jobs": 1, "actions": 1}
    assert len(alice.get("/actions")["actions"]) == 1


def test_a_refused_request_did_not_count_and_does_not_count_again() -> None:
    alice = person()
    alice.client()
    wrong = {"client_id": "node", "job_actions": [{"freezer_action": {"action": "backup", "mode": "cinder"}}] * 2}
    alice.send("PATCH", "/clients/node", {"supported_modes": ["fs"]})
    assert alice.send("POST", "/jobs", wrong).status == 422
    assert _used(alice) == {"clients": 1}


def test_the_quota_of_one_project_is_not_that_of_another() -> None:
    alice, bob = person(), person()
    _limit(alice.project, sessions=0)
    assert alice.send("POST", "/sessions", {"schedule": {}}).status == 403
    assert bob.send("POST", "/sessions", {"schedule": {}}).status == 201
    assert bob.get("/quotas")["quotas"]["sessions"] == {"used": 1, "limit": -1, "default": -1}


def test_an_administrator_sets_limits_lifts_them_and_takes_them_back() -> None:
    alice = person()
    answer = _limit(alice.project, quotas={"sessions": 0}).json()
    assert answer["quotas"]["sessions"] == {"used": 0, "limit": 0, "default": -1}
    assert _limit(alice.project, sessions=-1).json()["quotas"]["sessions"]["limit"] == -1
    assert alice.send("POST", "/sessions", {"schedule": {}}).status == 201
    assert _limit(alice.project, sessions=None).json()["quotas"]["sessions"] == {"used": 1, "limit": -1, "default": -1}


@pytest.mark.parametrize(
    "document", [{}, {"job": 1}, {"jobs": "1"}, {"jobs": -2}, {"jobs": 2**60}, {"jobs": True}, [], {"quotas": {}}]
)
def test_a_limit_that_is_none_is_refused(document: Any) -> None:
    assert person("admin").send("PATCH", "/quotas", document).status == 400


@pytest.mark.parametrize("roles", ["member,reader", "reader", "service", "manager", ""])
def test_only_administrators_change_limits(roles: str) -> None:
    who = person(roles)
    assert who.send("PATCH", "/quotas", {"jobs": 1}).status == 403


def test_limits_of_others_are_not_shown() -> None:
    assert person(at=person().project).send("GET", "/quotas").status == 403


def test_limits_are_configured(tmp_path: Path) -> None:
    config = tmp_path / "freezer-api.conf"
    config.write_text("[quota]\nsessions = 1\nlog_bytes = -1\n")
    quotas = dict(read_settings([str(config)]).quotas)
    assert quotas == {"sessions": 1, "log_bytes": -1}
    alice = Person(serving(tmp_path, quotas=quotas), "p")
    alice.made("/sessions", {"schedule": {}})
    assert alice.send("POST", "/sessions", {"schedule": {}}).status == 403
    for wrong in ("[quota]\nsession = 1\n", "[quota]\nsessions = some\n", "[quota]\nsessions = -2\n"):
        config.write_text(wrong)
        with pytest.raises(UsageError, match=r"\[quota\]"):
            read_settings([str(config)])


def test_of_many_at_once_as_many_succeed_as_may(tmp_path: Path) -> None:
    store = opened(fresh_database(tmp_path), quotas={"runs": 10})
    outcomes: list[bool] = []

    def one() -> None:
        try:
            store.write(lambda unit: unit.quotas.charge("p", "runs", 1))
            outcomes.append(True)
        except OverQuota:
            outcomes.append(False)

    threads = [threading.Thread(target=lambda: [one() for _ in range(3)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count(True), outcomes.count(False)) == (10, 14)
    assert {each.resource: each.used for each in store.read(lambda unit: unit.quotas.of("p"))}["runs"] == 10
    store.close()


def test_counters_never_fall_below_nothing(tmp_path: Path) -> None:
    store = opened(fresh_database(tmp_path))

    def purge(unit: Unit) -> None:
        unit.quotas.charge("p", "log_bytes", 5)
        unit.quotas.charge("p", "log_bytes", -9)

    store.write(purge)
    assert {each.used for each in store.read(lambda unit: unit.quotas.of("p"))} == {0}
    store.close()
