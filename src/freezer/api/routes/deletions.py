"""``/deletions``: many objects of one kind, removed in one step."""

from __future__ import annotations

import falcon

from freezer.api.describe.operation import operation
from freezer.api.requests import Services, answer, caller_of, document_of
from freezer.api.service.answers import text
from freezer.api.service.deleting import Deleted, remove_all
from freezer.model.deletions import Deletion
from freezer.model.reading import read_form


class Deletions:
    """Done at once, not kept."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Delete many objects in one step",
        {200: Deleted},
        rule="backups:delete",
        body=Deletion,
        example={"kind": "backups", "ids": ["c0ffee00c0ffee00c0ffee00c0ffee00"]},
        refuses=(409,),
        about="All that there are, or none if one must not be deleted. The rule is that of the kind.",
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        told = read_form(document_of(req), Deletion)
        caller = caller_of(self._services, req, project_id, f"{told.kind}:delete")
        done = self._services.store.write(lambda unit: remove_all(unit, caller, told.kind, told.ids))
        answer(resp, text(done))
