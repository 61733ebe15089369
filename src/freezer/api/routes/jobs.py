"""``/jobs``."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import falcon
from msgspec.structs import replace

from freezer.api.describe import answers
from freezer.api.describe.operation import Parameter, operation
from freezer.api.describe.parameters import IDEMPOTENCY_KEY, IF_MATCH, paged
from freezer.api.requests import Services, answer, caller_of, document_of, everywhere, flag_of, json_of, tagged
from freezer.api.routes.common import SERVED_BY, by_id, check_id, create, no_content, served_by, show, show_list
from freezer.api.scope import Scope
from freezer.api.service import jobs, pauses, presence, runs
from freezer.api.service.answers import text
from freezer.api.service.caller import Caller
from freezer.api.service.lists import Search
from freezer.api.store.contract import Kind, Unit
from freezer.errors import FreezerError
from freezer.model.forms.jobs import JobChange, JobEventForm, JobForm, StandingForm
from freezer.model.forms.records import SearchForm
from freezer.model.jobs import read_event, read_job, read_job_change
from freezer.model.reading import read_form

_EXAMPLE = {
    "client_id": "{client_id}",
    "description": "/etc, every day",
    "job_schedule": {"schedule_interval": "1 days"},
    "job_actions": [
        {
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
    ],
}
_UNFINISHED = (("status", "completed"),)
"""What the original's schedulers do not want to see."""

_EVERYWHERE = Parameter(
    "all_projects", "Jobs of all projects; needs the rule `jobs:get_all_projects`.", bool, old=False
)


class Jobs:
    """The list, and creation."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._attendance = presence.Attendance()

    @operation(
        "List jobs",
        {200: answers.Jobs},
        rule="jobs:get_all",
        body=SearchForm | None,
        parameters=(*paged(Kind.JOB), _EVERYWHERE, SERVED_BY),
        about="A search by `client_id` is how schedulers ask for work: events that it shows count as delivered.",
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str | None = None) -> None:
        home = caller_of(self._services, req, project_id, "jobs:get_all")
        caller = self._looking(req, home)
        if caller.scope.project_id is None:
            self._services.sighted(caller, "jobs:get_all_projects")
        listed = show_list(self._services, req, resp, Kind.JOB, caller, lambda *asked: _allowed(home, *asked))
        seen = jobs.delivered(listed.page)
        if seen and _is_poll(listed.search.match) and self._services.store.writes:
            self._services.store.write(lambda unit: jobs.mark_delivered(unit, seen))
        self._note(caller, listed.search)

    def _looking(self, req: falcon.Request, caller: Caller) -> Caller:
        """``caller`` with as much in view as it wants to look at."""
        if caller.old:
            return caller
        server = req.get_param("served_by")
        if server:
            return served_by(self._services, caller, server, "jobs:get_all_projects")
        if flag_of(req, "all_projects"):
            self._services.policy.check("jobs:get_all_projects", caller.identity, caller.project_id)
            return everywhere(caller)
        return caller

    @operation(
        "Make a job and its actions",
        {201: answers.JobMade},
        rule="jobs:create",
        body=JobForm,
        example=_EXAMPLE,
        parameters=(IDEMPOTENCY_KEY,),
        refuses=(422,),
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str | None = None) -> None:
        caller = self._services.delegating(caller_of(self._services, req, project_id, "jobs:create"))
        document = document_of(req)
        draft = read_job(document, old=caller.old)
        create(self._services, caller, req, resp, document, lambda unit: {"job_id": jobs.create(unit, caller, draft)})

    def _note(self, caller: Caller, search: Search) -> None:
        """That one of the original's schedulers asks for work is a sign of life."""
        client = _client_polled_for(search)
        if client is not None and self._services.store.writes and self._attendance.is_news(caller, client):
            with suppress(FreezerError):  # work is not kept from anybody because of that
                self._services.store.write(lambda unit: presence.seen(unit, caller, client))


def _client_polled_for(search: Search) -> str | None:
    """The client for which one of the original's schedulers asks for work, if that is what a search is."""
    if search.match_not != _UNFINISHED:
        return None
    return next((each for key, each in search.match if key == "client_id" and isinstance(each, str)), None)


def _allowed(home: Caller, unit: Unit, caller: Caller, search: Search) -> tuple[Caller, Search]:
    """What one of the original's schedulers may run, of what it asks for: while it is paused, what runs already; and
    of all projects' jobs those of its own client, whoever else has one of that name. ``home``: in its own project."""
    client = _client_polled_for(search)
    if client is None:
        return caller, search
    if caller.scope.project_id is None:
        return _of_the_client(home, unit, caller, client), search
    if pauses.hides(unit, caller, client):
        return caller, replace(search, match=(*search.match, ("status", "running")))
    return caller, search


def _of_the_client(home: Caller, unit: Unit, caller: Caller, name: str) -> Caller:
    client = unit.get(Kind.CLIENT, home.scope, name)
    if client is None or not client.own["central"] or client.project_id != home.scope.project_id:
        return caller
    return replace(caller, scope=Scope(None, client=client.id))


def _is_poll(match: tuple[tuple[str, object], ...]) -> bool:
    """Whether this is how schedulers ask for their jobs."""
    return any(key == "client_id" for key, _ in match)


class Job:
    """One job."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Show a job", {200: answers.JobAnswer, 404: None}, rule="jobs:get", tagged=True)
    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "jobs:get")
        show(self._services, resp, self._wide(caller), job_id, by_id(Kind.JOB))

    def _wide(self, caller: Caller) -> Caller:
        """Central schedulers read any project's job by its id, whatever the project of the path."""
        if caller.old or not self._services.policy.allows("jobs:get_all_projects", caller.identity, caller.project_id):
            return caller
        return everywhere(caller)

    @operation(
        "Make or replace the job of this id",
        {201: answers.JobChanged},
        rule="jobs:create",
        body=JobForm,
        example=_EXAMPLE,
        parameters=(IF_MATCH,),
        refuses=(422,),
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str, project_id: str | None = None) -> None:
        caller = self._services.delegating(caller_of(self._services, req, project_id, "jobs:create"))
        draft = read_job(document_of(req), old=caller.old)
        check_id(job_id)
        self._services.write(caller, lambda unit: jobs.put(unit, caller, job_id, draft))
        answer(resp, text({"job_id": job_id, "version": job_id}), 201)

    @operation(
        "Change a job, or report how it goes",
        {200: answers.JobChanged},
        rule="jobs:update",
        body=JobChange,
        example={"description": "every night"},
        parameters=(IF_MATCH,),
        refuses=(422,),
        tagged=True,
        about="A body of exactly `job_schedule`, `session_id` and `session_tag`, without `If-Match`, is taken for "
        "the report of a scheduler of 19.0.0, of which only the state counts.",
    )
    def on_patch(self, req: falcon.Request, resp: falcon.Response, job_id: str, project_id: str | None = None) -> None:
        caller = self._services.delegating(caller_of(self._services, req, project_id, "jobs:update"))
        draft = read_job_change(document_of(req))
        write = self._services.store.write if jobs.is_report(caller, draft) else partial(self._services.write, caller)
        changed = write(lambda unit: jobs.change(unit, caller, job_id, draft))
        tagged(resp, changed.revision)
        answer(resp, text({"job_id": job_id, "version": 0}))

    @operation("Remove a job, also from its session", {204: None}, rule="jobs:delete", parameters=(IF_MATCH,))
    def on_delete(self, req: falcon.Request, resp: falcon.Response, job_id: str, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "jobs:delete")
        self._services.write(caller, lambda unit: jobs.remove(unit, caller, job_id))
        no_content(resp)


class JobStanding:
    """What becomes of a job that is not running."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Say what a scheduler makes of a job that is not running",
        {204: None},
        rule="runs:claim",
        body=StandingForm,
        example={"status": "scheduled"},
        refuses=(404, 409),
        about="This is how schedulers that claim runs answer the events `stop` and `abort` of a job that does not run. "
        "While somebody holds a run of the job, nothing changes. 409: the client is `mixed`.",
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response, job_id: str, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "runs:claim")
        wanted = read_form(document_of(req), StandingForm)
        self._services.store.write(lambda unit: runs.stands(unit, caller, job_id, wanted))
        no_content(resp)


class JobEvent:
    """What users ask of a job."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Ask a job's client to start, stop or abort it",
        {202: answers.EventAnswer},
        rule="jobs:event:create",
        body=JobEventForm,
        example={"start": None},
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "jobs:event:create")
        wanted = read_event(json_of(req)).event
        result = self._services.write(caller, lambda unit: jobs.event(unit, caller, job_id, wanted))
        answer(resp, text({"result": result}), 202)
