"""Requests to the API: asked again where that does no harm, and errors that say what happened."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from freezer.client.api import Api
from freezer.client.identity import Standalone
from freezer.client.wire import Wire
from freezer.errors import ApiConflict, ApiDenied, ApiError, ApiInvalid, ApiMissing, ApiUnavailable, UsageError
from freezer.secret import Secret
from freezer.testing.clock import FakeClock
from support.small_api import LOST, PROJECT, SmallApi
from support.small_http import Reply

JOB = {"client_id": "node", "job_actions": [], "job_schedule": {}}


@pytest.fixture
def server() -> Iterator[SmallApi]:
    server = SmallApi()
    yield server
    server.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def api(server: SmallApi, clock: FakeClock) -> Iterator[Api]:
    with Api(Wire(Standalone(server.url, PROJECT), clock, timeout=5.0, chance=lambda: 0.0)) as api:
        yield api


def methods(server: SmallApi) -> list[str]:
    return [f"{request.method} {request.name}" for request in server.requests]


def test_what_is_made_can_be_got_changed_listed_and_deleted(api: Api) -> None:
    identifier = api.jobs.create(JOB)
    assert api.jobs.get(identifier)["client_id"] == "node"
    api.jobs.update(identifier, {"description": "nightly"})
    assert [job["description"] for job in api.jobs.find()] == ["nightly"]
    api.jobs.delete(identifier)
    with pytest.raises(ApiMissing, match=f"has no job {identifier}"):
        api.jobs.get(identifier)


def test_an_id_within_the_document_is_that_of_the_job(api: Api, server: SmallApi) -> None:
    assert api.jobs.create({**JOB, "job_id": "mine"}, "mine") == "mine"
    assert methods(server) == [f"POST v2/{PROJECT}/jobs/mine"]


def test_ids_are_quoted_whatever_they_contain(api: Api, server: SmallApi) -> None:
    with pytest.raises(ApiMissing):
        api.jobs.get("../../v2/other/jobs?x#y")
    assert methods(server) == [f"GET v2/{PROJECT}/jobs/../../v2/other/jobs?x#y"]
    assert server.requests[0].query == {}


def test_long_lists_are_fetched_in_pages_and_nothing_comes_twice(api: Api, server: SmallApi) -> None:
    for number in range(1203):
        server.add("jobs", str(number), {"job_id": str(number)})
    assert [job["job_id"] for job in api.jobs.each()] == [str(number) for number in range(1203)]
    assert [request.query["offset"] for request in server.requests] == ["0", "500", "1000"]
    assert len(api.jobs.find(limit=700, offset=600)) == 603


def test_one_connection_serves_all_requests(api: Api, server: SmallApi, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    create = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: made.append(a) or create(*a, **k))
    for _ in range(5):
        api.jobs.find()
    assert len(made) == 1


def test_an_api_that_is_busy_is_asked_again_after_the_time_it_wants(
    api: Api, server: SmallApi, clock: FakeClock
) -> None:
    server.faults = [Reply(503, {"Retry-After": "7"}), Reply(429), None]
    assert api.jobs.find() == []
    assert clock.slept == [7.0, 1.0]


def test_even_a_post_is_made_again_if_the_api_refused_to_begin(api: Api, server: SmallApi) -> None:
    server.faults = [Reply(503, {"Retry-After": "1"}), None]
    api.jobs.create(JOB)
    assert len(server.objects["jobs"]) == 1


def test_patience_ends(api: Api, server: SmallApi, clock: FakeClock) -> None:
    server.faults = [Reply(503)] * 10
    with pytest.raises(ApiUnavailable) as caught:
        api.jobs.find()
    assert caught.value.status == 503
    assert caught.value.retryable
    assert len(server.requests) == 4
    assert sum(clock.slept) < 30


def test_an_api_that_wants_hours_is_not_waited_for(api: Api, server: SmallApi, clock: FakeClock) -> None:
    server.faults = [Reply(503, {"Retry-After": "3600"})]
    with pytest.raises(ApiUnavailable) as caught:
        api.jobs.find()
    assert clock.slept == []
    assert "3600" in (caught.value.hint or "")


def test_a_lost_answer_is_asked_for_again_where_that_changes_nothing(api: Api, server: SmallApi) -> None:
    server.add("jobs", "one", {"job_id": "one"})
    server.faults = [LOST, None]
    assert api.jobs.get("one") == {"job_id": "one"}
    server.faults = [LOST, None]
    api.jobs.update("one", {"description": "x"})
    assert [request.method for request in server.requests] == ["GET", "GET", "PATCH", "PATCH"]


def test_a_delete_whose_answer_was_lost_has_succeeded_if_there_is_nothing_any_more(api: Api, server: SmallApi) -> None:
    server.add("jobs", "one", {"job_id": "one"})
    server.faults = [LOST, None]
    api.jobs.delete("one")
    with pytest.raises(ApiMissing):
        api.jobs.delete("one")


def test_a_post_whose_answer_was_lost_is_not_made_twice_by_an_api_without_keys(api: Api, server: SmallApi) -> None:
    server.faults = [LOST]
    with pytest.raises(ApiUnavailable) as caught:
        api.jobs.create(JOB)
    assert caught.value.hint == "it may have been done all the same: look before you try again"
    assert len(server.objects["jobs"]) == 1


def test_a_post_whose_answer_was_lost_is_made_again_under_its_key(clock: FakeClock) -> None:
    server = SmallApi(features=("idempotency-key",))
    with Api(Wire(Standalone(server.url, PROJECT), clock, timeout=5.0)) as api:
        server.faults = [LOST]
        identifier = api.jobs.create(JOB)
    assert list(server.objects["jobs"]) == [identifier]
    keys = {request.headers["idempotency-key"] for request in server.requests if request.method == "POST"}
    assert len(keys) == 1
    server.close()


def test_a_conditional_change_whose_answer_was_lost_is_not_made_again(api: Api, server: SmallApi) -> None:
    server.add("jobs", "one", {"job_id": "one"})
    server.faults = [LOST]
    with pytest.raises(ApiUnavailable):
        api.jobs.update("one", {"description": "x"}, revision='"3"')
    assert server.requests[0].headers["if-match"] == '"3"'


def test_an_event_is_sent_again_since_asking_twice_is_asking_once(api: Api, server: SmallApi) -> None:
    server.add("jobs", "one", {"job_id": "one"})
    server.faults = [LOST, None]
    assert api.jobs.start("one") == "start already requested"


@pytest.mark.parametrize(
    ("status", "body", "error", "text"),
    [
        (400, {"title": "Bad request", "description": "'x' is required"}, ApiInvalid, "refuses: 'x' is required"),
        (422, {"title": "Unprocessable", "description": "Client not found"}, ApiInvalid, "Client not found"),
        (753, None, ApiInvalid, "status 753"),
        (401, {"error": {"code": 401, "message": "requires authentication"}}, ApiDenied, "does not know us"),
        (403, {"title": "Access Forbidden"}, ApiDenied, "forbids that: Access Forbidden"),
        (404, None, ApiMissing, "has no job one"),
        (404, {"description": "Tuple not registered"}, ApiMissing, "Tuple not registered"),
        (409, {"description": "already there"}, ApiConflict, "already there"),
        (412, None, ApiConflict, "status 412"),
        (500, {"title": "Internal", "description": "An unexpected error"}, ApiError, "fails: An unexpected"),
        (302, None, ApiError, "is elsewhere: https://new/"),
    ],
)  # fmt: skip
def test_each_refusal_is_an_error_of_its_kind(
    api: Api, server: SmallApi, status: int, body: object, error: type[ApiError], text: str
) -> None:
    headers = {"x-openstack-request-id": "req-7", "Location": "https://new/"}
    server.faults = [Reply(status, headers, json.dumps(body).encode() if body else b"")]
    with pytest.raises(error, match=text) as caught:
        api.jobs.get("one")
    assert caught.value.status == status
    assert caught.value.request_id == "req-7"
    assert type(caught.value) is error


def test_the_place_of_a_mistake_is_told(api: Api, server: SmallApi) -> None:
    body = {"title": "x", "description": "no such mode", "hint": "take fs", "path": ["job_actions", 0, "mode"]}
    server.faults = [Reply(422, {}, json.dumps(body).encode())]
    with pytest.raises(ApiInvalid) as caught:
        api.jobs.create(JOB)
    assert caught.value.path == ("job_actions", 0, "mode")
    assert caught.value.hint == "take fs"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"jobs": 3}', b'{"jobs": [3]}', b"\xff"])
def test_something_that_is_no_freezer_api_is_noticed(api: Api, server: SmallApi, body: bytes) -> None:
    server.faults = [Reply(200, {}, body)]
    with pytest.raises(ApiError, match="does not answer as a Freezer API does"):
        api.jobs.find()


def test_where_nobody_listens_that_is_said(clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Api(Wire(Standalone(f"http://127.0.0.1:{port}", PROJECT), clock)) as api:
        with pytest.raises(ApiUnavailable, match=f"the API at http://127.0.0.1:{port} cannot be reached") as caught:
            api.jobs.create(JOB)
        assert len(clock.slept) == 3
    assert "OS_BACKUP_URL" in (caught.value.hint or "")


def test_who_we_are_is_proved_by_http_basic(clock: FakeClock) -> None:
    server = SmallApi(login=("ann", "pass:wörd"))
    known = Standalone(server.url, None, ("ann", Secret.from_text("pass:wörd")))
    with Api(Wire(known, clock)) as api:
        assert api.jobs.find() == []
        assert api.project() == PROJECT
    unknown = Standalone(server.url, PROJECT, ("ann", Secret.from_text("wrong")))
    with Api(Wire(unknown, clock)) as api, pytest.raises(ApiDenied):
        api.jobs.find()
    server.close()


def test_a_password_does_not_travel_in_clear() -> None:
    login = ("ann", Secret.from_text("word"))
    with pytest.raises(UsageError, match="in clear"):
        Standalone("http://backup.example.org:9090", None, login)
    Standalone("https://backup.example.org:9090", None, login)
    Standalone("http://[::1]:9090", None, login)


def test_registering_a_client_again_is_no_second_client(api: Api, server: SmallApi) -> None:
    server.faults = [LOST, None]
    assert api.clients.create({"client_id": "node"}) == "node"
    assert [api.clients.identifier(client) for client in api.clients.find()] == ["node"]


def test_sessions_have_jobs_and_rounds(api: Api) -> None:
    session = api.sessions.create({"schedule": {}})
    api.sessions.add_job(session, "one")
    assert list(api.sessions.get(session)["jobs"]) == ["one"]
    assert (api.sessions.start(session, "one", 0).result, api.sessions.start(session, "one", 1).tag) == ("success", 2)
    api.sessions.remove_job(session, "one")
    assert api.sessions.get(session)["jobs"] == {}
