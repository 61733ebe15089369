"""The state of a job at the original's API: a PATCH that replaces all of ``job_schedule``.

So the document is read just before, and sent back as it was but for what we know better. An event goes only if it is
the one that was answered.
"""

from __future__ import annotations

from typing import Any

import msgspec

from freezer.client import Api
from freezer.errors import ApiMissing
from freezer.scheduler.contract import Document


class Patch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to stand in ``job_schedule``; None: stays. ``answered``: events that are dealt with by that. ``to``: the
    one without which nothing changes, as somebody else has answered it."""

    job_id: str
    status: str | None = None
    result: str | None = None
    time_started: int | None = None
    time_ended: int | None = None
    to: str = ""
    answered: tuple[str, ...] = ()
    session_tag: int | None = None


def patch(api: Api, told: Patch) -> None:
    """Bring the job up to date; one that is gone is none of our business."""
    try:
        job = api.jobs.get(told.job_id)
    except ApiMissing:
        return
    schedule = dict(job.get("job_schedule") or {})
    changed = patched(schedule, told)
    tag = told.session_tag if told.session_tag is not None else job.get("session_tag", 0)
    if changed == schedule and tag == job.get("session_tag", 0):
        return
    sent = {"job_schedule": _sendable(changed), "session_id": job.get("session_id") or "", "session_tag": tag}
    api.jobs.update(told.job_id, sent)


def patched(schedule: Document, told: Patch) -> dict[str, Any]:
    """``schedule`` with what is told."""
    if told.to and schedule.get("event") != told.to:
        return dict(schedule)
    values = {name: getattr(told, name) for name in ("status", "result", "time_started", "time_ended")}
    changed = {**schedule, **{name: value for name, value in values.items() if value is not None}}
    if changed.get("event") in {told.to, *told.answered}:
        changed["event"] = ""
    return changed


def _sendable(schedule: Document) -> dict[str, Any]:
    """Without what says nothing, which that API's schema may not take."""
    return {key: value for key, value in schedule.items() if value is not None}
