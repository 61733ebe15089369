"""Requests that are made to hurt: far too large, far too deep, with texts that no database likes, at the wrong time."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from statistics import median

import pytest

from freezer.api.auth.users import Users
from freezer.errors import UsageError
from freezer.testing.clock import FakeClock
from support.api import Person, serving
from support.people import password_entry, person, shared
from support.wsgi import Answer, InProcess

_PATHS = ["/clients", "/actions", "/jobs", "/sessions", "/backups", "/jobs/x/event", "/sessions/x/action"]
_USERS = '[users.alice]\nproject = "house"\n'


def _raw(method: str, path: str, body: bytes, **headers: str) -> Answer:
    alice = person()
    given = {**alice.headers(), "Accept": "application/json", **headers}
    return shared()(method, f"/v2/{alice.project}{path}", given, body)


_LARGE = [*(("POST", path) for path in _PATHS), ("GET", "/jobs"), ("PATCH", "/jobs/x")]


@pytest.mark.parametrize(("method", "path"), _LARGE)
def test_a_body_of_10_megabytes_is_refused(method: str, path: str) -> None:
    body = json.dumps({"description": "x" * 10_000_000}).encode()
    assert _raw(method, path, body).status == 413


@pytest.mark.parametrize("path", _PATHS)
@pytest.mark.parametrize("depth", [65, 400, 600, 990, 100_000])
@pytest.mark.parametrize("inside", ['"x"', '"\\u0000"', "1", ""])
def test_a_document_that_is_too_deep_is_refused(path: str, depth: int, inside: str) -> None:
    for opened, closed in (("[", "]"), ('{"a":', "}")):
        if closed == "}" and not inside:
            continue
        body = f'{{"freezer_action": {opened * depth}{inside}{closed * depth}}}'.encode()
        refused = _raw("POST", path, body)
        assert refused.status == 400, refused
        assert refused.json()["description"]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\udfff x", "\0"])
@pytest.mark.parametrize("path", _PATHS)
def test_a_text_with_nul_or_half_a_character_is_refused_wherever_it_stands(path: str, text: str) -> None:
    for document in ({"description": text}, {text: 1}, {"a": [{"b": [text]}]}, {"a": {"b": {text: {}}}}):
        refused = _raw("POST", path, json.dumps(document).encode())
        assert refused.status == 400, (document, refused)


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "\xff;;;q=x"},
        {"If-Match": '"' + "9" * 5000 + '"'},
        {"If-Match": "\xe9"},
        {"Idempotency-Key": "k" * 5000},
        {"Idempotency-Key": "\xe9\xff"},
        {"X-Openstack-Request-Id": "a" * 5000},
        {"X-Openstack-Request-Id": "\r\nX: y"},
        {"Host": "[::"},
        {"Host": ""},
        {"X-Forwarded-Proto": "://"},
        {"Transfer-Encoding": "chunked"},
    ],
)
def test_headers_that_mean_nothing_are_no_failure(headers: dict[str, str]) -> None:
    body = json.dumps({"schedule": {}}).encode()
    for method, path in (("POST", "/sessions"), ("GET", "/jobs?limit=1"), ("PATCH", "/sessions/x")):
        answer = _raw(method, path, body, **headers)
        assert answer.status < 500, answer


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "99999999999999999999999", ""])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    alice = person()
    environ = {**alice.headers(), "Accept": "application/json"}
    inner = shared().application

    def told(given: dict[str, object], start: object) -> object:
        return inner({**given, "CONTENT_LENGTH": length}, start)  # type: ignore[arg-type]

    answer = InProcess(told)("POST", f"/v2/{alice.project}/sessions", environ, b'{"schedule": {}}')  # type: ignore[arg-type]
    assert answer.status in {400, 413}, answer


@pytest.mark.parametrize("path", ["/%ff%fe", "/jobs/%ed%a0%80", "/jobs/" + "x" * 9000, "/jobs/..%2f..", "/clients/%0a"])
def test_ids_that_cannot_be_are_not_there(path: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        assert person().send(method, path, {} if method == "PATCH" else None).status in {400, 404, 405}


def test_a_query_that_is_no_text_is_no_failure() -> None:
    odd = ("q=%ff%fe", "client_id=%ed%a0%80", "%ff=1", "limit=%d9%a1", "offset=%c2%b2", "&&&===", "q=" + "x" * 9000)
    for query in odd:
        assert person().send("GET", f"/jobs?{query}").status in {200, 400}, query


# --- authentication


def _files(folder: Path, passwords: str, users: str = _USERS) -> dict[str, str]:
    (folder / "htpasswd").write_text(passwords)
    (folder / "users.toml").write_text(users)
    return {name: str(folder / file) for name, file in (("passwords", "htpasswd"), ("users", "users.toml"))}


@pytest.mark.parametrize(
    ("file", "half"),
    [
        ("htpasswd", b"alice:$2b$04$abc"),
        ("htpasswd", b"\xff\xfe"),
        ("users.toml", b"[users.alice"),
        ("users.toml", b'[users.alice]\nproject = "hou'),
        ("users.toml", b"[users.alice]\nproject = 5\n"),
        ("htpasswd", None),
        ("users.toml", None),
    ],
)
def test_a_file_that_is_half_written_leaves_the_users_known_before(
    tmp_path: Path, file: str, half: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    places = _files(tmp_path, password_entry("alice", "secret"))
    users = Users(**places, clock=FakeClock())
    whole = (tmp_path / file).read_bytes()
    if half is None:
        os.unlink(tmp_path / file)
    else:
        (tmp_path / file).write_bytes(half)
    for _ in range(3):
        assert users.verify("alice", b"secret") is not None
        assert users.verify("alice", b"wrong") is None
    assert len(caplog.records) == 1
    assert "the users known before stay" in caplog.text
    (tmp_path / file).write_bytes(whole)
    assert users.verify("alice", b"secret") is not None


def test_a_wrong_file_still_stops_a_server_that_starts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line 1"):
        Users(**_files(tmp_path, "alice:$2b$04$abc"), clock=FakeClock())


@pytest.mark.stopwatch
@pytest.mark.parametrize("known", ["alice:", "nobody"], ids=["a user of another file", "nobody"])
def test_an_unknown_user_takes_as_long_as_a_wrong_password(tmp_path: Path, known: str) -> None:
    import bcrypt

    entry = f"alice:{bcrypt.hashpw(b'secret', bcrypt.gensalt(9)).decode()}\n"
    extra = entry.replace("alice:", "bob:")  # has a password, but no project
    users = Users(**_files(tmp_path, entry + extra), clock=FakeClock())
    name = "bob" if known == "alice:" else known

    def seconds(who: str) -> float:
        begun = time.thread_time()
        assert users.verify(who, b"wrong") is None
        return time.thread_time() - begun

    wrong, unknown = [], []
    for _ in range(9):
        wrong.append(seconds("alice"))
        unknown.append(seconds(name))
    assert 0.5 < median(unknown) / median(wrong) < 2


def test_a_server_whose_files_break_while_many_ask_never_fails(tmp_path: Path) -> None:
    places = _files(tmp_path, password_entry("alice", "secret"))
    whole = (tmp_path / "htpasswd").read_bytes()
    api = serving(tmp_path, auth="basic", token_key=str(tmp_path / "key"), **places)
    over = threading.Event()

    def break_and_mend() -> None:
        while not over.is_set():
            for part in (whole[: len(whole) // 2], b"", whole):
                (tmp_path / "htpasswd").write_bytes(part)

    writer = threading.Thread(target=break_and_mend)
    writer.start()
    try:
        statuses = {api.send("GET", "/v2/house/jobs", Authorization="Basic YWxpY2U6c2VjcmV0").status for _ in range(60)}
    finally:
        over.set()
        writer.join()
    assert statuses <= {200, 401, 429}


# --- clocks


def test_a_round_survives_clocks_that_differ_and_a_clock_that_is_set_back(tmp_path: Path) -> None:
    clock = FakeClock(1_800_000_000.0)
    alice = Person(serving(tmp_path, clock), "house")
    alice.client()
    session = alice.made("/sessions", {"schedule": {}, "hold_off": 30})["session_id"]
    jobs = [alice.job(), alice.job()]
    for job in jobs:
        assert alice.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204

    def start(job: str, tag: int) -> tuple[str, int]:
        told = alice.send("POST", f"/sessions/{session}/action", {"start": {"job_id": job, "current_tag": tag}}).json()
        return told["result"], told["session_tag"]

    assert start(jobs[0], 0) == ("success", 1)
    clock.set(1_799_999_998.0)  # another server, two seconds behind
    assert start(jobs[1], 0) == ("success", 1)
    clock.set(1_799_996_400.0)  # an hour back
    assert start(jobs[0], 1) == ("success", 2)


@pytest.mark.parametrize("seconds", [-86_400, -3600, -5, 5, 3600])
def test_a_token_of_a_server_whose_clock_is_wrong_is_good_or_refused(tmp_path: Path, seconds: int) -> None:
    places = _files(tmp_path, password_entry("alice", "secret"))
    clock, other = FakeClock(1_800_000_000.0), FakeClock(1_800_000_000.0 + seconds)
    here, there = (
        serving(tmp_path, each, auth="basic", token_key=str(tmp_path / "key"), **places) for each in (clock, other)
    )
    by_password = {"methods": ["password"], "password": {"user": {"name": "alice", "password": "secret"}}}
    told = there.send("POST", "/identity/v3/auth/tokens", {"auth": {"identity": by_password}})
    token = told.headers["x-subject-token"]
    expected = 401 if seconds <= -86_400 else 200
    assert here.send("GET", "/v2/house/jobs", X_Auth_Token=token).status == expected
