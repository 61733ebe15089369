"""Statistics of backups: sums, ages, objectives, days."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from freezer.api.store.contract import Kind
from freezer.api.store.sql.catch_up import catch_up
from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.tables import TABLES, tallies
from freezer.testing.clock import FakeClock
from support.api import Person, serving
from support.people import person

NOW = 1_795_256_055
DAY = 86_400


@pytest.fixture
def alice(tmp_path: Path) -> Person:
    """Somebody whose server's clock says NOW."""
    return Person(serving(tmp_path, FakeClock(NOW)), "default")


def _report(made: int, **more: object) -> dict[str, Any]:
    return {
        "container": "c",
        "hostname": "web1",
        "backup_name": "home",
        "time_stamp": made,
        "backup_bytes_read": 1000,
        "backup_bytes_stored": 100,
        **more,
    }


def _made(who: Person, made: int, **more: object) -> str:
    return str(who.made("/backups", _report(made, **more))["backup_id"])


def _set(who: Person, host: str = "web1", name: str = "home", query: str = "") -> Any:
    found = who.get(f"/statistics/sets?hostname={host}{query}")["sets"]
    return next(each for each in found if each["backup_name"] == name)


def test_a_set_is_summed_up_and_knows_its_age(alice: Person) -> None:
    _made(alice, NOW - 500)
    _made(alice, NOW - 100, partial=True)
    _made(alice, NOW - 300)
    found = _set(alice)
    assert found.pop("set_id")
    assert found == {
        "hostname": "web1",
        "backup_name": "home",
        "backups": 3,
        "partial": 1,
        "bytes_read": 3000,
        "bytes_stored": 300,
        "last_success": NOW - 100,
        "last_complete": NOW - 300,
        "age": 100,
        "objective": None,
        "objective_from": None,
        "late": None,
    }


def test_what_is_removed_or_gone_counts_no_more_and_the_newest_is_looked_up(alice: Person) -> None:
    oldest, newest = _made(alice, NOW - 500), _made(alice, NOW - 100)
    partial = _made(alice, NOW - 50, partial=True)
    assert alice.send("DELETE", f"/backups/{newest}").status == 204
    assert (_set(alice)["backups"], _set(alice)["last_success"], _set(alice)["last_complete"]) == (
        2,
        NOW - 50,
        NOW - 500,
    )
    assert alice.send("PATCH", f"/backups/{partial}", {"status": "error"}).status == 200
    assert (_set(alice)["backups"], _set(alice)["partial"], _set(alice)["last_success"]) == (1, 0, NOW - 500)
    gone = alice.send("POST", "/inventory/removal", {"backups": [f"c_web1_home_{NOW - 500}_None"]}).json()["gone"]
    assert gone == [oldest]
    found = _set(alice)
    assert (found["backups"], found["bytes_stored"], found["last_success"], found["age"]) == (0, 0, None, None)


def test_a_backup_counts_once_it_is_made(alice: Person) -> None:
    id = _made(alice, NOW - 9, status="creating")
    assert alice.get("/statistics/sets")["sets"] == []
    assert alice.send("PATCH", f"/backups/{id}", {"status": "available"}).status == 200
    assert _set(alice)["backups"] == 1
    more = {"backup_metadata": {"backup_bytes_stored": 700, "time_stamp": NOW - 5}}
    assert alice.send("PATCH", f"/backups/{id}", more).status == 200
    assert (_set(alice)["bytes_stored"], _set(alice)["last_success"]) == (700, NOW - 5)


def test_sizes_of_the_first_reports_are_whole_megabytes(alice: Person) -> None:
    report = {"container": "c", "hostname": "old", "backup_name": "home", "timestamp": NOW - 9}
    alice.made("/backups", {**report, "backup_size_compressed": 2, "backup_size_uncompressed": 3})
    found = _set(alice, "old")
    assert (found["bytes_stored"], found["bytes_read"], found["age"]) == (2 * 1024**2, 3 * 1024**2, 9)


@pytest.mark.parametrize("strange", [-1, 2**60, "7", None, 1.5, True, {}])
def test_strange_sizes_and_times_count_nothing(alice: Person, strange: object) -> None:
    _made(alice, 0, backup_bytes_stored=strange, backup_bytes_read=strange)
    alice.made("/backups", _report(0, time_stamp="never", backup_name="other"))
    assert (_set(alice)["bytes_stored"], _set(alice)["last_success"]) == (0, None)
    assert _set(alice, name="other")["backups"] == 1


def test_days_show_the_trend(alice: Person) -> None:
    for ago, size in ((0, 10), (1, 20), (1, 30), (5, 40), (100, 50)):
        _made(alice, NOW - ago * DAY, backup_bytes_stored=size)
    days = alice.get("/statistics?days=7")["days"]
    assert [(each["day"], each["backups"], each["bytes_stored"]) for each in days] == [
        ("2026-11-16", 1, 40),
        ("2026-11-20", 2, 50),
        ("2026-11-21", 1, 10),
    ]
    assert _set(alice, query="&days=2")["days"] == days[1:]
    total = alice.get("/statistics")
    assert (total["backups"], total["bytes_stored"], total["sets"]) == (5, 150, 1)


def test_an_objective_can_be_set_and_taken_back(alice: Person) -> None:
    _made(alice, NOW - 7200)
    path = f"/statistics/sets/{_set(alice)['set_id']}"
    for objective, late in ((7200, False), (7199, True)):
        assert alice.send("PATCH", path, {"objective": objective}).status == 204
        found = _set(alice)
        assert (found["objective"], found["objective_from"], found["late"]) == (objective, "set", late)
    assert alice.get("/statistics")["late"] == 1
    assert alice.send("PATCH", path, {"objective": None}).status == 204
    assert (_set(alice)["objective"], _set(alice)["late"]) == (None, None)
    assert alice.send("PATCH", "/statistics/sets/none", {"objective": 5}).status == 404
    for wrong in ({"objective": 0}, {"objective": "1 day"}, {}):
        assert alice.send("PATCH", path, wrong).status == 400


def test_otherwise_the_objective_is_the_schedule_of_the_job_that_makes_the_backup(alice: Person) -> None:
    alice.client("default_web1", hostname="web1")
    action = {"action": "backup", "backup_name": "home", "storage": "local", "path_to_backup": "/home"}
    for interval in ("1 days", "6 hours"):
        alice.made(
            "/jobs",
            {
                "client_id": "default_web1",
                "job_schedule": {"schedule_interval": interval},
                "job_actions": [{"freezer_action": action}],
            },
        )
    _made(alice, NOW - 7 * 3600)
    _made(alice, NOW - 7 * 3600, backup_name="other")
    found = _set(alice)
    assert (found["objective"], found["objective_from"], found["late"]) == (6 * 3600, "schedule", True)
    assert _set(alice, name="other")["objective"] is None


def test_hosts_are_summed_up_with_their_clients(alice: Person) -> None:
    alice.client("default_web1", hostname="web1")
    alice.client("default_idle")
    _made(alice, NOW - 10)
    _made(alice, NOW - 20, backup_name="etc")
    _made(alice, NOW - 30, hostname="stranger", partial=True)
    hosts = {each["hostname"]: each for each in alice.get("/statistics/hosts")["hosts"]}
    assert list(hosts) == ["idle", "stranger", "web1"]
    assert (hosts["web1"]["client_id"], hosts["web1"]["sets"], hosts["web1"]["last_success"]) == (
        "default_web1",
        2,
        NOW - 10,
    )
    assert (hosts["idle"]["client_id"], hosts["idle"]["backups"]) == ("default_idle", 0)
    assert (hosts["stranger"]["client_id"], hosts["stranger"]["last_complete"]) == (None, None)


def test_sets_are_listed_page_by_page(alice: Person) -> None:
    for number in range(7):
        _made(alice, NOW - number, backup_name=f"n{number}")
    seen: list[str] = []
    marker: str | None = ""
    while marker is not None:
        page = alice.get(f"/statistics/sets?limit=3&marker={marker}")
        seen.extend(each["backup_name"] for each in page["sets"])
        marker = page["marker"]
    assert sorted(seen) == [f"n{number}" for number in range(7)]


def test_nobody_sees_the_sums_of_another_project() -> None:
    owner, stranger = person(), person()
    _made(owner, NOW)
    assert stranger.get("/statistics")["backups"] == 0
    assert person(at=owner.project).send("GET", "/statistics").status == 403


def test_sums_agree_with_the_backups_whatever_happens_to_them(alice: Person, chance: random.Random) -> None:
    kept: dict[str, dict[str, Any]] = {}
    for number in range(120):
        deed = chance.choice(("make", "make", "change", "remove"))
        if deed == "make" or not kept:
            report = _report(
                NOW - chance.randrange(5 * DAY),
                backup_name=chance.choice("ab"),
                backup_bytes_stored=chance.randrange(100),
                partial=chance.random() < 0.3,
                curr_backup_level=number,
            )
            kept[str(alice.made("/backups", report)["backup_id"])] = report
        elif deed == "change":
            id = chance.choice(list(kept))
            kept[id]["partial"] = chance.random() < 0.5
            kept[id]["time_stamp"] = NOW - chance.randrange(5 * DAY)
            told = {key: kept[id][key] for key in ("partial", "time_stamp")}
            assert alice.send("PATCH", f"/backups/{id}", {"backup_metadata": told}).status == 200
        else:
            id = chance.choice(list(kept))
            assert alice.send("DELETE", f"/backups/{id}").status == 204
            del kept[id]
    for name in "ab":
        mine = [each for each in kept.values() if each["backup_name"] == name]
        found = _set(alice, name=name)
        assert found["backups"] == len(mine)
        assert found["partial"] == sum(each["partial"] for each in mine)
        assert found["bytes_stored"] == sum(each["backup_bytes_stored"] for each in mine)
        assert found["last_success"] == max((each["time_stamp"] for each in mine), default=None)
    days = alice.get("/statistics?days=30")["days"]
    assert sum(each["backups"] for each in days) == len(kept)


def test_backups_that_an_older_server_stored_are_counted_when_the_tables_are_brought_up_to_date(tmp_path: Path) -> None:
    api = serving(tmp_path, FakeClock(NOW))
    alice = Person(api, "default")
    for number in range(4):
        _made(alice, NOW - number, partial=number == 3)
    before = [alice.get(path) for path in ("/statistics", "/statistics/sets")]
    engine = open_engine(api.database)
    with engine.begin() as connection:
        connection.execute(delete(tallies))
        connection.execute(update(TABLES[Kind.BACKUP]).values(belongs="", location="", counted=0))
    assert alice.get("/statistics")["backups"] == 0
    for _ in range(2):
        catch_up(engine)
        assert [alice.get(path) for path in ("/statistics", "/statistics/sets")] == before
    engine.dispose()
