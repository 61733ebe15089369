"""Records of backups and what storages really hold; what was verified; many objects removed at once."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from freezer.model.backups import composed_hash
from freezer.model.inventory import digest
from support.api import Person, serving
from support.people import person

PLACE = {"storage": "local", "container": "/srv/b", "hostname": "web1"}


def _row(number: int, **more: object) -> dict[str, Any]:
    return {"id": f"web1_home_{number}_0", "name": "web1_home", "time": number, "size": 100, "path": "/home", **more}


def _report(number: int, **more: object) -> dict[str, Any]:
    return {
        "container": "/srv/b",
        "hostname": "web1",
        "backup_name": "home",
        "time_stamp": number,
        "curr_backup_level": 0,
        "storage": "local",
        **more,
    }


def _composed(number: int) -> str:
    return f"/srv/b_web1_home_{number}_0"


def _told(who: Person, *numbers: int, **more: Any) -> Any:
    document = {"place": PLACE, "backups": [_row(number) for number in numbers], **more}
    answer = who.send("POST", "/inventory", document)
    assert answer.status == 200, answer
    return answer.json()


def _states(who: Person) -> dict[int, str]:
    found = who.get("/backups?limit=1000")["backups"]
    return {each["backup_metadata"]["time_stamp"]: each["status"] for each in found}


def test_a_backup_without_a_record_is_adopted_with_what_its_storage_tells() -> None:
    alice = person()
    row = _row(5, hostname="web1", backup_name="home", level=2, chain=3, engine="tar", encryption="aes-256-gcm")
    answer = alice.send("POST", "/inventory", {"place": PLACE, "backups": [{**row, "name": "web1_home"}]}).json()
    (id,) = answer["adopted"]
    backup = alice.get(f"/backups/{id}")
    assert backup["status"] == "available"
    assert backup["backup_metadata"] == {
        "container": "/srv/b",
        "hostname": "web1",
        "backup_name": "home",
        "time_stamp": 5,
        "curr_backup_level": 2,
        "chain": 3,
        "storage": "local",
        "engine_name": "tar",
        "mode": "fs",
        "path_to_backup": "/home",
        "backup_bytes_stored": 100,
        "encryption": "aes-256-gcm",
        "partial": False,
        "total_failed": 0,
        "stored_id": "web1_home_5_0",
        "adopted": True,
    }
    assert alice.get("/backups?composed_id=%2Fsrv%2Fb_web1_home_5_2")["backup_id"] == id


def test_a_reported_backup_is_recognised_in_its_storage() -> None:
    alice = person()
    alice.made("/backups", _report(1))
    assert _told(alice, 1) == {"adopted": [], "gone": [], "returned": [], "known": 1}


def test_a_record_without_a_backup_is_gone_and_comes_back_with_it() -> None:
    alice = person()
    alice.made("/backups", _report(1))
    alice.made("/backups", _report(2))
    assert len(_told(alice, 2)["gone"]) == 1
    assert _states(alice) == {1: "gone", 2: "available"}
    assert _told(alice, 2) == {"adopted": [], "gone": [], "returned": [], "known": 1}
    assert len(_told(alice, 1, 2)["returned"]) == 1
    assert _states(alice) == {1: "available", 2: "available"}
    found = alice.get("/backups", {"match": [{"status": "available"}]})["backups"]
    assert all("gone_at" not in each for each in found)


def test_a_list_that_is_not_complete_loses_nothing() -> None:
    alice = person()
    alice.made("/backups", _report(1))
    assert _told(alice, 2, complete=False)["gone"] == []
    assert _states(alice) == {1: "available", 2: "available"}


def test_a_backup_that_may_have_been_stored_after_the_list_was_made_is_not_gone() -> None:
    alice = person()
    alice.made("/backups", _report(1))
    alice.made("/backups", _report(50))
    assert len(_told(alice, before=50)["gone"]) == 1
    assert _states(alice) == {1: "gone", 50: "available"}


@pytest.mark.parametrize(
    "elsewhere",
    [{"container": "/srv/c"}, {"storage": "swift"}, {"hostname": "web2"}, {"storage": "ssh", "ssh_host": "far"}],
)
def test_backups_elsewhere_are_left_alone(elsewhere: dict[str, str]) -> None:
    alice = person()
    alice.made("/backups", _report(1, **elsewhere))
    _told(alice)
    assert _states(alice) == {1: "available"}


def test_backups_that_are_being_made_are_left_alone() -> None:
    alice = person()
    alice.made("/backups", _report(1, status="creating"))
    alice.made("/backups", _report(2, status="error"))
    _told(alice)
    assert _states(alice) == {1: "creating", 2: "error"}


def test_nobody_touches_the_backups_of_another_project() -> None:
    alice, bob = person(), person()
    alice.made("/backups", _report(1))
    _told(bob)
    assert bob.send("POST", "/inventory/removal", {"backups": [_composed(1)]}).json()["gone"] == []
    finding = {"kind": "check", "backups": [{"backup": _composed(1), "result": "failed"}]}
    assert bob.send("POST", "/verifications", finding).json() == {"verified": [], "unknown": [_composed(1)]}
    assert _states(alice) == {1: "available"}


def test_only_segments_that_differ_need_to_be_told() -> None:
    alice = person()
    numbers = list(range(60))
    _told(alice, *numbers)
    hashes = {number: composed_hash(_composed(number)) for number in numbers}
    lost, extra = random.Random(3).sample(numbers, 1)[0], 1000

    def compare(held: set[str]) -> set[str]:
        digests = {
            prefix: digest(hash for hash in held if hash.startswith(prefix)) for prefix in map("{:x}".format, range(16))
        }
        answer = alice.send("POST", "/inventory/comparison", {"place": PLACE, "digests": digests})
        assert answer.status == 200, answer
        return set(answer.json()["differing"])

    assert compare(set(hashes.values())) == set()
    held = {hash for number, hash in hashes.items() if number != lost} | {composed_hash(_composed(extra))}
    assert compare(held) == {hashes[lost][0], composed_hash(_composed(extra))[0]}
    segment = hashes[lost][0]
    there = [number for number, hash in hashes.items() if hash.startswith(segment) and number != lost]
    answer = _told(alice, *there, prefix=segment)
    assert (len(answer["gone"]), answer["known"]) == (1, len(there))
    assert _states(alice)[lost] == "gone"


def test_an_empty_place_agrees_with_an_empty_list() -> None:
    document = {"place": PLACE, "digests": {"": digest(())}}
    assert person().send("POST", "/inventory/comparison", document).json() == {"differing": []}


def test_agents_tell_what_retention_has_removed() -> None:
    alice = person()
    for number in (1, 2):
        alice.made("/backups", _report(number))
    answer = alice.send("POST", "/inventory/removal", {"backups": [_composed(1), "c_nobody_home_3_0"]}).json()
    assert len(answer["gone"]) == 1
    assert _states(alice) == {1: "gone", 2: "available"}


@pytest.mark.parametrize(
    ("path", "document", "place"),
    [
        ("/inventory", {"place": PLACE, "backups": [{"name": "x"}]}, ["backups", 0]),
        ("/inventory", {"place": PLACE, "backups": [_row(1)], "prefix": "no"}, ["prefix"]),
        ("/inventory", {"place": {"storage": "local"}, "backups": []}, ["place"]),
        ("/inventory", {"place": PLACE, "backups": [_row(1, name="nohost")]}, ["backups", 0, "name"]),
        ("/inventory", {"place": PLACE, "backups": [_row(1, name="_home")]}, ["backups", 0, "name"]),
        ("/inventory/comparison", {"place": PLACE, "digests": {"0": "short"}}, ["digests"]),
        ("/inventory/removal", {"backups": [7]}, ["backups", 0]),
        ("/verifications", {"kind": "guess", "backups": [{"backup": "x", "result": "passed"}]}, ["kind"]),
        ("/verifications", {"kind": "check", "backups": []}, ["backups"]),
        ("/deletions", {"kind": "users", "ids": ["x"]}, ["kind"]),
        ("/deletions", {"kind": "jobs", "ids": []}, ["ids"]),
        ("/deletions", [], []),
    ],
)
def test_documents_that_mean_nothing_are_refused_with_their_place(path: str, document: Any, place: list[Any]) -> None:
    answer = person().send("POST", path, document)
    assert answer.status == 400, answer
    assert answer.json().get("path", [])[: len(place)] == place


def test_a_row_outside_of_its_segment_is_refused() -> None:
    prefix = next(digit for digit in "0123" if not composed_hash(_composed(1)).startswith(digit))
    answer = person().send("POST", "/inventory", {"place": PLACE, "prefix": prefix, "backups": [_row(1)]})
    assert answer.status == 400


def test_readers_cannot_reconcile_verify_or_delete() -> None:
    reader = person("reader")
    for path, document in (
        ("/inventory", {"place": PLACE, "backups": []}),
        ("/inventory/removal", {"backups": ["x"]}),
        ("/verifications", {"kind": "check", "backups": [{"backup": "x", "result": "passed"}]}),
        ("/deletions", {"kind": "jobs", "ids": ["x"]}),
    ):
        assert reader.send("POST", path, document).status == 403


def test_a_backup_shows_who_has_verified_it_when_and_how() -> None:
    alice = person(user="alice")
    id = alice.made("/backups", _report(1))["backup_id"]
    assert "verified" not in alice.get(f"/backups/{id}")
    drill = {"kind": "drill", "result": "passed", "at": 1_700_000_000, "by": "node7", "detail": "3 items"}
    answer = alice.send("POST", f"/backups/{id}/verifications", drill)
    assert answer.status == 200, answer
    backup = alice.get(f"/backups/{id}")
    assert backup == answer.json()
    assert backup["verified"] == "passed"
    assert backup["verifications"] == [{**drill, "user_id": "alice"}]
    found = {"kind": "check", "backups": [{"backup": _composed(1), "result": "failed", "detail": "a hole"}]}
    assert alice.send("POST", "/verifications", found).json() == {"verified": [id], "unknown": []}
    backup = alice.get(f"/backups/{id}")
    assert backup["verified"] == "failed"
    assert [each["kind"] for each in backup["verifications"]] == ["drill", "check"]
    assert backup["verifications"][1]["by"] == "alice"
    assert [each["backup_id"] for each in alice.get("/backups?verified=failed")["backups"]] == [id]


def test_the_same_verification_counts_once_and_old_ones_go() -> None:
    alice = person()
    id = alice.made("/backups", _report(1))["backup_id"]
    for at in [*range(100, 130), 129]:
        told = {"kind": "check", "result": "passed", "at": at}
        assert alice.send("POST", f"/backups/{id}/verifications", told).status == 200
    assert [each["at"] for each in alice.get(f"/backups/{id}")["verifications"]] == list(range(110, 130))


def test_an_older_verification_that_is_told_late_does_not_hide_a_newer_one() -> None:
    alice = person()
    id = alice.made("/backups", _report(1))["backup_id"]
    for at, result in ((200, "failed"), (100, "passed")):
        alice.send("POST", f"/backups/{id}/verifications", {"kind": "check", "result": result, "at": at})
    assert alice.get(f"/backups/{id}")["verified"] == "failed"


def test_nothing_is_verified_in_the_future_or_of_nobodys_backup() -> None:
    alice = person()
    id = alice.made("/backups", _report(1))["backup_id"]
    told = {"kind": "check", "result": "passed", "at": time.time() + 100_000}
    assert alice.send("POST", f"/backups/{id}/verifications", told).status == 400
    assert alice.send("POST", "/backups/none/verifications", {"kind": "check", "result": "passed"}).status == 404


def test_many_objects_are_removed_in_one_step() -> None:
    alice = person()
    alice.client("one")
    ids = [alice.made("/backups", _report(number))["backup_id"] for number in range(3)]
    answer = alice.send("POST", "/deletions", {"kind": "backups", "ids": [*ids[:2], "none"]})
    assert answer.json() == {"deleted": sorted(ids[:2]), "missing": ["none"]}
    assert _states(alice) == {2: "available"}
    job = alice.job("one")
    assert alice.send("POST", "/deletions", {"kind": "jobs", "ids": [job]}).json()["deleted"] == [job]
    assert alice.send("POST", "/deletions", {"kind": "clients", "ids": ["one"]}).json()["deleted"] == ["one"]


def test_all_are_removed_or_none(tmp_path: Path) -> None:
    api = serving(tmp_path, auth="none")
    alice = Person(api, "default")
    alice.client("own")
    Person(api, "elsewhere", "admin,service").client("center", is_central=True)
    assert alice.send("POST", "/deletions", {"kind": "clients", "ids": ["center", "own"]}).status == 403
    assert {each["client"]["client_id"] for each in alice.get("/clients")["clients"]} >= {"own"}


def test_the_ids_of_others_are_missing() -> None:
    alice, bob = person(), person()
    id = alice.made("/backups", _report(1))["backup_id"]
    assert bob.send("POST", "/deletions", {"kind": "backups", "ids": [id]}).json() == {"deleted": [], "missing": [id]}
    assert _states(alice) == {1: "available"}


def test_capabilities_are_changed_in_place() -> None:
    alice = person()
    alice.client("one", supported_engines=["tar"])
    changed = {
        "supported_engines": ["tar", "dedup"],
        "supported_actions": ["backup", "check", "prune", "copy", "drill"],
    }
    assert alice.send("PATCH", "/clients/one", changed).status == 200
    client = alice.get("/clients/one")["client"]
    assert client["supported_engines"] == ["tar", "dedup"]
    assert client["supported_actions"] == changed["supported_actions"]
    assert client["supported_storages"] == ["local", "swift", "ssh", "s3", "ftp", "ftps"]
    assert alice.send("PATCH", "/clients/one", {"supported_engines": ["magic"]}).status == 400
    refused = {"client_id": "one", "job_actions": [{"freezer_action": {"action": "admin", "storage": "local"}}]}
    assert alice.send("POST", "/jobs", refused).status == 422
