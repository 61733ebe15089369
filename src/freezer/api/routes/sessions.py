"""``/sessions``."""

from __future__ import annotations

import falcon

from freezer.api.describe import answers
from freezer.api.describe.operation import operation
from freezer.api.describe.parameters import IDEMPOTENCY_KEY, IF_MATCH, paged
from freezer.api.refusals import Refusal
from freezer.api.requests import Services, answer, caller_of, document_of, json_of, tagged
from freezer.api.routes.common import by_id, check_id, create, no_content, show, show_list
from freezer.api.service import sessions
from freezer.api.service.answers import text
from freezer.api.store.contract import Kind
from freezer.model.forms.jobs import SessionActionForm, SessionChange, SessionForm, SessionReplacement
from freezer.model.forms.records import SearchForm
from freezer.model.sessions import UnknownSessionAction, read_session, read_session_action, read_session_change

_EXAMPLE = {"description": "all web servers", "schedule": {"schedule_interval": "1 days"}, "hold_off": 30}


class Sessions:
    """The list, and creation."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "List sessions",
        {200: answers.Sessions},
        rule="sessions:get_all",
        body=SearchForm | None,
        parameters=paged(Kind.SESSION),
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "sessions:get_all")
        show_list(self._services, req, resp, Kind.SESSION, caller)

    @operation(
        "Make a session",
        {201: answers.SessionMade},
        rule="sessions:create",
        body=SessionForm,
        example=_EXAMPLE,
        parameters=(IDEMPOTENCY_KEY,),
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str | None = None) -> None:
        caller = caller_of(self._services, req, project_id, "sessions:create")
        document = document_of(req)
        draft = read_session(document)
        create(
            self._services,
            caller,
            req,
            resp,
            document,
            lambda unit: {"session_id": sessions.create(unit, caller, draft)},
        )


class Session:
    """One session."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Show a session", {200: answers.SessionAnswer, 404: None}, rule="sessions:get", tagged=True)
    def on_get(
        self, req: falcon.Request, resp: falcon.Response, session_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "sessions:get")
        show(self._services, resp, caller, session_id, by_id(Kind.SESSION))

    @operation(
        "Make or replace the session of this id; its jobs stay",
        {201: answers.SessionChanged},
        rule="sessions:replace",
        body=SessionReplacement,
        example={**_EXAMPLE, "session_tag": 0},
        parameters=(IF_MATCH,),
    )
    def on_post(
        self, req: falcon.Request, resp: falcon.Response, session_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "sessions:replace")
        draft = read_session(document_of(req), tag_required=True)
        check_id(session_id)
        self._services.write(caller, lambda unit: sessions.put(unit, caller, session_id, draft))
        answer(resp, text({"session_id": session_id, "version": session_id}), 201)

    @operation(
        "Change a session",
        {200: answers.SessionChanged},
        rule="sessions:update",
        body=SessionChange,
        example={"hold_off": 60},
        parameters=(IF_MATCH,),
        tagged=True,
    )
    def on_patch(
        self, req: falcon.Request, resp: falcon.Response, session_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "sessions:update")
        draft = read_session_change(document_of(req))
        changed = self._services.write(caller, lambda unit: sessions.change(unit, caller, session_id, draft))
        tagged(resp, changed.revision)
        answer(resp, text({"session_id": session_id, "version": 0}))

    @operation("Remove a session; its jobs stay", {204: None}, rule="sessions:delete", parameters=(IF_MATCH,))
    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, session_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "sessions:delete")
        self._services.write(caller, lambda unit: sessions.remove(unit, caller, session_id))
        no_content(resp)


class SessionAction:
    """What jobs report about a round."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Report that a job starts, has ended, or how far it is at the barrier",
        {202: answers.RoundAnswer},
        rule="sessions:action:create",
        body=SessionActionForm,
        example={"start": {"job_id": "{job_id}", "current_tag": 0}},
        refuses=(405, 409),
        about="Schedulers that claim runs say for which instant they start (`due`), which tells rounds apart however "
        "late they are; claim and report of a run then say the rest. 409 with the `reason` `paused`, `draining` or "
        "`skipped` if that run may not begin.",
    )
    def on_post(
        self, req: falcon.Request, resp: falcon.Response, session_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "sessions:action:create")
        try:
            wanted = read_session_action(json_of(req))
        except UnknownSessionAction as error:
            raise Refusal(405, "Bad Method", error.message) from None
        instant = self._services.clock.now()
        outcome = self._services.store.write(lambda unit: sessions.act(unit, caller, session_id, wanted, instant))
        answer(resp, text(outcome), 202)


class SessionJob:
    """A job's membership."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Add a job to a session, whose schedule it gets", {204: None}, rule="sessions:job:add")
    def on_put(
        self, req: falcon.Request, resp: falcon.Response, session_id: str, job_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "sessions:job:add")
        self._services.write(caller, lambda unit: sessions.add_job(unit, caller, session_id, job_id))
        no_content(resp)

    @operation("Take a job out of a session", {204: None}, rule="sessions:job:remove")
    def on_delete(
        self, req: falcon.Request, resp: falcon.Response, session_id: str, job_id: str, project_id: str | None = None
    ) -> None:
        caller = caller_of(self._services, req, project_id, "sessions:job:remove")
        self._services.write(caller, lambda unit: sessions.remove_job(unit, caller, session_id, job_id))
        no_content(resp)
