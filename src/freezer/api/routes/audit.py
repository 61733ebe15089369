"""``/audit``: who did what in a project."""

from __future__ import annotations

from urllib.parse import urlencode

import falcon
import msgspec

from freezer.api.describe import answers
from freezer.api.describe.operation import Parameter, operation
from freezer.api.describe.parameters import Count
from freezer.api.refusals import bad_request
from freezer.api.requests import DEFAULT_PAGE, MAX_PAGE, Services, answer, caller_of, query_of
from freezer.api.service.answers import text
from freezer.api.service.lists import instant
from freezer.api.store.audit import Deed, DeedQuery

_PARAMETERS = (
    Parameter("limit", f"How many to list: {DEFAULT_PAGE}, at most {MAX_PAGE}.", Count),
    Parameter("marker", "The `audit_id` after which the list goes on."),
    Parameter("user_id", "Only what this user did."),
    Parameter("operation", "Only this: the name of a rule, such as `jobs:delete`."),
    Parameter("target", "Only what was done to this path below the project."),
    Parameter("time_after", "Only what was done then or later, in seconds since 1970.", Count),
    Parameter("time_before", "Only what was done then or earlier, in seconds since 1970.", Count),
)


class Audit:
    """The list, the newest first."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Show who did what", {200: answers.Audit}, rule="audit:get", parameters=_PARAMETERS)
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "audit:get")
        limit = query_of(req).limit
        query = DeedQuery(
            project_id=caller.project_id,
            user_id=req.get_param("user_id"),
            operation=req.get_param("operation"),
            target=req.get_param("target"),
            since=instant(req.params, "time_after"),
            until=instant(req.params, "time_before"),
            before=_marker(req.get_param("marker")),
            limit=limit + 1,
        )
        found = self._services.store.read(lambda unit: unit.audit.find(query))
        listed: dict[str, object] = {"audit": [_shown(each) for each in found[:limit]]}
        if len(found) > limit:
            asked = {**req.params, "marker": str(found[limit - 1].place), "limit": str(limit)}
            listed["links"] = [{"rel": "next", "href": f"{req.prefix}{req.path}?{urlencode(asked, doseq=True)}"}]
        answer(resp, text(listed))


def _shown(deed: Deed) -> dict[str, object]:
    document = msgspec.structs.asdict(deed)
    return {"audit_id": document.pop("place"), "time": document.pop("at"), **document}


def _marker(given: str | None) -> int | None:
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise bad_request("marker is the audit_id of an entry", title="Invalid parameter")
    return int(given)
