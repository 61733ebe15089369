"""The application: routes, what happens around every request, and how errors are answered."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import falcon

from freezer.api.auth.gate import Environ
from freezer.api.auth.nodes import Nodes
from freezer.api.describe.site import Routed
from freezer.api.limits import Limits
from freezer.api.refusals import Refusal, bad_document, bad_request, conflict, too_many
from freezer.api.requests import IDENTITY, ROUTE, Services, answer
from freezer.api.routes.actions import Action, Actions
from freezer.api.routes.audit import Audit
from freezer.api.routes.backups import Backup, Backups
from freezer.api.routes.changes import Changes
from freezer.api.routes.clients import Client, Clients, ClientScheduler
from freezer.api.routes.deletions import Deletions
from freezer.api.routes.enrolments import Enrolment, EnrolmentMachine, Enrolments
from freezer.api.routes.health import Health
from freezer.api.routes.home import Home, Versions
from freezer.api.routes.inventory import (
    BackupVerification,
    Inventory,
    InventoryComparison,
    InventoryRemoval,
    Verifications,
)
from freezer.api.routes.jobs import Job, JobEvent, Jobs, JobStanding
from freezer.api.routes.metrics import Metrics
from freezer.api.routes.node_keys import ClientKey
from freezer.api.routes.operations import (
    Alarms,
    ClientHealth,
    ClientPause,
    JobPause,
    JobSkip,
    Pauses,
    ProjectPause,
)
from freezer.api.routes.previews import JobPreview, SchedulePreview
from freezer.api.routes.quotas import Quotas
from freezer.api.routes.runs import FreeRuns, Run, RunLease, RunLog, Runs
from freezer.api.routes.sessions import Session, SessionAction, SessionJob, Sessions
from freezer.api.routes.statistics import Statistics, StatisticsOfHosts, StatisticsOfSet, StatisticsOfSets
from freezer.api.scope import Identity
from freezer.api.service.answers import text
from freezer.api.store.contract import Exists
from freezer.api.store.quotas import OverQuota
from freezer.api.trusts.keeper import Keeper
from freezer.api.waiting import Waiting
from freezer.errors import DocumentError, FreezerError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = "2"
_NO_JSON = frozenset({"/healthcheck", "/metrics"})


def build(
    services: Services,
    health: Health,
    metrics: Metrics,
    *,
    waiting: Waiting | None = None,
    limits: Limits | None = None,
    old_too: bool = True,
) -> Routed:
    """The application without authentication, which is put around it."""
    app = Routed(media_type="application/json", middleware=[Nodes(services), _Before(limits)])
    if services.trusts is not None:
        app.add_middleware(_Trustors(services.trusts))
    app.req_options.strip_url_path_trailing_slash = True
    app.req_options.keep_blank_qs_values = True
    app.add_route("/", Versions())
    app.add_route("/healthcheck", health)
    app.add_route("/metrics", metrics)
    app.add_route("/v2", Home("v2"))
    _add(app, "/v2/{project_id}", services)
    _add_schedules(app, "/v2/{project_id}", services)
    _add_news(app, "/v2/{project_id}", services, waiting or Waiting(services.store, services.stopping))
    _add_sums(app, "/v2/{project_id}", services)
    _add_new(app, "/v2/{project_id}", services)
    if old_too:
        app.add_route("/v1", Home("v1"))
        _add(app, "/v1", services)
    for kind, handler in _HANDLERS.items():
        app.add_error_handler(kind, handler)
    return app


def _add(app: Routed, root: str, services: Services) -> None:
    app.add_route(f"{root}/clients", Clients(services))
    app.add_route(f"{root}/clients/{{client_id}}", Client(services))
    app.add_route(f"{root}/actions", Actions(services))
    app.add_route(f"{root}/actions/{{action_id}}", Action(services))
    app.add_route(f"{root}/jobs", Jobs(services))
    app.add_route(f"{root}/jobs/{{job_id}}", Job(services))
    app.add_route(f"{root}/jobs/{{job_id}}/event", JobEvent(services))
    app.add_route(f"{root}/sessions", Sessions(services))
    app.add_route(f"{root}/sessions/{{session_id}}", Session(services))
    app.add_route(f"{root}/sessions/{{session_id}}/action", SessionAction(services))
    app.add_route(f"{root}/sessions/{{session_id}}/jobs/{{job_id}}", SessionJob(services))
    app.add_route(f"{root}/backups", Backups(services))
    app.add_route(f"{root}/backups/{{backup_id}}", Backup(services))


def _add_news(app: Routed, root: str, services: Services, waiting: Waiting) -> None:
    app.add_route(f"{root}/changes", Changes(services, waiting))
    app.add_route(f"{root}/deletions", Deletions(services))
    app.add_route(f"{root}/inventory", Inventory(services))
    app.add_route(f"{root}/inventory/comparison", InventoryComparison(services))
    app.add_route(f"{root}/inventory/removal", InventoryRemoval(services))
    app.add_route(f"{root}/verifications", Verifications(services))
    app.add_route(f"{root}/backups/{{backup_id}}/verifications", BackupVerification(services))


def _add_sums(app: Routed, root: str, services: Services) -> None:
    app.add_route(f"{root}/statistics", Statistics(services))
    app.add_route(f"{root}/statistics/hosts", StatisticsOfHosts(services))
    app.add_route(f"{root}/statistics/sets", StatisticsOfSets(services))
    app.add_route(f"{root}/statistics/sets/{{set_id}}", StatisticsOfSet(services))


def _add_new(app: Routed, root: str, services: Services) -> None:
    """What the original does not have."""
    app.add_route(f"{root}/clients/{{client_id}}/scheduler", ClientScheduler(services))
    app.add_route(f"{root}/runs", Runs(services))
    app.add_route(f"{root}/runs/{{run_id}}", Run(services))
    app.add_route(f"{root}/runs/{{run_id}}/lease", RunLease(services))
    app.add_route(f"{root}/runs/{{run_id}}/log", RunLog(services))
    app.add_route(f"{root}/clients/{{client_id}}/free-runs", FreeRuns(services))
    app.add_route(f"{root}/clients/{{client_id}}/key", ClientKey(services))
    app.add_route(f"{root}/enrolments", Enrolments(services))
    app.add_route(f"{root}/enrolments/{{enrolment_id}}", Enrolment(services))
    app.add_route(f"{root}/enrolments/{{enrolment_id}}/machine", EnrolmentMachine(services))
    app.add_route(f"{root}/quotas", Quotas(services))
    app.add_route(f"{root}/audit", Audit(services))


def _add_schedules(app: Routed, root: str, services: Services) -> None:
    app.add_route(f"{root}/jobs/{{job_id}}/preview", JobPreview(services))
    app.add_route(f"{root}/schedule-preview", SchedulePreview(services))
    app.add_route(f"{root}/jobs/{{job_id}}/skip", JobSkip(services))
    app.add_route(f"{root}/jobs/{{job_id}}/standing", JobStanding(services))
    app.add_route(f"{root}/pauses", Pauses(services))
    app.add_route(f"{root}/pauses/project", ProjectPause(services))
    app.add_route(f"{root}/pauses/clients/{{client_id}}", ClientPause(services))
    app.add_route(f"{root}/pauses/jobs/{{job_id}}", JobPause(services))
    app.add_route(f"{root}/clients/{{client_id}}/health", ClientHealth(services))
    app.add_route(f"{root}/alarms", Alarms(services))


class _Before:
    """What is looked at before every request: how many the caller has sent, and whether it can read our answers."""

    def __init__(self, limits: Limits | None) -> None:
        self._limits = limits

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        identity = req.env.get(IDENTITY)
        if self._limits is not None and isinstance(identity, Identity):
            wait = self._limits.wait(identity)
            if wait:
                raise too_many(wait)
        if "\0" in req.path or "%00" in req.query_string:
            raise bad_request("texts must not contain NUL")
        if req.path not in _NO_JSON and not req.client_accepts_json:
            raise falcon.HTTPNotAcceptable

    def process_resource(self, req: falcon.Request, _resp: falcon.Response, _resource: object, _params: object) -> None:
        req.env[ROUTE] = req.uri_template


class _Trustors:
    """After every request: what only its sender can have done about the trusts it has given."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, _resource: object, req_succeeded: bool
    ) -> None:
        identity = req.env.get(IDENTITY)
        if req_succeeded and isinstance(identity, Identity):
            self._keeper.attend(identity, at_once="/jobs" in req.path and req.method != "GET")


def _refusal(_req: falcon.Request, resp: falcon.Response, error: Exception, _params: object) -> None:
    assert isinstance(error, Refusal)
    for name, value in error.headers.items():
        resp.set_header(name, value)
    resp.append_header("Vary", "Accept")
    answer(resp, text(error.document()), error.status)


def _document(req: falcon.Request, resp: falcon.Response, error: Exception, params: object) -> None:
    assert isinstance(error, DocumentError)
    _refusal(req, resp, bad_document(error), params)


def _exists(req: falcon.Request, resp: falcon.Response, _error: Exception, params: object) -> None:
    _refusal(req, resp, conflict("Document with the specified ID already exists."), params)


def _over_quota(req: falcon.Request, resp: falcon.Response, error: Exception, params: object) -> None:
    assert isinstance(error, OverQuota)
    _refusal(req, resp, Refusal(403, "Quota exceeded", error.message, hint=error.hint), params)


def _failure(req: falcon.Request, resp: falcon.Response, error: Exception, params: object) -> None:
    if isinstance(error, FreezerError) and error.retryable:
        _LOG.error("%s %s: %s", req.method, req.path, error.message)
        headers = {"Retry-After": _RETRY_SECONDS}
        busy = Refusal(503, "Service Unavailable", "The server cannot reach its database.", headers=headers)
        _refusal(req, resp, busy, params)
        return
    _LOG.error("%s %s failed", req.method, req.path, exc_info=error)
    _refusal(req, resp, Refusal(500, "Internal Server Error", "An unexpected error occurred on the server."), params)


_HANDLERS: dict[type[Exception], Any] = {
    Exception: _failure,
    FreezerError: _failure,
    Exists: _exists,
    OverQuota: _over_quota,
    DocumentError: _document,
    Refusal: _refusal,
}


def with_update(inner: WSGIApplication) -> WSGIApplication:
    """``inner``, which is also asked by the verb UPDATE that the first API had where others have PATCH."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") == "UPDATE":
            environ["REQUEST_METHOD"] = "PATCH"
        return inner(environ, start_response)

    return application
