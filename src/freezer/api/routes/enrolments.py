"""``/enrolments``: machines are let into a project, each by a token of its own."""

from __future__ import annotations

import falcon

from freezer.api.describe.operation import operation
from freezer.api.requests import Services, answer, caller_of, document_of, json_of
from freezer.api.routes.common import no_content
from freezer.api.service import enrolments
from freezer.api.service.answers import text
from freezer.model.forms.machines import MachineForm
from freezer.model.machines import EnrolmentOffer, read_machine
from freezer.model.reading import read_form

_HOUR = 3600


class Enrolments:
    """Made here; nobody lists them, for they are gone soon."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Let one machine join",
        {201: enrolments.Offered},
        rule="enrolments:create",
        body=EnrolmentOffer | None,
        example={"hours": 1},
        about="Whoever has the token may register one client, with a key of its own and first jobs, and nothing else. "
        "It is told this once.",
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "enrolments:create")
        wanted = json_of(req)
        hours = (EnrolmentOffer() if wanted is None else read_form(wanted, EnrolmentOffer)).hours
        offered = self._services.write(caller, lambda unit: enrolments.offer(unit, caller, hours * _HOUR))
        resp.set_header("Cache-Control", "no-store")
        answer(resp, text(offered), 201)


class Enrolment:
    """One enrolment."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Take an enrolment back", {204: None}, rule="enrolments:delete", refuses=(404,))
    def on_delete(self, req: falcon.Request, resp: falcon.Response, enrolment_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "enrolments:delete")
        self._services.write(caller, lambda unit: enrolments.withdraw(unit, caller, enrolment_id))
        no_content(resp)


class EnrolmentMachine:
    """The machine that joins by an enrolment."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Join, with the token of an enrolment",
        {201: enrolments.Joined},
        rule="enrolments:use",
        body=MachineForm,
        example={
            "client": {"client_id": "web7", "hostname": "web7.example.org"},
            "key_id": "0123456789abcdef0123456789abcdef",
            "key_hash": "ab" * 32,
        },
        refuses=(409, 422),
        about="Once: 409 with the reason `used` or `expired`, or because there is a client of that name. The same "
        "machine may ask again with the same key, and is answered the same.",
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, enrolment_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "enrolments:use")
        machine = read_machine(document_of(req))
        joined = self._services.write(caller, lambda unit: enrolments.join(unit, caller, enrolment_id, machine))
        answer(resp, text(joined), 201)
