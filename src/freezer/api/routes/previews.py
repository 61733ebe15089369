"""When a job will run, and when one with another schedule would."""

from __future__ import annotations

from typing import Any

import falcon

from freezer.api.describe.operation import Parameter, operation
from freezer.api.refusals import missing
from freezer.api.requests import Services, answer, caller_of, document_of
from freezer.api.service import previews
from freezer.api.service.answers import text
from freezer.model import due
from freezer.model.previews import After, Count, Preview, PreviewForm, Zone, preview, read_preview, read_query

_QUERY = (
    Parameter("count", "How many instants.", Count),
    Parameter("after", "The instant after which they begin.", After),
    Parameter("timezone", "In which zone they are told, too.", Zone),
)


class JobPreview:
    """``/jobs/ID/preview``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Tell when a job is due next",
        {200: Preview},
        rule="jobs:get",
        parameters=_QUERY,
        refuses=(404,),
        about="The instants that every scheduler of this API works with, jitter included.",
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response, project_id: str, job_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "jobs:get")
        wanted = read_query(req.params)
        found = self._services.store.read(lambda unit: previews.of_job(unit, caller, job_id, wanted))
        if found is None:
            raise missing("Job", job_id)
        answer(resp, text(found))


class SchedulePreview:
    """``/schedule-preview``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @operation(
        "Tell when a job with a schedule would be due",
        {200: Preview},
        rule="jobs:get",
        body=PreviewForm,
        example={"schedule": {"schedule_hour": "3", "schedule_timezone": "Europe/Berlin"}, "count": 3},
        about="As if a job were made now; a schedule that never comes is refused as it would be in a job.",
    )
    def on_post(self, req: falcon.Request, resp: falcon.Response, project_id: str) -> None:
        caller = caller_of(self._services, req, project_id, "jobs:get")
        job, wanted = read_preview(document_of(req))
        schedule: dict[str, Any] = {"time_created": caller.now, **job["job_schedule"]}
        due.check(schedule, caller.now, ("schedule",))
        answer(resp, text(preview({**job, "job_schedule": schedule}, wanted, caller.now)))
