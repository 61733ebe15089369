"""What a schedule means, as a list of times for people to look at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freezer.clock import utc_text
from freezer.model.due import LAST, instants
from freezer.model.forms.schedules import Schedule
from freezer.model.forms.words import Form, Id
from freezer.model.reading import read_form
from freezer.model.schedule import read_schedule, zone_name
from freezer.model.timing import timing_of

MOST = 100
_USUAL = 10

Count = Annotated[int, Meta(ge=1, le=MOST, description=f"How many: {_USUAL}, at most {MOST}.")]
After = Annotated[int, Meta(ge=0, le=LAST, description="Seconds since 1970; otherwise now.")]
Zone = Annotated[str, Meta(max_length=255, description="The zone of the local times; otherwise the schedule's.")]


class PreviewForm(Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schedule that somebody thinks about. ``job_id``: of the job that shall have it, for the jitter."""

    schedule: Schedule
    job_id: Id | UnsetType = UNSET
    count: Count | UnsetType = UNSET
    after: After | UnsetType = UNSET
    timezone: Zone | UnsetType = UNSET


class PreviewQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which instants are wanted, and in which zone they shall be told."""

    count: Count = _USUAL
    after: After | None = None
    timezone: Zone | None = None


class DueAt(msgspec.Struct, frozen=True, kw_only=True):
    """An instant, in seconds since 1970 and as text; ``skipped``: somebody wanted this one to be left out."""

    due: int
    utc: str
    local: str
    skipped: bool = False


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """The next instants of a schedule, as many as there are; ``timezone`` is that of their local times."""

    timezone: str
    runs: list[DueAt]


def read_query(parameters: Mapping[str, object]) -> PreviewQuery:
    """What a query asks for, in which everything is text."""
    given = {key: value for key, value in parameters.items() if key in PreviewQuery.__struct_fields__}
    return read_form({key: _number(value) for key, value in given.items()}, PreviewQuery)


def read_preview(value: object) -> tuple[dict[str, Any], PreviewQuery]:
    """A document that is a job as far as times are concerned, and what is wanted of it."""
    form = read_form(value, PreviewForm)
    assert isinstance(value, dict)
    job = {"job_id": form.job_id or "", "job_schedule": read_schedule(value["schedule"], ("schedule",))}
    told = {key: value[key] for key in PreviewQuery.__struct_fields__ if key in value}
    return job, read_form(told, PreviewQuery)


def preview(job: Mapping[str, Any], wanted: PreviewQuery, now: int, skipped: frozenset[int] = frozenset()) -> Preview:
    """The instants that are wanted; DocumentError for a zone that there is not."""
    zone = timing_of(job).zone if wanted.timezone is None else zone_name(wanted.timezone, ("timezone",))
    after = now if wanted.after is None else wanted.after
    return Preview(
        timezone=zone, runs=[_told(each, ZoneInfo(zone), skipped) for each in instants(job, after, wanted.count)]
    )


def _told(instant: int, zone: ZoneInfo, skipped: frozenset[int]) -> DueAt:
    local = datetime.fromtimestamp(instant, zone).isoformat()
    return DueAt(due=instant, utc=utc_text(instant), local=local, skipped=instant in skipped)


def _number(value: object) -> object:
    is_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16
    return int(str(value)) if is_number else value
