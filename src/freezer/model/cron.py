"""Cron-like schedules: fields that describe wall times, and the instants that the clocks of a zone make of them.

APScheduler, whose fields these are, is asked for wall times alone, on a calendar without any zone; no other module
knows it. What becomes of wall times when clocks are changed is decided here: one that is left out is due when the clock
has been put forward; of one that comes twice the first counts, unless the hour is ``*`` or a step, which means all
hours that pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from apscheduler.triggers.cron import CronTrigger

from freezer.errors import DocumentError
from freezer.model.schedule import DAYS, MONTHS, PREFIX
from freezer.model.zones import EPOCH, LAST_YEAR, spans

FIELDS = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
_WORD = re.compile(r"[a-z]+")
_DAY_NAMES = re.compile(rf"\s*(?:{'|'.join(DAYS)})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cron:
    """The wall times that one of ``triggers`` describes; ``every_pass``: also when they come for the second time."""

    triggers: tuple[CronTrigger, ...]
    every_pass: bool


def read_cron(schedule: Mapping[str, object]) -> Cron | None:
    """What the fields of a schedule describe; None if it has none. DocumentError if they describe nothing."""
    fields = {name: str(schedule[PREFIX + name]).lower() for name in FIELDS if PREFIX + name in schedule}
    if not fields:
        return None
    hour = fields.get("hour", "*" if fields.keys() & {"minute", "second"} else "0")
    triggers = tuple(_trigger(each) for each in _alternatives(fields))
    return Cron(triggers, every_pass="*" in hour or "/" in hour)


def next_wall(cron: Cron, wall: int) -> int | None:
    """The first wall time after ``wall``; None if there is none until the end of 2199."""
    after = EPOCH + timedelta(seconds=wall + 1)
    found = [each.get_next_fire_time(None, after) for each in cron.triggers]
    return min((int((each - EPOCH).total_seconds()) for each in found if each is not None), default=None)


def next_instant(cron: Cron, zone: str, after: int) -> int | None:
    """The first instant after ``after``, in seconds since 1970 UTC; None if there is none."""
    exhausted = False
    for span in spans(zone, after):
        begin = span.start + span.offset
        if span.before < span.offset and after < span.start:
            left_out = next_wall(cron, span.start + span.before - 1)
            if left_out is not None and left_out < begin:
                return span.start
        elif span.before > span.offset and not cron.every_pass:
            begin = span.start + span.before
        found = next_wall(cron, max(begin - 1, after + span.offset))
        if found is not None and found - span.offset < span.end:
            return found - span.offset
        if found is None and exhausted:  # asked again once, since a clock may have been put back
            return None
        exhausted = found is None
    return None


def _alternatives(fields: dict[str, str]) -> Iterator[dict[str, str]]:
    """``fields`` with numbers for names; names of days in ``day`` are a ``day_of_week``, besides its numbers."""
    numbers = {name: _numbered(name, text) for name, text in fields.items() if name != "day"}
    if "day" not in fields:
        yield numbers
        return
    items = fields["day"].split(",")
    named = [each for each in items if _DAY_NAMES.match(each)]
    if named and "day_of_week" in fields:
        raise DocumentError(
            "names of days stand in schedule_day or in schedule_day_of_week, not in both", (f"{PREFIX}day",)
        )
    if named:
        yield {**numbers, "day_of_week": _numbered("day_of_week", ",".join(named))}
    if len(named) < len(items):
        yield {**numbers, "day": ",".join(each for each in items if each not in named)}


def _numbered(name: str, text: str) -> str:
    names = {"month": MONTHS, "day_of_week": DAYS}.get(name, ())
    first = 1 if name == "month" else 0
    return _WORD.sub(lambda found: str(names.index(found[0]) + first) if found[0] in names else found[0], text)


def _trigger(fields: dict[str, str]) -> CronTrigger:
    try:
        # Without an end the search for the 30th of February would go on to the year 9999.
        return CronTrigger(**{"year": f"1970-{LAST_YEAR}", **fields}, timezone=EPOCH.tzinfo)
    except ValueError as error:
        raise DocumentError(f"the schedule means no time: {str(error).splitlines()[0]}", ()) from None
