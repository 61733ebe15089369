"""``/quotas``: how much a project has and may have."""

from __future__ import annotations

import falcon

from freezer.api.describe import answers
from freezer.api.describe.operation import operation
from freezer.api.requests import Services, answer, caller_of, document_of
from freezer.api.service.answers import text
from freezer.api.service.quotas import shown
from freezer.api.store.contract import Unit
from freezer.model.quotas import LimitsForm, read_limits


class Quotas:
    """Those of one project."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Show how much a project has and may have", {200: answers.QuotasAnswer}, rule="quotas:get")
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "quotas:get")
        answer(resp, text(self._services.store.read(lambda unit: shown(unit, caller))))

    @operation(
        "Change how much a project may have",
        {200: answers.QuotasAnswer},
        rule="quotas:update",
        body=LimitsForm,
        example={"jobs": 200, "backups": -1, "log_bytes": None},
    )
    def on_patch(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "quotas:update")
        limits = read_limits(document_of(req))

        def work(unit: Unit) -> dict[str, object]:
            for resource, own in limits.items():
                unit.quotas.limit(caller.project_id, resource, own)
            return shown(unit, caller)

        answer(resp, text(self._services.write(caller, work)))
