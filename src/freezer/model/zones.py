"""Time zones as stretches of time in which the clocks of a zone keep one distance from UTC.

Instants are seconds since 1970 UTC. A *wall time* is what a clock of the zone shows then, told as the seconds since it
would have shown 1970-01-01 00:00:00 if it had never been changed. When the clock is put forward, wall times are left
out; when it is put back, they come twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from freezer.errors import DocumentError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_YEAR = 2199
_DAY = 86_400


class Span(msgspec.Struct, frozen=True):
    """From ``start`` until just before ``end`` the zone is ``offset`` seconds ahead of UTC; before that it was
    ``before`` seconds ahead."""

    start: int
    end: int
    before: int
    offset: int


def spans(zone: str, after: int) -> Iterator[Span]:
    """The stretches from the one that has ``after`` on; they also end with the year, when nothing changes."""
    year = _year_of(after)
    start, before = _start_of(year - 1), offset_at(zone, _start_of(year - 1))
    offset = before
    for each in range(year - 1, LAST_YEAR + 1):
        for at, told in (*_changes(zone, each), (_start_of(each + 1), None)):
            if at > after:
                yield Span(start, at, before, offset)
            start, before = at, offset
            offset = offset if told is None else told


def offset_at(zone: str, instant: int) -> int:
    """How many seconds the zone is ahead of UTC."""
    offset = (EPOCH + timedelta(seconds=instant)).astimezone(_zone(zone)).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise DocumentError(f"{name!r} is no time zone", ("schedule_timezone",)) from None


@lru_cache(maxsize=8192)
def _changes(zone: str, year: int) -> tuple[tuple[int, int], ...]:
    """The instants of a year at which the clocks are changed, with the offset from then on."""
    if zone == "UTC":
        return ()
    found = []
    day = _start_of(year)
    offset = offset_at(zone, day)
    while day < _start_of(year + 1):
        following = offset_at(zone, day + _DAY)
        if following != offset:
            at = _first_with(zone, following, day, day + _DAY)
            found.append((at, following))
        day, offset = day + _DAY, following
    return tuple(found)


def _first_with(zone: str, offset: int, low: int, high: int) -> int:
    """The first instant after ``low`` with ``offset``, which ``high`` has."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if offset_at(zone, middle) == offset else (middle, high)
    return high


def _year_of(instant: int) -> int:
    return min(max((EPOCH + timedelta(seconds=instant)).year, 1970), LAST_YEAR)


def _start_of(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
