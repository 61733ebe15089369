"""When a job runs: what may stand in ``job_schedule`` and in the ``schedule`` of a session.

Three kinds: at one *date*; at an *interval* between two dates; *cron*-like by fields. With all of them go a time *zone*
(of cron fields and of the window), a *jitter* (the longest that a run is put off, so that not all begin at once), a
*window* (wall times between which runs may begin) and a *start deadline* (how late a run may still begin). Beside them
stand the state that schedulers report (``status``, ``result``, times, ``current_pid``) and the ``event`` that a user
asked for. When that is, is the business of :mod:`freezer.model.due`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from freezer.errors import DocumentError
from freezer.model.checking import Path, a_boolean, a_text, an_integer, an_object, one_of, only, shown

EVENTS = ("", "stop", "start", "abort", "remove")
STATUSES = ("", "completed", "stop", "scheduled", "running", "aborting", "removed")
RESULTS = ("", "success", "fail", "aborted")
PREFIX = "schedule_"
"""What the keys begin with that say when."""

STATE_KEYS = ("status", "result", "time_started", "time_ended", "current_pid")
"""What a scheduler reports, and nothing that anybody else sets."""

_TIMES = ("time_created", "time_started", "time_ended", "current_pid")
_INTERVAL = re.compile(r"(\d{1,9}) +(week|day|hour|minute|second)s?")
_INTERVAL_TOLD = r"^(continuous|(\d+ +(weeks|days|hours|minutes|seconds)))$"
_LONGEST_INTERVAL = 100 * 366 * 86_400
_LONGEST_JITTER = 12 * 3600
WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_UNITS = {"week": 604_800, "day": 86_400, "hour": 3600, "minute": 60, "second": 1}
_DATE = re.compile(
    r"(\d{4})-(1[0-2]|0[1-9])-(3[01]|0[1-9]|[12][0-9])T(2[0-3]|[01][0-9]):([0-5][0-9]):([0-5][0-9])(\.[0-9]+)?"
    r"(Z|[+-](?:2[0-3]|[01][0-9]):[0-5][0-9])?",
    re.ASCII,
)

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NTH = ("1st", "2nd", "3rd", "4th", "5th", "last")
_FIELDS: Mapping[str, tuple[int, int, tuple[str, ...]]] = {
    "schedule_month": (1, 12, MONTHS),
    "schedule_day": (1, 31, DAYS),
    "schedule_week": (1, 53, ()),
    "schedule_day_of_week": (0, 6, DAYS),
    "schedule_hour": (0, 23, ()),
    "schedule_minute": (0, 59, ()),
    "schedule_second": (0, 59, ()),
}
_RANGE = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d{1,4}))?", re.ASCII)


def read_schedule(value: object, path: Path, *, removing: bool = False) -> dict[str, object]:
    """``value`` as a schedule with every key checked; DocumentError with the path of the first that is wrong.

    An interval in the singular (``1 day``) becomes upstream's plural, an empty start or end date means none. With
    ``removing`` a key may be null, which stays in the result and asks for its removal.
    """
    result: dict[str, object] = {}
    document = an_object(value, path)
    only(document, READERS, path)
    for key, each in document.items():
        if each is None and removing:
            result[key] = None
            continue
        read = READERS[key](each, (*path, key))
        if read is not None:
            result[key] = read
    return result


def _interval(value: object, path: Path) -> str:
    text = a_text(value, path)
    if text == "continuous":
        return text
    found = _INTERVAL.fullmatch(text)
    if found is None:
        raise DocumentError(f"{shown(text)} does not match '{_INTERVAL_TOLD}'", path)
    count, unit = int(found[1]), found[2]
    if not 0 < count * _UNITS[unit] <= _LONGEST_INTERVAL:
        raise DocumentError(f"{shown(text)}: an interval lies between 1 second and 100 years", path)
    return f"{count} {unit}s"


def seconds(interval: str) -> int:
    """The length of an interval that was read, in seconds; of ``continuous``: 1, the shortest."""
    if interval == "continuous":
        return 1
    count, unit = interval.split()
    return int(count) * _UNITS[unit.removesuffix("s")]


def _span(value: object, path: Path) -> str:
    if value == "continuous":
        raise DocumentError("'continuous' is no length of time", path)
    return _interval(value, path)


def _jitter(value: object, path: Path) -> str:
    text = _span(value, path)
    if seconds(text) > _LONGEST_JITTER:
        raise DocumentError(f"{shown(text)}: runs are put off by 12 hours at most", path)
    return text


def _window(value: object, path: Path) -> str:
    text = a_text(value, path)
    found = WINDOW.fullmatch(text)
    if found is None or found.group(1, 2) == found.group(3, 4):
        raise DocumentError(f"{shown(text)} is no window; for example '22:00-06:00'", path)
    return text


def zone_name(value: object, path: Path) -> str:
    """``value`` if it names a time zone that this machine knows."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    text = a_text(value, path)
    try:
        ZoneInfo(text)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise DocumentError(f"{shown(text)} is no time zone; for example 'Europe/Berlin'", path) from None
    return text


def _date(value: object, path: Path) -> str:
    text = a_text(value, path)
    if _DATE.fullmatch(text) is None:
        raise DocumentError(f"{shown(text)} does not match '^{_DATE.pattern}$'", path)
    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        raise DocumentError(f"{shown(text)} is no day of the calendar", path) from None
    return text


def _bound(value: object, path: Path) -> str | None:
    return None if value == "" else _date(value, path)


def _year(value: object, path: Path) -> str:
    text = a_text(value, path)
    if re.fullmatch(r"\d{4}", text, re.ASCII) is None:
        raise DocumentError(f"{shown(text)} does not match '^\\d{{4}}$'", path)
    return text


def _field(key: str) -> Callable[[object, Path], str]:
    low, high, names = _FIELDS[key]

    def number(word: str) -> int | None:
        if word in names:
            return names.index(word) + (1 if names is MONTHS else 0)
        return int(word) if word.isdecimal() and len(word) <= 4 else None

    def one(item: str) -> bool:
        if key == "schedule_day" and (item == "last" or _nth(item)):
            return True
        found = _RANGE.fullmatch(item)
        if found is None or found[3] == "0":
            return False
        if found[1] == "*":
            return found[2] is None
        first, last = number(found[1]), number(found[2] or found[1])
        if first is None or last is None:
            return False
        named = key == "schedule_day" and found[1] in names
        least, most = (0, 6) if named else (low, high)
        return least <= first <= last <= most

    def read(value: object, path: Path) -> str:
        text = a_text(value, path)
        if not all(one(item.strip().lower()) for item in text.split(",")):
            more = f" or {names[0]}-{names[-1]}" if names else ""
            told = f"allowed are {low}-{high}{more}, *, ranges (a-b), steps (*/n, a-b/n) and lists of these"
            raise DocumentError(f"{key}: {shown(text)} means no time; {told}", path)
        return text

    return read


def _nth(item: str) -> bool:
    words = item.split()
    return len(words) == 2 and words[0] in _NTH and words[1] in DAYS


def _whole(value: object, path: Path) -> int:
    return an_integer(value, path)


READERS: Mapping[str, Callable[[object, Path], object]] = {
    **dict.fromkeys(_TIMES, _whole),
    "event": lambda value, path: one_of(value, EVENTS, path),
    "status": lambda value, path: one_of(value, STATUSES, path),
    "result": lambda value, path: one_of(value, RESULTS, path),
    "schedule_interval": _interval,
    "schedule_date": _date,
    "schedule_start_date": _bound,
    "schedule_end_date": _bound,
    "schedule_timezone": zone_name,
    "schedule_jitter": _jitter,
    "schedule_window": _window,
    "schedule_start_deadline": _span,
    "schedule_repeatable": a_boolean,
    "schedule_year": _year,
    **{key: _field(key) for key in _FIELDS},
}
