"""``/actions``."""

from __future__ import annotations

import falcon

from freezer.api.describe import answers
from freezer.api.describe.operation import operation
from freezer.api.describe.parameters import IDEMPOTENCY_KEY, IF_MATCH, paged
from freezer.api.requests import Services, answer, caller_of, document_of, tagged
from freezer.api.routes.common import by_id, check_id, create, no_content, show, show_list
from freezer.api.service import actions
from freezer.api.service.answers import text
from freezer.api.store.contract import Kind
from freezer.model.actions import read_action_change, read_new_action
from freezer.model.forms.actions import ActionChange, ActionForm, OldActionForm
from freezer.model.forms.records import SearchForm

_EXAMPLE = {
    "freezer_action": {
        "action": "backup",
        "mode": "fs",
        "path_to_backup": "/etc",
        "backup_name": "etc",
        "storage": "local",
        "container": "/srv/backups",
    },
    "max_retries": 3,
}


class Actions:
    """The list, and creation."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "List actions",
        {200: answers.Actions},
        rule="actions:get_all",
        body=SearchForm | None,
        parameters=paged(Kind.ACTION),
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "actions:get_all")
        show_list(self._services, req, resp, Kind.ACTION, caller)

    @operation(
        "Make an action",
        {201: answers.ActionMade},
        rule="actions:create",
        body=ActionForm,
        old_body=OldActionForm,
        example=_EXAMPLE,
        parameters=(IDEMPOTENCY_KEY,),
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "actions:create")
        document = document_of(req)
        draft = read_new_action(document, old=caller.old)
        create(
            self._services,
            caller,
            req,
            resp,
            document,
            lambda unit: {"action_id": actions.create(unit, caller, draft).id},
        )


class Action:
    """One action."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Show an action", {200: answers.ActionAnswer, 404: None}, rule="actions:get", tagged=True)
    def on_get(self, req: falcon.Request, resp: falcon.Response, action_id: str, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "actions:get")
        show(self._services, resp, caller, action_id, by_id(Kind.ACTION))

    @operation(
        "Make or replace the action of this id",
        {201: answers.ActionChanged},
        rule="actions:replace",
        body=ActionForm,
        old_body=OldActionForm,
        example=_EXAMPLE,
        parameters=(IF_MATCH,),
    )
    def on_post(
        self, req: falcon.Request, resp: falcon.Response, action_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "actions:replace")
        draft = read_new_action(document_of(req), old=caller.old)
        check_id(action_id)
        self._services.write(caller, lambda unit: actions.put(unit, caller, action_id, draft))
        answer(resp, text({"action_id": action_id, "version": action_id}), 201)

    @operation(
        "Change an action, and with it the jobs that use it",
        {200: answers.ActionChanged},
        rule="actions:update",
        body=ActionChange,
        example={"freezer_action": {"compression": "zstd"}},
        parameters=(IF_MATCH,),
        tagged=True,
    )
    def on_patch(
        self, req: falcon.Request, resp: falcon.Response, action_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "actions:update")
        draft, merged = read_action_change(document_of(req))
        changed = self._services.write(caller, lambda unit: actions.change(unit, caller, action_id, draft, merged))
        tagged(resp, changed.revision)
        answer(resp, text({"action_id": action_id, "version": action_id}))

    @operation(
        "Remove an action; jobs that used it go on without it",
        {204: None},
        rule="actions:delete",
        parameters=(IF_MATCH,),
    )
    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, action_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "actions:delete")
        self._services.write(caller, lambda unit: actions.remove(unit, caller, action_id))
        no_content(resp)
