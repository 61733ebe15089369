"""``/clients``."""

from __future__ import annotations

import falcon

from freezer.api.describe import answers
from freezer.api.describe.operation import operation
from freezer.api.describe.parameters import IDEMPOTENCY_KEY, IF_MATCH, paged
from freezer.api.describe.run_answers import SchedulerAnswer
from freezer.api.requests import Services, answer, caller_of, document_of, tagged
from freezer.api.routes.common import by_id, create, no_content, show, show_list
from freezer.api.service import clients, schedulers
from freezer.api.service.answers import text
from freezer.api.store.contract import Kind
from freezer.model.clients import SchedulerKind, read_client, read_client_change
from freezer.model.forms.records import ClientChange, ClientForm, OldClientForm, SearchForm
from freezer.model.reading import read_form


class Clients:
    """The list, and registration."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "List clients",
        {200: answers.Clients},
        rule="clients:get_all",
        body=SearchForm | None,
        parameters=paged(Kind.CLIENT),
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "clients:get_all")
        show_list(self._services, req, resp, Kind.CLIENT, caller)

    @operation(
        "Register a client, or tell the API anew what one can do",
        {201: answers.ClientMade},
        rule="clients:create",
        body=ClientForm,
        old_body=OldClientForm,
        example={"client_id": "web2", "hostname": "web2.example.org"},
        parameters=(IDEMPOTENCY_KEY,),
        about="By v1 a client that is registered already is a conflict. One that serves all projects needs the "
        "rule `clients:create_central`, too.",
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "clients:create")
        document = document_of(req)
        draft = read_client(document, old=caller.old)
        if draft.is_central:
            self._services.policy.check("clients:create_central", caller.identity, caller.project_id)
        create(
            self._services,
            caller,
            req,
            resp,
            document,
            lambda unit: {"client_id": clients.register(unit, caller, draft)},
        )


class Client:
    """One client, by its ``client_id``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Show a client", {200: answers.ClientAnswer, 404: None}, rule="clients:get", tagged=True)
    def on_get(self, req: falcon.Request, resp: falcon.Response, client_id: str, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "clients:get")
        show(self._services, resp, caller, client_id, by_id(Kind.CLIENT))

    @operation(
        "Change a client in place",
        {200: answers.ClientChanged},
        rule="clients:update",
        body=ClientChange,
        example={"description": "rack 7"},
        parameters=(IF_MATCH,),
        tagged=True,
    )
    def on_patch(
        self, req: falcon.Request, resp: falcon.Response, client_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "clients:update")
        draft = read_client_change(document_of(req))
        changed = self._services.write(caller, lambda unit: clients.change(unit, caller, client_id, draft))
        tagged(resp, changed.revision)
        answer(resp, text({"client_id": client_id, "version": 0}))

    @operation("Remove a client; its jobs stay", {204: None}, rule="clients:delete", parameters=(IF_MATCH,))
    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, client_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "clients:delete")
        self._services.write(caller, lambda unit: clients.remove(unit, caller, client_id))
        no_content(resp)


class ClientScheduler:
    """Which kind of scheduler works for a client, as somebody says who has looked."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Say which kind of scheduler runs a client's jobs",
        {200: SchedulerAnswer},
        rule="clients:update",
        body=SchedulerKind,
        example={"scheduler": "leasing"},
        parameters=(IF_MATCH,),
        refuses=(404,),
        tagged=True,
        about="Ends the state `mixed`, in which nothing can be claimed for the client.",
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response, client_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "clients:update")
        wanted = read_form(document_of(req), SchedulerKind).scheduler
        changed = self._services.write(caller, lambda unit: schedulers.settle(unit, caller, client_id, wanted))
        tagged(resp, changed.revision)
        answer(resp, text({"client_id": client_id, "scheduler": wanted}))
