"""No request makes the server fail: what cannot be is answered with one clear line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.api import DATABASES
from support.people import person, shared

_WRONG: list[Any] = [
    None,
    True,
    5,
    -1,
    2**70,
    1.5,
    "",
    "x",
    "x" * 70_000,
    [],
    [1],
    {},
    {"a": 1},
    [None],
    "\ud83d\ude00",
]
_KEYS = {
    "/clients": ("client_id", "hostname", "description", "uuid", "is_central", "supported_modes", "supported_engines"),
    "/actions": ("action_id", "freezer_action", "max_retries", "max_retries_interval", "mandatory", "mode"),
    "/jobs": ("client_id", "job_actions", "job_schedule", "description", "job_id", "session_id", "action_defaults"),
    "/sessions": ("schedule", "description", "hold_off", "session_tag", "session_id", "jobs"),
    "/backups": ("backup_name", "container", "hostname", "status", "time_stamp", "curr_backup_level"),
}
_GOOD: dict[str, dict[str, Any]] = {
    "/clients": {"client_id": "node"},
    "/actions": {"freezer_action": {"action": "backup"}},
    "/jobs": {"client_id": "node", "job_actions": []},
    "/sessions": {"schedule": {}},
    "/backups": {"backup_name": "b", "container": "c", "hostname": "h"},
}


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(("path", "key"), [(path, key) for path, keys in _KEYS.items() for key in keys])
def test_a_value_of_any_type_is_taken_or_refused(version: str, path: str, key: str) -> None:
    alice = person("admin,member", version=version)
    alice.client()
    for value in _WRONG:
        answer = alice.send("POST", path, {**_GOOD[path], key: value})
        assert answer.status in {201, 400, 409, 422}, (value, answer)
        if answer.status != 201:
            assert answer.json()["description"]


@pytest.mark.parametrize("path", [*_KEYS, "/jobs/x/event", "/sessions/x/action"])
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"5", b'"x"', b"{", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000])
def test_a7_a_body_that_is_no_object_is_refused(path: str, body: bytes) -> None:
    alice = person()
    answer = shared()("POST", f"/v2/{alice.project}{path}", {**alice.headers(), "Accept": "application/json"}, body)
    assert answer.status == 400, answer


@pytest.mark.parametrize("path", ["/clients/x", "/actions/x", "/jobs/x", "/sessions/x", "/backups/x"])
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"5", b"{"])
def test_a_change_that_is_no_object_is_refused(path: str, body: bytes) -> None:
    alice = person()
    answer = shared()("PATCH", f"/v2/{alice.project}{path}", {**alice.headers(), "Accept": "application/json"}, body)
    assert answer.status == 400, answer


def test_texts_with_nul_or_half_a_character_are_refused() -> None:
    alice = person()
    for description in ("a\0b", "\ud800"):
        body = json.dumps({"client_id": "n", "description": description}).encode()
        answer = shared()("POST", f"/v2/{alice.project}/clients", dict(alice.headers()), body)
        assert answer.status == 400, answer
    # A backslash before "u0000" is no NUL.
    assert alice.send("POST", "/clients", {"client_id": "n", "description": "\\u0000"}).status == 201


def test_a_body_of_more_than_1_mib_is_refused() -> None:
    alice = person()
    document = {"backup_name": "b", "container": "c", "hostname": "h", "blob": "x" * 1_100_000}
    assert alice.send("POST", "/backups", document).status == 413


@pytest.mark.parametrize(
    "query", ["limit=x", "offset=-1", "limit=-5", "total=perhaps", "sort=name", "marker=nobody", "limit=1.5"]
)
def test_a_wrong_part_of_a_list_is_refused(query: str) -> None:
    assert person().send("GET", f"/jobs?{query}").status == 400


@pytest.mark.parametrize(
    "query", ["limit=", "limit=0", "limit=99999999999999999999", "offset=99999999999999999999", "limit=1&limit=2"]
)
def test_odd_limits_and_offsets_are_no_failures(query: str) -> None:
    assert person().send("GET", f"/jobs?{query}").status == 200


@pytest.mark.parametrize("kind", DATABASES)
def test_far_behind_the_end_of_a_list_there_is_nothing_on_any_database(kind: str) -> None:
    alice = person(kind=kind)
    alice.made("/sessions", {"description": "only", "schedule": {}})
    for offset in (1, 2**31, 10**30):
        assert alice.get(f"/sessions?offset={offset}") == {"sessions": []}
        assert alice.get(f"/sessions?offset={offset}&description=only") == {"sessions": []}


@pytest.mark.parametrize(
    "search",
    [
        [1],
        "x",
        {"match": {"a": 1}},
        {"match": [1]},
        {"match": [{"a": {}}]},
        {"match_not": [{"_all": "x"}]},
        {"match": [{"_all": 5}]},
        {"time_after": "soon"},
        {"time_after": "9" * 5000},
        {"match": [{"client_id": str(number)} for number in range(51)]},
        {"match": [{"_all": "x" * 60_000}]},
        {"time_after": 5},
    ],
)
def test_a_search_that_means_nothing_is_refused(search: object) -> None:
    assert person().send("GET", "/jobs", search).status == 400


@pytest.mark.parametrize("path", ["/jobs/a%00b", "/jobs?marker=%00", "/backups?composed_id=a%00b", "/clients/%00"])
def test_nul_in_a_path_or_query_is_refused(path: str) -> None:
    assert person().send("GET", path).status == 400


def test_a_project_that_cannot_be_is_not_there() -> None:
    assert person("admin", at="p" * 65).send("POST", "/sessions", {"schedule": {}}).status == 404
    assert person(user="u" * 65).send("GET", "/sessions").status == 403


@pytest.mark.parametrize("header", ["x", '"x"', "-1"])
def test_a_revision_that_is_none_is_a_conflict(header: str) -> None:
    assert person().send("PATCH", "/jobs/x", {}, If_Match=header).status == 409


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.text(max_size=20) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sum(_KEYS.values(), ())), inner, max_size=6)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(sorted(_KEYS)), document=_json)
def test_no_document_makes_the_server_fail(path: str, document: object) -> None:
    alice = person()
    body = json.dumps(document).encode("utf-8", "surrogatepass")
    for method, where in (("POST", path), ("PATCH", f"{path}/x"), ("POST", f"{path}/x"), ("GET", path)):
        answer = shared()(
            method, f"/v2/{alice.project}{where}", {**alice.headers(), "Accept": "application/json"}, body
        )
        assert answer.status < 500, answer


@pytest.mark.parametrize("id", [0, False, [], {}])
def test_an_id_of_a_session_that_is_no_text_is_refused(id: object) -> None:
    assert person().send("POST", "/sessions", {"schedule": {}, "session_id": id}).status == 400


@pytest.mark.parametrize("id", ["", None])
def test_an_empty_id_of_a_session_is_none(id: object) -> None:
    assert person().send("POST", "/sessions", {"schedule": {}, "session_id": id}).status == 201


@pytest.mark.parametrize("path", ["/statistics?days=7&days=8", "/changes?since=1&since=2"])
def test_a_number_that_is_given_twice_is_refused(path: str) -> None:
    answer = person().send("GET", path)
    assert answer.status == 400
    assert "more than once" in answer.json()["description"]


def test_a_host_that_is_no_text_is_refused_beside_another_that_is() -> None:
    report = {"backup_name": "b", "container": "c", "hostname": "h", "host_name": [None]}
    assert person().send("POST", "/backups", report).status == 400
    assert person().send("POST", "/backups", {**report, "host_name": "h"}).status == 201
