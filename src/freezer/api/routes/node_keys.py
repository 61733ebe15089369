"""``/clients/ID/key``: what lets a machine act for one client."""

from __future__ import annotations

import falcon

from freezer.api.describe import answers
from freezer.api.describe.operation import operation
from freezer.api.requests import Services, answer, caller_of
from freezer.api.routes.common import no_content
from freezer.api.service import node_keys
from freezer.api.service.answers import text


class ClientKey:
    """The key of one client."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Show which key a client has",
        {200: answers.ClientKeyAnswer, 404: answers.Refused},
        rule="clients:key:get",
        refuses=(409,),
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, client_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "clients:key:get")
        answer(resp, text(self._services.store.read(lambda unit: node_keys.show(unit, caller, client_id))))

    @operation(
        "Give a client's machine a key of its own",
        {201: answers.ClientKeyMade},
        rule="clients:key:create",
        refuses=(404, 409),
        about="Whoever has it may read the jobs of this client and report on them, and nothing else. It takes the "
        "place of any key that the client had. A client that serves all projects gets none.",
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, client_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "clients:key:create")
        issued = self._services.write(caller, lambda unit: node_keys.issue(unit, caller, client_id))
        resp.set_header("Cache-Control", "no-store")
        answer(resp, text(issued), 201)

    @operation("Take its key from a client", {204: None}, rule="clients:key:delete", refuses=(404, 409))
    def on_delete(self, req: falcon.Request, resp: falcon.Response, client_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "clients:key:delete")
        self._services.write(caller, lambda unit: node_keys.revoke(unit, caller, client_id))
        no_content(resp)
