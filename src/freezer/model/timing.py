"""What a schedule says, read once for each that is different."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec

from freezer.errors import DocumentError
from freezer.model.cron import Cron, read_cron
from freezer.model.schedule import PREFIX, WINDOW, seconds
from freezer.model.zones import offset_at

_GRACE = 3600


class Window(msgspec.Struct, frozen=True):
    """Wall times, in seconds of the day, from ``begin`` until just before ``end``; both as cron: ``opening``,
    ``closing``."""

    begin: int
    end: int
    opening: Cron
    closing: Cron


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule. ``anchor``: the one instant of a date, or what the interval of ``period`` seconds counts from.

    ``start`` and ``end``: its bounds, as they were written; ``created``: when the job was made. ``deadline``: for how
    many seconds a run may still begin. ``continuous``: a run begins when the one before has ended.
    """

    kind: Literal["once", "interval", "cron"]
    anchor: int | None = None
    period: int = 0
    continuous: bool = False
    cron: Cron | None = None
    created: int | None = None
    start: int | None = None
    end: int | None = None
    zone: str = "UTC"
    jitter: int = 0
    window: Window | None = None
    deadline: int | None = None

    @property
    def earliest(self) -> int:
        """Before this nothing is due."""
        return max(self.created or 0, self.start or 0)


def timing_of(job: Mapping[str, Any]) -> Timing:
    """The schedule of a job; DocumentError if it means nothing."""
    schedule = job.get("job_schedule") or {}
    told = ((key, value) for key, value in schedule.items() if key.startswith(PREFIX) or key == "time_created")
    return _read(tuple(sorted((key, value) for key, value in told if value not in (None, ""))))


@lru_cache(maxsize=4096)
def _read(items: tuple[tuple[str, Any], ...]) -> Timing:
    schedule = {key.removeprefix(PREFIX): value for key, value in items}
    created = schedule.get("time_created")
    zone = str(schedule.get("timezone", "UTC"))
    offset_at(zone, 0)  # DocumentError if there is no such zone
    common: dict[str, Any] = {
        "created": created,
        "start": _instant(schedule, "start_date"),
        "end": _instant(schedule, "end_date"),
        "zone": zone,
        "jitter": _seconds(schedule, "jitter") or 0,
        "window": _window(schedule.get("window")),
        "deadline": _seconds(schedule, "start_deadline"),
    }
    if "date" in schedule:
        date = _instant(schedule, "date")
        past = date is not None and created is not None and date < created - _GRACE
        return Timing(kind="once", anchor=None if past else date, **common)
    if "interval" in schedule:
        anchor = created if common["start"] is None else common["start"]
        length = _seconds(schedule, "interval") or 1
        continuous = schedule["interval"] == "continuous"
        return Timing(kind="interval", anchor=anchor, period=length, continuous=continuous, **common)
    cron = read_cron(dict(items))
    if cron is not None:
        return Timing(kind="cron", cron=cron, **common)
    return Timing(kind="once", anchor=None if created is None else max(created, common["start"] or 0), **common)


def _seconds(schedule: Mapping[str, Any], name: str) -> int | None:
    text = schedule.get(name)
    try:
        return None if text is None else seconds(text)
    except (AttributeError, KeyError, ValueError):
        raise DocumentError(f"{text!r} is no interval", (PREFIX + name,)) from None


def _instant(schedule: Mapping[str, Any], name: str) -> int | None:
    text = schedule.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise DocumentError(f"{text!r} is no date", (PREFIX + name,)) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() // 1)


def _window(text: str | None) -> Window | None:
    if text is None:
        return None
    found = WINDOW.fullmatch(text)
    if found is None:
        raise DocumentError(f"{text!r} is no window", (f"{PREFIX}window",))
    hour, minute, last_hour, last_minute = (int(each) for each in found.groups())
    return Window(
        hour * 3600 + minute * 60,
        last_hour * 3600 + last_minute * 60,
        _daily(hour, minute),
        _daily(last_hour, last_minute),
    )


def _daily(hour: int, minute: int) -> Cron:
    found = read_cron({f"{PREFIX}hour": str(hour), f"{PREFIX}minute": str(minute)})
    assert found is not None
    return found
