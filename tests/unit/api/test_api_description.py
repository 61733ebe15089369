"""The API's own description: complete, true to what checks requests, and open to everybody."""

from __future__ import annotations

import re
from typing import Any

import pytest

from freezer.api.auth.gate import is_open
from freezer.api.describe.document import make_document
from freezer.api.describe.operation import operation
from freezer.api.describe.site import Routed
from freezer.api.server import describe
from freezer.model import actions, jobs, sessions
from freezer.model.clients import CAPABILITIES
from freezer.model.forms.actions import ActionChange, FreezerActionForm, JobActionForm
from freezer.model.forms.jobs import JobChange, JobForm, SessionChange, SessionForm
from freezer.model.forms.records import ClientForm
from freezer.model.forms.schedules import Schedule, ScheduleChange
from freezer.model.forms.words import keys
from freezer.model.schedule import READERS
from freezer.options.table import OPTIONS
from support.people import shared

DOCUMENT = describe()


def _references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(_references, value.values()))
    return set[str]().union(*map(_references, value)) if isinstance(value, list) else set()


def test_the_server_gives_its_description_to_everybody() -> None:
    answer = shared().send("GET", "/openapi.json", X_Identity_Status="Invalid")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["openapi"].startswith("3.1")
    assert told["paths"].keys() == DOCUMENT["paths"].keys()
    assert told["paths"]["/v2/{project_id}/jobs"].keys() == {"get", "post"}
    # This server asks nobody who they are.
    assert "security" in DOCUMENT["paths"]["/v2/{project_id}/jobs"]["get"]
    assert "security" not in told["paths"]["/v2/{project_id}/jobs"]["get"]


def test_every_reference_leads_somewhere_and_every_schema_is_referred_to() -> None:
    sections = DOCUMENT["components"]
    there = {f"#/components/{section}/{name}" for section, each in sections.items() for name in each}
    used = _references(DOCUMENT)
    assert used <= there
    assert {each for each in there if "/securitySchemes/" not in each} <= used


def test_every_operation_has_a_name_of_its_own_and_describes_its_answers() -> None:
    operations = [told for methods in DOCUMENT["paths"].values() for told in methods.values()]
    assert len({told["operationId"] for told in operations}) == len(operations)
    for told in operations:
        assert told["summary"]
        assert all(answer["description"] for answer in told["responses"].values())
        assert any(int(status) < 400 for status in told["responses"])
    for schema in DOCUMENT["components"]["schemas"].values():
        assert schema["description"], schema


def test_what_is_made_links_to_what_can_be_done_with_it() -> None:
    links = DOCUMENT["paths"]["/v2/{project_id}/jobs"]["post"]["responses"]["201"]["links"]
    assert links["get_v2_project_id_jobs_job_id"]["parameters"] == {
        "project_id": "$request.path.project_id",
        "job_id": "$response.body#/job_id",
    }
    assert "post_v2_project_id_jobs_job_id_event" in links


class _Silent:
    def on_get(self, *_: Any) -> None: ...


class _Wordless:
    @operation("Show it", {200: None})
    def on_get(self, *_: Any) -> None: ...


def test_a_route_that_nobody_described_is_an_error() -> None:
    app = Routed()
    app.add_route("/silent", _Silent())
    with pytest.raises(TypeError, match=r"GET /silent: _Silent\.on_get has no @operation"):
        make_document(app, is_open)


def test_a_part_of_a_path_that_nobody_explained_is_an_error() -> None:
    app = Routed()
    app.add_route("/things/{thing_id}", _Wordless())
    with pytest.raises(TypeError, match="does not say what thing_id is"):
        make_document(app, is_open)


def test_a_body_without_an_example_is_an_error() -> None:
    with pytest.raises(TypeError, match="no example"):
        operation("Make it", {201: None}, body=JobForm)


def test_forms_have_the_keys_that_are_read() -> None:
    assert keys(Schedule) == keys(ScheduleChange) == set(READERS)
    assert keys(JobForm) == keys(JobChange) == jobs.KEYS
    assert keys(JobActionForm) == actions.KEYS | actions.SERVER_KEYS
    assert keys(ActionChange) == actions.KEYS | actions.SERVER_KEYS
    assert keys(SessionForm) == sessions.WANTED
    assert keys(SessionChange) == sessions.WANTED | sessions.SERVER_KEYS
    assert keys(ClientForm) >= set(CAPABILITIES)


def test_an_action_has_every_option_that_a_document_may_set() -> None:
    known = keys(FreezerActionForm)  # type: ignore[arg-type]
    assert {option.name for option in OPTIONS if not option.command_line_only} <= known
    assert not {option.name for option in OPTIONS if option.command_line_only} & known
    told = DOCUMENT["components"]["schemas"]["FreezerAction"]["properties"]
    assert told["mode"]["enum"][:2] == ["fs", "mysql"]
    assert re.search("compress", told["compression"]["description"])


def test_whoever_takes_a_key_or_a_revision_says_that_it_may_not_fit() -> None:
    told = [
        (path, method)
        for path, methods in DOCUMENT["paths"].items()
        for method, about in methods.items()
        if {"Idempotency-Key", "If-Match"} & {each["name"] for each in about["parameters"]}
        and "409" not in about["responses"]
    ]
    assert told == []


def test_a_body_may_be_left_out_just_if_it_may_be_null() -> None:
    bodies = {
        (path, method): about["requestBody"]
        for path, methods in DOCUMENT["paths"].items()
        for method, about in methods.items()
        if "requestBody" in about
    }
    may_be_null = {
        each
        for each, body in bodies.items()
        if {"type": "null"} in body["content"]["application/json"]["schema"].get("anyOf", [])
    }
    assert {each for each, body in bodies.items() if not body["required"]} == may_be_null
    assert ("/v2/{project_id}/pauses/project", "put") in may_be_null
    assert ("/v2/{project_id}/jobs", "post") in bodies.keys() - may_be_null


def test_v1_takes_anything_beside_the_freezer_action() -> None:
    for version, checked in (("v1", False), ("v2", True)):
        prefix = "/v1" if version == "v1" else "/v2/{project_id}"
        schema = DOCUMENT["paths"][f"{prefix}/actions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        form = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        assert ["enum" in form["properties"][key] for key in ("action", "mode")] == [checked, checked]


def test_whoever_asks_for_the_key_of_a_central_client_may_be_told_409() -> None:
    methods = DOCUMENT["paths"]["/v2/{project_id}/clients/{client_id}/key"]
    assert all("409" in methods[method]["responses"] for method in ("get", "post", "delete"))
