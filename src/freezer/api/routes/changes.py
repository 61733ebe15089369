"""``/changes``: what has changed in a project, at once or as soon as there is something."""

from __future__ import annotations

import falcon

from freezer.api.describe.operation import Parameter, operation
from freezer.api.describe.parameters import Count
from freezer.api.refusals import bad_request
from freezer.api.requests import Services, answer, caller_of, number_of
from freezer.api.service.answers import text
from freezer.api.service.caller import Caller
from freezer.api.service.feed import News, concerned, news
from freezer.api.waiting import LONGEST_WAIT, Waiting

_PARAMETERS = (
    Parameter("since", "The number to begin behind; without it only `last` is told.", Count),
    Parameter("client_id", "Only what concerns the scheduler of this client."),
    Parameter("wait", f"Seconds, at most {LONGEST_WAIT:.0f}, to wait for a change if there is none yet.", Count),
)
_LATER = "15"
_CANNOT_WAIT = ("uwsgi.version", "mod_wsgi.version")
_LONGEST_CLIENT = 255


class Changes:
    """The changes behind a number."""

    def __init__(self, services: Services, waiting: Waiting) -> None:
        self._services = services
        self._waiting = waiting

    @operation(
        "Tell what has changed, at once or as soon as there is something",
        {200: News},
        rule="changes:get",
        parameters=_PARAMETERS,
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "changes:get")
        since = number_of(req, "since", None)
        asked = req.get_param("client_id") or None
        if asked is not None and len(asked) > _LONGEST_CLIENT:
            raise bad_request(f"a client_id has at most {_LONGEST_CLIENT} characters")
        client = asked
        if caller.scope.client is not None:
            client = self._services.store.read(lambda unit: concerned(unit, caller, asked))
        seconds = min(number_of(req, "wait", 0), LONGEST_WAIT)
        found = self._news(caller, since, client)
        if seconds and since is not None and not found.changes and not found.reset:
            if self._wait(req, caller, client, found.last, seconds):
                found = self._news(caller, since, client)
            else:
                resp.set_header("Retry-After", _LATER)
        answer(resp, text(found))

    def _news(self, caller: Caller, since: int | None, client: str | None) -> News:
        return self._services.store.read(lambda unit: news(unit, caller, since, client))

    def _wait(self, req: falcon.Request, caller: Caller, client: str | None, after: int, seconds: float) -> bool:
        """Whether this request could wait: there are servers where it would take the place of others."""
        if any(name in req.env for name in _CANNOT_WAIT):
            return False
        return self._waiting.wait(caller.project_id, client, after, seconds)
