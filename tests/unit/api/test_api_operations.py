"""What operators need of a server: is it well, what does it do, and how it is held back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from freezer.api.limits import Limits
from freezer.api.scope import Identity
from freezer.testing.clock import FakeClock
from support.api import Person, serving
from support.wsgi import Answer


def _health(tmp_path: Path, accept: str, query: str = "", **settings: Any) -> Answer:
    return serving(tmp_path, **settings)("GET", f"/healthcheck{query}", {"Accept": accept})


def test_the_healthcheck_is_the_originals(tmp_path: Path) -> None:
    plain = _health(tmp_path, "*/*")
    assert (plain.status, plain.body, plain.headers["content-type"]) == (200, b"OK", "text/plain; charset=UTF-8")
    assert _health(tmp_path, "application/json").json() == {"detailed": False, "reasons": ["OK"]}
    assert b"<p>OK</p>" in _health(tmp_path, "text/html").body
    assert serving(tmp_path)("HEAD", "/healthcheck").status == 204


def test_a_file_takes_the_server_out_of_service(tmp_path: Path) -> None:
    off = tmp_path / "off"
    off.touch()
    answer = _health(tmp_path, "text/plain", disabled_by=str(off))
    assert (answer.status, answer.body) == (503, b"DISABLED BY FILE")
    assert serving(tmp_path, disabled_by=str(off))("HEAD", "/healthcheck").status == 503


@pytest.mark.parametrize("settings", [{}, {"detailed_health": True}])
def test_details_name_what_was_looked_at(tmp_path: Path, settings: dict[str, Any]) -> None:
    query = "" if settings else "?detailed=1"
    known = _health(tmp_path, "application/json", query, **settings).json()
    assert known["detailed"] is True
    assert [(each["class"], each["reason"]) for each in known["reasons"]] == [
        ("disable_by_file", "OK"),
        ("database", "OK"),
    ]
    assert _health(tmp_path, "text/plain", query, **settings).body == b"disable_by_file: OK\ndatabase: OK"


def test_details_tell_of_a_database_that_is_gone(tmp_path: Path) -> None:
    call = serving(tmp_path, kind="sqlite")
    for path in tmp_path.glob("*.db*"):
        path.unlink()
    call.application.close()  # type: ignore[attr-defined]
    answer = call("GET", "/healthcheck?detailed=1", {"Accept": "text/plain"})
    assert (answer.status, answer.body) == (503, b"disable_by_file: OK\ndatabase: DATABASE NOT READY")
    assert call("GET", "/healthcheck").status == 200  # a balancer that asks for no details is told of this server only


def _numbers(call: Any) -> dict[str, float]:
    answer = call("GET", "/metrics")
    assert answer.status == 200, answer
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_requests_are_counted_by_route_and_status(tmp_path: Path) -> None:
    call = serving(tmp_path)
    person = Person(call, "blue")
    for id in ("one", "two"):
        person.send("GET", f"/jobs/{id}")
    call.send("GET", "/nowhere/at/all")
    numbers = _numbers(call)
    route = 'method="GET",route="/v2/{project_id}/jobs/{job_id}"'
    assert numbers[f'freezer_api_requests_total{{{route},status="404"}}'] == 2
    assert numbers[f"freezer_api_request_seconds_count{{{route}}}"] == 2
    assert numbers['freezer_api_requests_total{method="GET",route="none",status="404"}'] == 1
    assert numbers["freezer_api_requests_in_flight"] == 1  # the one that asks
    assert numbers["process_resident_memory_bytes"] > 1e6


def test_made_up_methods_do_not_make_numbers(tmp_path: Path) -> None:
    call = serving(tmp_path)
    for method in ("BREW", "GRIND"):
        call(method, "/")
    numbers = _numbers(call)
    assert sum(value for name, value in numbers.items() if 'method="other"' in name and "requests_total" in name) == 2
    assert not any("BREW" in name for name in numbers)


@pytest.mark.parametrize(
    ("address", "headers", "settings", "status"),
    [
        ("127.0.0.1", {}, {}, 200),
        ("::1", {}, {}, 200),
        ("192.0.2.1", {}, {}, 403),
        ("192.0.2.1", {}, {"metrics_from": ("192.0.2.0/24",)}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1, 198.51.100.1"}, {"proxy_headers": True}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "198.51.100.1, 127.0.0.1"}, {"proxy_headers": True}, 200),
    ],
)
def test_numbers_are_for_those_networks_that_may_have_them(
    tmp_path: Path, address: str, headers: dict[str, str], settings: dict[str, Any], status: int
) -> None:
    call = serving(tmp_path, **settings)
    call.address = address
    assert call("GET", "/metrics", headers).status == status


def test_who_asks_too_often_waits_and_nobody_else(tmp_path: Path) -> None:
    clock = FakeClock()
    call = serving(tmp_path, clock, rate_limit=2, rate_burst=3)
    alice, bob = Person(call, "blue", user="alice"), Person(call, "blue", user="bob")
    assert [alice.send("GET", "/jobs").status for _ in range(4)] == [200, 200, 200, 429]
    refused = alice.send("GET", "/jobs")
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["title"] == "Too Many Requests"
    assert bob.send("GET", "/jobs").status == 200
    assert call("GET", "/healthcheck").status == 200
    clock.advance(1)
    assert [alice.send("GET", "/jobs").status for _ in range(3)] == [200, 200, 429]


def test_buckets_are_forgotten_rather_than_kept_without_end() -> None:
    clock = FakeClock()
    limits = Limits(clock, rate=1, burst=1)
    for number in range(25_000):
        assert limits.wait(Identity(f"user{number}", "p", frozenset())) == 0
    assert len(limits._left) <= 10_000


def test_many_threads_get_no_more_than_one_would() -> None:
    limits = Limits(FakeClock(), rate=1, burst=50)
    somebody = Identity("u", "p", frozenset())
    passed: list[int] = []

    def ask() -> None:
        passed.extend(1 for _ in range(50) if limits.wait(somebody) == 0)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(passed) == 50


def test_a_read_only_server_shows_everything_and_changes_nothing(tmp_path: Path) -> None:
    still = tmp_path / "still"
    person = Person(serving(tmp_path, read_only_by=str(still)), "blue")
    person.client()
    job = person.job()
    assert person.send("POST", f"/jobs/{job}/event", {"start": None}).status == 202
    before = person.get(f"/jobs/{job}")
    still.touch()
    for method, path, document in (
        ("POST", "/clients", {"client_id": "other"}),
        ("PATCH", f"/jobs/{job}", {"description": "x"}),
        ("DELETE", f"/jobs/{job}", None),
        ("POST", f"/jobs/{job}/event", {"stop": None}),
    ):
        refused = person.send(method, path, document)
        assert (refused.status, refused.headers["retry-after"]) == (503, "30"), (method, path)
        assert "read-only" in refused.json()["description"]
    # Schedulers go on asking; what is noted about that otherwise is left out.
    assert len(person.get("/jobs", {"match": [{"client_id": "node"}]})["jobs"]) == 1
    assert person.get(f"/jobs/{job}") == before
    still.unlink()
    assert person.send("PATCH", f"/jobs/{job}", {"description": "x"}).status == 200


def test_read_only_can_be_said_in_the_configuration_too(tmp_path: Path) -> None:
    person = Person(serving(tmp_path, read_only=True), "blue")
    assert person.send("POST", "/clients", {"client_id": "node"}).status == 503
    assert person.get("/clients") == {"clients": []}


@pytest.mark.parametrize(
    ("headers", "settings", "href"),
    [
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "backup.example"}, {}, "http://api.test:9090/v2/"),
        (
            {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "backup.example"},
            {"proxy_headers": True},
            "https://backup.example/v2/",
        ),
        (
            {"Forwarded": 'for=1.2.3.4;proto=http, for="[2001:db8::1]:99";host=b.example;proto=https'},
            {"behind_proxy": True},
            "https://b.example/v2/",
        ),
        ({"X-Forwarded-Proto": "gopher"}, {"proxy_headers": True}, "http://api.test:9090/v2/"),
        (
            {"X-Forwarded-Prefix": "/backup/", "X-Forwarded-Proto": "https"},
            {"proxy_headers": True},
            "https://api.test:9090/backup/v2/",
        ),
    ],
)
def test_a_proxy_is_believed_if_the_operator_says_so(
    tmp_path: Path, headers: dict[str, str], settings: dict[str, Any], href: str
) -> None:
    told = serving(tmp_path, **settings)("GET", "/", {"Accept": "application/json", **headers}).json()
    assert told["versions"][0]["links"][0]["href"] == href


def test_without_authentication_a_believed_proxy_does_not_make_everybody_local(tmp_path: Path) -> None:
    call = serving(tmp_path, proxy_headers=True)
    assert call("GET", "/v2/p/jobs", {"X-Forwarded-For": "198.51.100.9"}).status == 401
    assert call("GET", "/v2/p/jobs", {"X-Forwarded-For": "198.51.100.9:4711, 127.0.0.1"}).status == 200
