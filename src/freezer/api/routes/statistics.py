"""``/statistics``."""

from __future__ import annotations

import falcon

from freezer.api.describe.operation import Parameter, operation
from freezer.api.describe.parameters import Count
from freezer.api.refusals import bad_request
from freezer.api.requests import MAX_PAGE, Services, answer, caller_of, document_of, number_of
from freezer.api.routes.common import no_content
from freezer.api.service import statistics
from freezer.api.service.answers import text
from freezer.model.deletions import Objective
from freezer.model.reading import read_form

_OF_DAYS = Parameter("days", "With the sums of so many days, at most 400.", Count)
_PAGING = (
    Parameter("limit", "How many to list: 100, at most 1000.", Count),
    Parameter("marker", "The set after which the list begins."),
    Parameter("hostname", "Only the sets of this host."),
)
_DAYS = 30
_MOST_DAYS = 400
_PAGE = 100
_LONGEST = 255


def _days(req: falcon.Request, default: int) -> int:
    return min(number_of(req, "days", default), _MOST_DAYS)


def _text(req: falcon.Request, name: str) -> str | None:
    value = req.get_param(name) or None
    if value is not None and len(value) > _LONGEST:
        raise bad_request(f"{name} has at most {_LONGEST} characters")
    return value


class Statistics:
    """The sums of a project."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Sum up the backups of a project",
        {200: statistics.ProjectSums},
        rule="statistics:get",
        parameters=(_OF_DAYS,),
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "statistics:get")
        days = _days(req, _DAYS)
        answer(resp, text(self._services.store.read(lambda unit: statistics.project(unit, caller, days))))


class StatisticsOfSets:
    """The sums of sets of backups."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Sum up the sets of backups",
        {200: statistics.Sets},
        rule="statistics:get",
        parameters=(_OF_DAYS, *_PAGING),
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "statistics:get")
        after, hostname, days = _text(req, "marker") or "", _text(req, "hostname"), _days(req, 0)
        limit = min(number_of(req, "limit", _PAGE) or _PAGE, MAX_PAGE)
        found = self._services.store.read(
            lambda unit: statistics.sets(unit, caller, after=after, limit=limit, hostname=hostname, days=days)
        )
        answer(resp, text(found))


class StatisticsOfSet:
    """One set: how old its newest backup may become."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Say how old the newest backup of a set may become",
        {204: None},
        rule="statistics:update",
        body=Objective,
        example={"objective": 86400},
    )
    def on_patch(self, req: falcon.Request, resp: falcon.Response, project_id: str, set_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "statistics:update")
        told = read_form(document_of(req), Objective)
        self._services.write(caller, lambda unit: statistics.set_objective(unit, caller, set_id, told.objective))
        no_content(resp)


class StatisticsOfHosts:
    """The sums of hosts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Sum up the backups of hosts", {200: statistics.Hosts}, rule="statistics:get")
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "statistics:get")
        found = self._services.store.read(lambda unit: statistics.hosts(unit, caller))
        answer(resp, text(found))
