"""``/pauses``, ``/alarms``, the health of clients, and runs that are to be left out."""

from __future__ import annotations

from typing import Any

import falcon
import msgspec

from freezer.api.describe.operation import operation
from freezer.api.requests import Services, answer, caller_of, document_of, json_of
from freezer.api.routes.common import no_content
from freezer.api.service import pauses, pausing, presence
from freezer.api.service.answers import text
from freezer.model.pauses import HealthForm, PauseForm
from freezer.model.reading import read_form


class PauseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What begins no runs: a ``project``, ``client`` or ``job``, since when, and who wants it so."""

    kind: str
    id: str
    name: str
    draining: bool
    reason: str
    user_id: str
    since: int


class PausesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All pauses of a project."""

    pauses: list[PauseAnswer]


class ClientHealthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How a client's scheduler is; null where it has told nothing. ``seen``: when it last asked for anything."""

    client_id: str
    seen: int | None
    silent: bool
    version: str | None
    clock_offset: int | None
    spool: int | None
    paused: bool
    draining: bool


class AlarmAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Something that wants attention, and since when; ``kind`` and ``id`` say of what."""

    event: str
    kind: str
    id: str
    name: str
    text: str
    since: int


class AlarmsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All alarms of a project, oldest first."""

    alarms: list[AlarmAnswer]


class SkipAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """When the run that is left out would have been due."""

    job_id: str
    skipped: int


class Pauses:
    """``/pauses``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("List what is paused", {200: PausesAnswer}, rule="pauses:get_all")
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "pauses:get_all")
        found = self._services.store.read(lambda unit: pausing.listed(unit, caller))
        answer(resp, text({"pauses": [_shown(each) for each in found]}))


class _Pausing:
    """One pause; ``kind`` is what it is of."""

    kind: str

    def __init__(self, services: Services) -> None:
        self._services = services

    def _begin(self, req: falcon.Request, resp: falcon.Response, project_id: str, id: str) -> None:
        caller = caller_of(self._services, req, project_id, "pauses:update")
        given = json_of(req)
        form = read_form({} if given is None else given, PauseForm)
        made = self._services.write(caller, lambda unit: pausing.begin(unit, caller, self.kind, id, form))
        answer(resp, text(_shown(made)))

    def _end(self, req: falcon.Request, resp: falcon.Response, project_id: str, id: str) -> None:
        caller = caller_of(self._services, req, project_id, "pauses:update")
        self._services.write(caller, lambda unit: pausing.end(unit, caller, self.kind, id))
        no_content(resp)


_PAUSE: dict[str, Any] = {
    "rule": "pauses:update",
    "body": PauseForm | None,
    "example": {"reason": "the storage is being moved"},
}
_RESUME: dict[str, Any] = {"rule": "pauses:update"}


class ProjectPause(_Pausing):
    """``/pauses/project``."""

    kind = pauses.PROJECT

    @operation("Let no job of the project begin a run", {200: PauseAnswer}, **_PAUSE)
    def on_put(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        self._begin(req, resp, project_id, project_id)

    @operation("Let jobs of the project run again", {204: None}, **_RESUME)
    def on_delete(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        self._end(req, resp, project_id, project_id)


class ClientPause(_Pausing):
    """``/pauses/clients/ID``."""

    kind = pauses.CLIENT

    @operation("Let no job of a client begin a run, or drain its scheduler", {200: PauseAnswer}, **_PAUSE)
    def on_put(self, req: falcon.Request, resp: falcon.Response, project_id: str, client_id: str) -> None:
        self._begin(req, resp, project_id, client_id)

    @operation("Let jobs of a client run again", {204: None}, **_RESUME)
    def on_delete(self, req: falcon.Request, resp: falcon.Response, project_id: str, client_id: str) -> None:
        self._end(req, resp, project_id, client_id)


class JobPause(_Pausing):
    """``/pauses/jobs/ID``."""

    kind = pauses.JOB

    @operation("Let a job begin no runs", {200: PauseAnswer}, **_PAUSE)
    def on_put(self, req: falcon.Request, resp: falcon.Response, project_id: str, job_id: str) -> None:
        self._begin(req, resp, project_id, job_id)

    @operation("Let a job run again", {204: None}, **_RESUME)
    def on_delete(self, req: falcon.Request, resp: falcon.Response, project_id: str, job_id: str) -> None:
        self._end(req, resp, project_id, job_id)


class JobSkip:
    """``/jobs/ID/skip``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Leave out a job's next run",
        {200: SkipAnswer},
        rule="jobs:event:create",
        refuses=(404, 422),
        about="The next one that is not left out already. The original's schedulers know nothing of it.",
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str, job_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "jobs:event:create")
        left_out = self._services.write(caller, lambda unit: pausing.skip(unit, caller, job_id))
        answer(resp, text({"job_id": job_id, "skipped": left_out}))


class ClientHealth:
    """``/clients/ID/health``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation("Tell how a client's scheduler is", {200: ClientHealthAnswer}, rule="clients:get", refuses=(404,))
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str, client_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "clients:get")
        work = self._services.store.read
        answer(resp, text(work(lambda unit: presence.health(unit, caller, client_id, self._services.silent_after))))

    @operation(
        "Report how a scheduler is",
        {204: None},
        rule="clients:update",
        body=HealthForm,
        example={"version": "0.1.0", "spool": 0},
        refuses=(404,),
    )
    def on_put(self, req: falcon.Request, resp: falcon.Response, project_id: str, client_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "clients:update")
        form = read_form(document_of(req), HealthForm)
        self._services.store.write(lambda unit: presence.tell(unit, caller, client_id, form))
        no_content(resp)


class Alarms:
    """``/alarms``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "List what wants attention",
        {200: AlarmsAnswer},
        rule="alarms:get_all",
        about="Clients that are silent and backups that are overdue, as the housekeeper has seen it last.",
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "alarms:get_all")
        found = self._services.store.read(lambda unit: unit.operations.alarms(caller.project_id))
        keys = ("event", "kind", "name", "text", "since")
        shown = [{"id": each.object, **{key: getattr(each, key) for key in keys}} for each in found]
        answer(resp, text({"alarms": shown}))


def _shown(pause: Any) -> dict[str, Any]:
    keys = ("kind", "name", "draining", "reason", "user_id", "since")
    return {"id": pause.object, **{key: getattr(pause, key) for key in keys}}
