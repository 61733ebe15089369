"""When a job runs, as it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET, Meta, UnsetType

from freezer.model.forms.words import Form, Whole, nullable, one_of
from freezer.model.schedule import EVENTS, RESULTS, STATUSES

_DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.[0-9]+)?(Z|[+-]\d\d:\d\d)?"
Date = Annotated[str, Meta(pattern=f"^{_DATE}$", max_length=255, description="ISO 8601; without an offset it is UTC.")]
Bound = Annotated[
    str,
    Meta(
        pattern=f"^({_DATE})?$",
        max_length=255,
        description="ISO 8601, without an offset UTC; empty for none.",
    ),
]
Interval = Annotated[
    str,
    Meta(
        pattern=r"^(continuous|[0-9]{1,9} +(week|day|hour|minute|second)s?)$",
        max_length=255,
        description="`continuous`, or a number of weeks, days, hours, minutes or seconds; at most 100 years.",
    ),
]
Year = Annotated[str, Meta(pattern=r"^[0-9]{4}$")]
Field = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="A number, a name where there are names, `*`, `a-b`, `*/n`, `a-b/n`, or a list of these.",
    ),
]


Span = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{1,9} +(week|day|hour|minute|second)s?$",
        max_length=255,
        description="A number of weeks, days, hours, minutes or seconds.",
    ),
]
Window = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="Times of day between which runs may begin, such as `22:00-06:00`.",
    ),
]
Zone = Annotated[
    str,
    Meta(
        max_length=255,
        description="Whose clock cron fields and the window mean, such as `Europe/Berlin`; otherwise UTC.",
    ),
]

Repeatable = Annotated[
    bool,
    Meta(description="Whether a run that broke off begins again even if nobody knows how far its actions came."),
]


class Schedule(Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a job runs: at a date, at an interval, or by fields like cron's; and what schedulers report of it."""

    schedule_date: Date | UnsetType = UNSET
    schedule_interval: Interval | UnsetType = UNSET
    schedule_start_date: Bound | UnsetType = UNSET
    schedule_end_date: Bound | UnsetType = UNSET
    schedule_year: Year | UnsetType = UNSET
    schedule_month: Field | UnsetType = UNSET
    schedule_day: Field | UnsetType = UNSET
    schedule_week: Field | UnsetType = UNSET
    schedule_day_of_week: Field | UnsetType = UNSET
    schedule_hour: Field | UnsetType = UNSET
    schedule_minute: Field | UnsetType = UNSET
    schedule_second: Field | UnsetType = UNSET
    schedule_timezone: Zone | UnsetType = UNSET
    schedule_jitter: Span | UnsetType = UNSET
    schedule_window: Window | UnsetType = UNSET
    schedule_start_deadline: Span | UnsetType = UNSET
    schedule_repeatable: Repeatable | UnsetType = UNSET
    event: Annotated[str, one_of(EVENTS)] | UnsetType = UNSET
    status: Annotated[str, one_of(STATUSES)] | UnsetType = UNSET
    result: Annotated[str, one_of(RESULTS)] | UnsetType = UNSET
    time_created: Whole | UnsetType = UNSET
    time_started: Whole | UnsetType = UNSET
    time_ended: Whole | UnsetType = UNSET
    current_pid: Whole | UnsetType = UNSET


if TYPE_CHECKING:
    ScheduleChange = Schedule
else:
    ScheduleChange = nullable(Schedule, "ScheduleChange", "What is to change of a schedule; null removes a key.")
