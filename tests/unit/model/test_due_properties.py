"""What holds of every schedule: cron against every minute of days on which clocks are changed, jitter, intervals."""

from __future__ import annotations

import bisect
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from freezer.model.due import due, instants

# Days around which the clocks of a zone were changed: by an hour, by half of one, at midnight, by a day, or never.
_PLACES = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),
    ("America/Santiago", "2026-04-05"),
    ("Pacific/Apia", "2011-12-30"),
    ("Asia/Kathmandu", "2026-01-01"),
    ("UTC", "2026-12-31"),
]
_DAYS = 4


@st.composite
def _field(draw: st.DrawFn, low: int, high: int) -> tuple[str, frozenset[int], bool]:
    """The text of a field, its values, and whether it means all that pass."""
    kind = draw(st.sampled_from(["all", "step", "list", "range", "range step"]))
    first, last = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    step = draw(st.integers(1, max(last - first, 1)))
    match kind:
        case "all":
            return "*", frozenset(range(low, high + 1)), True
        case "step":
            return f"*/{step}", frozenset(range(low, high + 1, step)), True
        case "range":
            return f"{first}-{last}", frozenset(range(first, last + 1)), False
        case "range step":
            if first == last:
                return str(first), frozenset({first}), False
            return f"{first}-{last}/{step}", frozenset(range(first, last + 1, step)), True
        case _:
            chosen = draw(st.sets(st.integers(low, high), min_size=1, max_size=4))
            return ", ".join(map(str, sorted(chosen))), frozenset(chosen), False


def _expected(zone: ZoneInfo, begin: datetime, hours: Any, minutes: Any, weekdays: Any) -> list[int]:
    """By looking at every minute that passes, and at every minute on the wall."""
    passing = [int(begin.timestamp()) + 60 * each for each in range(1440 * _DAYS)]
    shown = [datetime.fromtimestamp(each, zone).replace(tzinfo=None) for each in passing]
    furthest: list[datetime] = []  # what the wall has shown so far at most
    for each in shown:
        furthest.append(max(each, furthest[-1]) if furthest else each)
    found = set()
    wall = shown[0]
    while wall <= shown[-1]:
        if wall.hour in hours[1] and wall.minute in minutes[1] and wall.weekday() in weekdays[1]:
            passes = [passing[place] for place in range(len(shown)) if shown[place] == wall] if hours[2] else []
            place = bisect.bisect_left(furthest, wall)
            found.update(passes or [passing[place]])
        wall += timedelta(minutes=1)
    return sorted(found)


@settings(max_examples=60, deadline=None)
@given(
    place=st.sampled_from(_PLACES),
    hours=_field(0, 23),
    minutes=st.one_of(_field(0, 59), st.just(("30", frozenset({30}), False))),
    weekdays=st.one_of(st.just(("*", frozenset(range(7)), True)), _field(0, 6)),
)
@example(
    place=("Europe/Berlin", "2026-10-25"),
    hours=("*/2", frozenset(range(0, 24, 2)), True),
    minutes=("30", frozenset({30}), False),
    weekdays=("*", frozenset(range(7)), True),
)
def test_cron_is_due_at_the_minutes_that_a_look_at_the_wall_every_minute_finds(
    place: tuple[str, str], hours: Any, minutes: Any, weekdays: Any
) -> None:
    zone = ZoneInfo(place[0])
    begin = datetime.fromisoformat(place[1]).replace(tzinfo=UTC) - timedelta(days=1, hours=12)
    schedule = {
        "schedule_timezone": place[0],
        "schedule_hour": hours[0],
        "schedule_minute": minutes[0],
        "schedule_day_of_week": weekdays[0],
    }
    expected = _expected(zone, begin, hours, minutes, weekdays)
    start, end = int(begin.timestamp()), int(begin.timestamp()) + 60 * (1440 * _DAYS - 1)
    job = {"job_id": "j", "job_schedule": schedule}
    found = [each for each in instants(job, start - 1, len(expected) + 3) if each <= end]
    assert found == expected


@settings(max_examples=150, deadline=None)
@given(
    length=st.integers(2, 100_000),
    jitter=st.integers(0, 43_200),
    after=st.integers(0, 10**9),
    id=st.text("abcdef0123456789", min_size=1, max_size=8),
)
def test_instants_with_jitter_are_in_order_one_to_each_period_and_the_same_from_wherever_one_asks(
    length: int, jitter: int, after: int, id: str
) -> None:
    schedule = {
        "schedule_interval": f"{length} seconds",
        "schedule_start_date": "1970-01-01T00:00:00Z",
        "schedule_jitter": f"{min(jitter, length - 1)} seconds" if jitter else "",
    }
    job = {"job_id": id, "job_schedule": schedule}
    found = instants(job, after, 4)
    numbers = [each // length for each in found]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert found[0] > after
    assert all(0 <= each % length <= jitter for each in found)
    for each, following in pairwise(found):
        assert due(job, each) == due(job, (each + following) // 2 if following - each > 1 else each) == following


@settings(max_examples=150, deadline=None)
@given(
    place=st.sampled_from(_PLACES),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
    length=st.integers(1, 200_000),
    opening=st.integers(0, 1439),
    open_for=st.integers(1, 1439),
)
def test_every_instant_lies_in_the_window(
    place: tuple[str, str], hour: int, minute: int, length: int, opening: int, open_for: int
) -> None:
    closing = (opening + open_for) % 1440
    zone = ZoneInfo(place[0])
    after = int(datetime.fromisoformat(place[1]).replace(tzinfo=UTC).timestamp()) - 86_400
    schedule = {
        "schedule_interval": f"{length} seconds",
        "schedule_start_date": f"1999-01-01T{hour:02}:{minute:02}:00Z",
        "schedule_timezone": place[0],
        "schedule_window": f"{opening // 60:02}:{opening % 60:02}-{closing // 60:02}:{closing % 60:02}",
        "schedule_jitter": "600 seconds",
    }
    for each in instants({"job_id": "j", "job_schedule": schedule}, after, 4):
        wall = datetime.fromtimestamp(each, zone)
        assert (wall.hour * 60 + wall.minute - opening) % 1440 < open_for
