"""``/runs``, by v2 alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import falcon
from msgspec import Meta
from msgspec.structs import replace

from freezer.api.describe import run_answers as answers
from freezer.api.describe.operation import Parameter, operation
from freezer.api.describe.parameters import IDEMPOTENCY_KEY, paged
from freezer.api.refusals import Refusal
from freezer.api.requests import (
    MAX_PAGE,
    Services,
    answer,
    caller_of,
    document_of,
    everywhere,
    flag_of,
    number_of,
    tagged,
)
from freezer.api.routes.common import SERVED_BY, by_id, create, no_content, served_by, show, show_list
from freezer.api.service import run_logs, run_reports, runs
from freezer.api.service.answers import document, render, text
from freezer.api.store.contract import Kind, Record, Unit
from freezer.model.forms.records import SearchForm
from freezer.model.reading import read_form
from freezer.model.run_reports import Pieces, Report
from freezer.model.runs import Claim, Renewal

T = TypeVar("T")
_EVERYWHERE = Parameter("all_projects", "Runs of all projects; needs the rule `runs:get_all_projects`.", bool)
_TRY = {"incarnation": 1, "fence": 1}
_REPORT = {**_TRY, "sequence": 1, "progress": {"phase": "backup", "done_bytes": 1048576, "total_bytes": 4194304}}
_AFTER = Parameter("after", "The `cursor` of an answer: what is behind it. Left out: from the beginning.")
_FREE_LIMIT = Parameter("limit", f"How many to list, at most {MAX_PAGE}.", Annotated[int, Meta(ge=0)])
_LIMIT = Parameter("limit", f"How many pieces, at most {run_logs.MOST_READ}.", Annotated[int, Meta(ge=0)])


class Runs:
    """The list, and claims."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "List runs",
        {200: answers.Runs},
        rule="runs:get_all",
        body=SearchForm | None,
        example={"match": [{"job_id": "{job_id}"}]},
        parameters=(*paged(Kind.RUN), _EVERYWHERE, SERVED_BY),
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "runs:get_all")
        server = req.get_param("served_by")
        if server:
            caller = served_by(self._services, caller, server, "runs:get_all_projects")
        elif flag_of(req, "all_projects"):
            self._services.policy.check("runs:get_all_projects", caller.identity, caller.project_id)
            caller = everywhere(caller)
        show_list(self._services, req, resp, Kind.RUN, caller)

    @operation(
        "Claim a run",
        {201: answers.Claimed},
        rule="runs:claim",
        body=Claim,
        example={"job_id": "{job_id}", "cause": "session", "session_tag": 1, "holder": "web1.example.org/2211"},
        parameters=(IDEMPOTENCY_KEY,),
        refuses=(404, 422),
        about="The first claim makes the run. 409 says why in `reason`: `held` by somebody else, `over`, `busy` "
        "(another run of the job is not over), `not_asked` (no such event), `mixed` (the client has two kinds of "
        "schedulers), `withdrawn` (the job's trust was taken back). A run can be claimed from 60 seconds before it "
        "is due.",
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "runs:claim")
        sent = document_of(req)
        wanted = read_form(sent, Claim)

        def work(unit: Unit) -> Mapping[str, Any]:
            return {**document(unit, caller, runs.claim(unit, caller, wanted)), "ttl": wanted.ttl}

        create(self._services, replace(caller, deed=None), req, resp, sent, work)  # no deed of a person


class Run:
    """One run."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Show a run", {200: answers.RunAnswer, 404: None}, rule="runs:get", tagged=True)
    def on_get(self, req: falcon.Request, resp: falcon.Response, run_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "runs:get")
        show(self._services, resp, caller, run_id, by_id(Kind.RUN))

    @operation(
        "Report about a run",
        {200: answers.RunAnswer},
        rule="runs:update",
        body=Report,
        example=_REPORT,
        refuses=(404, 409),
        tagged=True,
        about="409 says why in `reason`: `superseded` (another try has the run; what was said is kept beside it), "
        "`gap` (reports are missing before), `over`, `released`.",
    )
    def on_patch(self, req: falcon.Request, resp: falcon.Response, run_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "runs:update")
        told = read_form(document_of(req), Report)

        def work(unit: Unit) -> tuple[Record, str] | Refusal:
            found = run_reports.report(unit, caller, run_id, told)
            return found if isinstance(found, Refusal) else (found, render(unit, caller, [found])[0])

        changed, shown = kept(self._services.store.write(work))
        tagged(resp, changed.revision)
        answer(resp, shown)

    @operation(
        "Forget a run and its log",
        {204: None},
        rule="runs:delete",
        refuses=(404, 409),
        about="Its backups stay. 409 says why in `reason`: `held` (it is not over), `newest` (of a job that is there).",
    )
    def on_delete(self, req: falcon.Request, resp: falcon.Response, run_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "runs:delete")
        self._services.write(caller, lambda unit: runs.remove(unit, caller, run_id))
        no_content(resp)


def kept(found: T | Refusal) -> T:
    """What a transaction has come to; its refusal is raised only now, because it was to be kept."""
    if isinstance(found, Refusal):
        raise found
    return found


class RunLease:
    """The lease of a run."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Renew a lease",
        {200: answers.Renewed},
        rule="runs:update",
        body=Renewal,
        example={**_TRY, "ttl": 60},
        refuses=(404, 409),
        about="409 if another try has the run by now (`superseded`), or it is `over` or was given back (`released`).",
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response, run_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "runs:update")
        wanted = read_form(document_of(req), Renewal)
        found = kept(self._services.store.write(lambda unit: run_reports.renew(unit, caller, run_id, wanted)))
        answer(resp, text(found))


class FreeRuns:
    """``/clients/ID/free-runs``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "List a client's runs that somebody should take over",
        {200: answers.FreeRuns},
        rule="runs:get_all",
        parameters=(_FREE_LIMIT,),
        refuses=(404,),
        about="They were begun and are not over, and nobody holds them: their scheduler died, or gave them back to be "
        "tried again. Of a client that serves every project those of every project (`runs:get_all_projects`). Each "
        "can be claimed in its own project.",
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str, client_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "runs:get_all")
        caller = served_by(self._services, caller, client_id, "runs:get_all_projects")
        limit = min(number_of(req, "limit", MAX_PAGE) or MAX_PAGE, MAX_PAGE)
        answer(resp, text({"runs": self._services.store.read(lambda unit: runs.free(unit, caller, limit))}))


class RunLog:
    """The log of a run."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Read a log", {200: answers.Log}, rule="runs:get", parameters=(_AFTER, _LIMIT), refuses=(404,))
    def on_get(self, req: falcon.Request, resp: falcon.Response, run_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "runs:get")
        cursor = run_logs.read_cursor(req.get_param("after") or "0.0.0")
        limit = number_of(req, "limit", run_logs.MOST_READ) or run_logs.MOST_READ
        found = self._services.store.read(lambda unit: run_logs.show(unit, caller, run_id, cursor, limit))
        answer(resp, text(found))

    @operation(
        "Write to a log",
        {200: answers.LogWritten},
        rule="runs:update",
        body=Pieces,
        example={**_TRY, "sequence": 1, "pieces": ["backup of /etc begins\n"]},
        refuses=(404, 409, 413),
        about="Pieces that are there already are passed over. 409: pieces are missing before (`gap`), or the run has "
        "had no such try (`unknown`).",
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, run_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "runs:update")
        told = read_form(document_of(req), Pieces)
        answer(resp, text(self._services.store.write(lambda unit: run_logs.write(unit, caller, run_id, told))))
