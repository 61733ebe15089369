"""Every document that the first manuals and a user's notes print, posted letter by letter.

Most are sketches and no JSON (``"level": int``, commas left out): what they mean is in ``test_api_first_manual.py``.
Here each is refused with one line that says where, or taken.
"""

from __future__ import annotations

import pytest

from support.api import Person
from support.people import person, shared
from support.printed import PRINTED, printed
from support.wsgi import Answer

_BRACES = "a document begins with { and ends with }"

# file, where it is posted, line and column of the first thing that is no JSON
SKETCHES = {
    "backup-metadata": ("/backups", (2, 14)),
    "backup": ("/backups", (2, 14)),
    "client-info": ("/clients", (2, 14)),
    "client": ("/clients", (2, 12)),
    "session": ("/sessions", (2, 15)),
    "session-started": ("/sessions", (2, 1)),
    "action": ("/actions", (3, 11)),
}
WITHOUT_BRACES = {
    "freezer-action-backup": "/actions",
    "freezer-action-restore": "/actions",
    "job": "/jobs",
    "job-actions": "/jobs",
    "job-schedule": "/jobs",
    "job-at-a-date": "/jobs",
    "job-at-an-interval": "/jobs",
    "job-at-times": "/jobs",
    "job-finished": "/jobs",
    "job-with-defaults": "/jobs",
    "job-without-defaults": "/jobs",
    "schedule-date": "/jobs",
    "schedule-interval": "/jobs",
    "schedule-cron": "/jobs",
}
WHOLE = {"session-start", "session-end", "test-job", "users-job"}


def _posted(alice: Person, path: str, name: str) -> Answer:
    root = "/v1" if alice.version == "v1" else f"/v2/{alice.project}"
    headers = {**alice.headers(), "Accept": "application/json"}
    return shared()("POST", root + path, headers, printed(name))


def test_all_of_them_are_here() -> None:
    assert {path.stem for path in PRINTED.iterdir()} == {*SKETCHES, *WITHOUT_BRACES, *WHOLE}


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("name", SKETCHES)
def test_a_sketch_is_refused_with_the_line_that_is_no_json(version: str, name: str) -> None:
    path, (line, column) = SKETCHES[name]
    answer = _posted(person(version=version), path, name)
    assert answer.status == 400
    assert answer.json()["description"].startswith(f"the body is no JSON: line {line}, column {column}: ")


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("name", WITHOUT_BRACES)
def test_a_part_of_a_document_is_refused_with_what_is_missing(version: str, name: str) -> None:
    answer = _posted(person(version=version), WITHOUT_BRACES[name], name)
    assert answer.status == 400
    assert answer.json()["description"].startswith("the body is no JSON: line 1, column ")
    assert answer.json()["hint"] == _BRACES


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_session_actions_are_understood(version: str) -> None:
    alice = person(version=version)
    session = alice.made("/sessions", {"schedule": {}, "session_tag": 22})["session_id"]
    started = _posted(alice, f"/sessions/{session}/action", "session-start")
    assert (started.status, started.json()["description"]) == (400, "job_id not found in session")
    ended = _posted(alice, f"/sessions/{session}/action", "session-end")
    assert ended.status == 400
    assert ended.json()["description"] == "'success|fail' is not one of ['success', 'fail', 'aborted']"
    assert ended.json()["path"] == ["end", "result"]


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("name", ["test-job", "users-job"])
def test_a_job_that_names_no_client_is_refused_for_just_that(version: str, name: str) -> None:
    answer = _posted(person(version=version), "/jobs", name)
    assert answer.status == 400
    assert answer.json()["description"] == "'client_id' is a required property"
