"""Lists: order, pages, searches; revisions and repeated requests."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from freezer.api.store.elastic import finding as elastic_finding
from freezer.api.store.sql import finding
from support.people import person


def _backup(number: int, **more: object) -> dict[str, Any]:
    return {"backup_name": f"b{number}", "container": "c", "hostname": "h", "time_stamp": number, **more}


def test_a14_pages_follow_one_another_to_the_end() -> None:
    alice = person()
    made = [alice.made("/backups", _backup(number))["backup_id"] for number in range(7)]
    for path in ("/backups?limit=3", "/backups?limit=3&offset=0&total=true"):
        seen: list[str] = []
        page = alice.get(path)
        while True:
            seen.extend(each["backup_id"] for each in page["backups"])
            if "links" not in page:
                break
            address = urlsplit(page["links"][0]["href"])
            page = alice.get(f"/backups?{address.query}")
        assert seen == made
    assert alice.get("/backups?total=true&limit=2")["total"] == 7
    assert [each["backup_id"] for each in alice.get("/backups?offset=5")["backups"]] == made[5:]


def test_the_newest_may_come_first() -> None:
    alice = person()
    made = [alice.made("/backups", _backup(number))["backup_id"] for number in range(4)]
    page = alice.get(f"/backups?sort=-created&limit=2&marker={made[3]}")
    assert [each["backup_id"] for each in page["backups"]] == [made[2], made[1]]


def test_clients_are_paged_by_their_names() -> None:
    alice = person()
    for name in ("zeta", "alpha", "mid"):
        alice.client(name)
    first = alice.get("/clients?limit=1")
    second = alice.get(f"/clients?{urlsplit(first['links'][0]['href']).query}")
    assert [each["client"]["client_id"] for each in second["clients"]] == ["alpha"]


def test_a_page_has_at_most_1000_entries_and_10_unless_said() -> None:
    alice = person()
    for number in range(12):
        alice.client(f"n{number}")
    assert len(alice.get("/clients")["clients"]) == 10
    assert len(alice.get("/clients?limit=5000")["clients"]) == 12


def test_a_page_is_never_longer_than_1000_entries_and_says_where_the_rest_begins() -> None:
    alice = person()
    for number in range(1001):
        alice.made("/actions", {"freezer_action": {"action": "info", "backup_name": f"b{number}"}})
    page = alice.get("/actions?limit=5000")
    assert len(page["actions"]) == 1000
    rest = alice.get(f"/actions?{urlsplit(page['links'][0]['href']).query}")
    assert [each["freezer_action"]["backup_name"] for each in rest["actions"]] == ["b1000"]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({"match": [{"backup_name": "b1"}]}, [1]),
        ({"match": [{"time_stamp": 2}]}, [2]),
        ({"match": [{"time_stamp": "2"}]}, []),
        ({"match": [{"time_stamp": 2.0}]}, [2]),
        ({"match": [{"colour": "red"}]}, [3]),
        ({"match": [{"colour": "red"}, {"container": "c"}]}, [3]),
        ({"match": [{"backup_name": "b1"}, {"backup_name": "b2"}]}, []),
        ({"match_not": [{"backup_name": "b1"}, {"colour": "red"}]}, [0, 2]),
        ({"match": [{"deep": "yes"}]}, [2]),
        ({"match": [{"_all": "RED"}]}, [3]),
        ({"match": [{"_all": "100%"}]}, []),
        ({"match": [{"_all": '[{"backup_name": "b1"}]'}, {"container": "c"}]}, [1]),
        ({"match": [{"_all": '[{"backup_name": "b1"}]'}, {"container": "other"}]}, []),
        ({"time_after": 2}, [2, 3]),
        ({"time_before": 1}, [0, 1]),
        ({"time_after": 1, "time_before": 2, "match_not": [{"backup_name": "b1"}]}, [2]),
        ({"foo": 1}, [0, 1, 2, 3]),
    ],
)
def test_a15_a_search_finds_what_it_describes(search: object, expected: list[int]) -> None:
    alice = person()
    alice.made("/backups", _backup(0))
    alice.made("/backups", _backup(1))
    alice.made("/backups", _backup(2, inner={"list": [{"deep": "yes"}]}))
    alice.made("/backups", _backup(3, colour="red"))
    found = alice.get("/backups", search)["backups"]
    assert [each["backup_metadata"]["time_stamp"] for each in found] == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("backup_name=b1", [1]),
        ("time_stamp=2", [2]),
        ("backup_name=b1&backup_name=b2", []),
        ("q=B3", [3]),
        ("time_after=2", [2, 3]),
        ("colour=red", [0, 1, 2, 3]),
        ("container=c&time_before=0", [0]),
    ],
)
def test_a_search_may_stand_in_the_query(query: str, expected: list[int]) -> None:
    alice = person()
    for number in range(4):
        alice.made("/backups", _backup(number))
    found = alice.get(f"/backups?{query}")["backups"]
    assert [each["backup_metadata"]["time_stamp"] for each in found] == expected


def test_a_search_by_other_keys_is_refused_where_it_would_read_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person()
    for number in range(4):
        alice.made("/backups", _backup(number))
    for each in (elastic_finding, finding):
        monkeypatch.setattr(each, "MOST_READ", 3)
    answer = alice.send("GET", "/backups", {"match": [{"colour": "red"}]})
    assert answer.status == 400
    assert "backup_name" in answer.json()["description"]
    assert alice.get("/backups", {"match": [{"colour": "red"}, {"backup_name": "b1"}]})["backups"] == []


def test_a_search_that_reads_records_goes_through_them_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person()
    made = [alice.made("/backups", _backup(number, even=number % 2 == 0))["backup_id"] for number in range(9)]
    for each in (elastic_finding, finding):
        monkeypatch.setattr(each, "BATCH", 2)
    search = {"match": [{"even": True}]}
    page = alice.get("/backups?limit=2&offset=1&total=true", search)
    assert [each["backup_id"] for each in page["backups"]] == [made[2], made[4]]
    assert page["total"] == 5
    assert "links" in page
    newest = alice.get("/backups?sort=-created&limit=10", search)
    assert [each["backup_id"] for each in newest["backups"]] == made[::-2]
    assert "links" not in newest


def test_a_search_for_the_key_of_a_link_finds_nothing() -> None:
    alice = person()
    alice.client()
    action = alice.get(f"/jobs/{alice.job()}")["job_actions"][0]["action_id"]
    assert alice.get("/jobs", {"match": [{"@action_id": action}]})["jobs"] == []
    assert len(alice.get("/jobs", {"match": [{"action_id": action}]})["jobs"]) == 1


def test_the_last_of_several_values_of_a_key_counts() -> None:
    alice = person()
    alice.client()
    actions = [
        {"freezer_action": {"action": "backup", "backup_name": name, "storage": "local"}} for name in ("one", "two")
    ]
    alice.made("/jobs", {"client_id": "node", "job_actions": actions})
    assert alice.get("/jobs", {"match": [{"backup_name": "one"}]})["jobs"] == []
    assert len(alice.get("/jobs", {"match": [{"backup_name": "two"}]})["jobs"]) == 1


def test_who_names_a_revision_changes_that_one_or_nothing() -> None:
    alice = person()
    alice.client()
    job = alice.job()
    tag = alice.send("GET", f"/jobs/{job}").headers["etag"]
    assert alice.send("PATCH", f"/jobs/{job}", {"description": "one"}, If_Match=tag).status == 200
    refused = alice.send("PATCH", f"/jobs/{job}", {"description": "two"}, If_Match=tag)
    assert refused.status == 409
    assert alice.send("DELETE", f"/jobs/{job}", If_Match=tag).status == 409
    assert alice.get(f"/jobs/{job}")["description"] == "one"
    # Who names none is merged.
    assert alice.send("PATCH", f"/jobs/{job}", {"description": "three"}).status == 200


def test_a_request_that_is_repeated_with_its_key_is_answered_but_not_done_again() -> None:
    alice = person()
    first = alice.made("/backups", _backup(1), Idempotency_Key="k1")
    assert alice.made("/backups", _backup(1), Idempotency_Key="k1") == first
    assert len(alice.get("/backups")["backups"]) == 1
    assert alice.send("POST", "/backups", _backup(2), Idempotency_Key="k1").status == 409
    assert alice.made("/backups", _backup(1), Idempotency_Key="k2") != first


def test_a_request_that_was_refused_can_be_repeated_with_its_key() -> None:
    alice = person()
    document = {"client_id": "node", "job_actions": []}
    assert alice.send("POST", "/jobs", document, Idempotency_Key="k").status == 422
    alice.client()
    assert alice.send("POST", "/jobs", document, Idempotency_Key="k").status == 201


def test_request_ids_are_echoed_or_made() -> None:
    alice = person()
    assert alice.send("GET", "/jobs", X_OpenStack_Request_ID="abc").headers["x-openstack-request-id"] == "req-abc"
    made = alice.send("GET", "/jobs", X_OpenStack_Request_ID="bad id\n").headers["x-openstack-request-id"]
    assert made.startswith("req-")
    assert len(made) == 40
