"""When a job is due: one arithmetic for the API and for every scheduler.

Pure: the same document gives the same instants to everybody, whatever their clocks, zones and restarts. Instants are
whole seconds since 1970 UTC. Dates without a zone are UTC, cron fields and windows are in the schedule's own zone (UTC
if it has none).

- A *date* is due once; so is a job without any schedule, when it is made. A date that had passed by more than an hour
  when the job was made never comes.
- An *interval* counts from its start date, which is due itself, or else from when the job was made, which is not. It
  is a length of time, not a number of calendar days.
- *Cron* fields: :mod:`freezer.model.cron`.

The jitter of a run is a hash of job and instant; it never reaches the instant that follows. Outside of the window
nothing is due; a date waits until it opens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from freezer.errors import DocumentError
from freezer.model.checking import Path
from freezer.model.cron import next_instant
from freezer.model.schedule import PREFIX
from freezer.model.timing import Timing, timing_of
from freezer.model.zones import offset_at

LAST = 7_258_118_399
"""The end of 2199, after which nothing is due."""

_DAY = 86_400
_MOST_SKIPPED = 1000  # instants outside of the window that are looked at, one after the other


def due(job: Mapping[str, Any], after: float) -> int | None:
    """The first instant after ``after`` at which ``job`` is due, None if there is none.

    ``job`` is a document of the API: ``job_id`` and ``job_schedule`` are looked at. DocumentError if the schedule
    means nothing, which only documents that were not read by this program can have.
    """
    return _next(timing_of(job), str(job.get("job_id", "")), int(after // 1))


def falls(job: Mapping[str, Any], instant: int) -> bool:
    """Whether ``instant`` is one at which ``job`` is due."""
    return due(job, instant - 1) == instant


def instants(job: Mapping[str, Any], after: float, count: int) -> list[int]:
    """The first ``count`` instants after ``after``, or as many as there are."""
    found: list[int] = []
    each = due(job, after)
    while each is not None and len(found) < count:
        found.append(each)
        each = due(job, each)
    return found


def period(job: Mapping[str, Any], now: float) -> int | None:
    """The seconds between the next two instants; None if there are no two."""
    following = instants(job, now, 2)
    return following[1] - following[0] if len(following) == 2 else None


def within(timing: Timing, instant: int) -> bool:
    """Whether runs may begin at ``instant``, as far as the window says."""
    window = timing.window
    if window is None:
        return True
    wall = (instant + offset_at(timing.zone, instant)) % _DAY
    if window.begin < window.end:
        return window.begin <= wall < window.end
    return wall >= window.begin or wall < window.end


def opening(timing: Timing, after: int) -> int | None:
    """When the window opens after ``after``; None if there is none."""
    return None if timing.window is None else next_instant(timing.window.opening, timing.zone, after)


def closing(timing: Timing, after: int) -> int | None:
    """When the window ends in which ``after`` lies; None if it never does. Where the clock is put forward past that
    end, it is that moment."""
    window = timing.window
    if window is None:
        return None
    return next_instant(window.closing, timing.zone, after)


def check(schedule: Mapping[str, Any], now: int, path: Path) -> None:
    """DocumentError for a schedule that never comes, whenever it is looked at, and for what does not go together."""
    try:
        timing = timing_of({"job_schedule": {**schedule, "time_created": now}})
    except DocumentError as error:
        raise DocumentError(error.message, (*path, *error.path), hint=error.hint) from None
    if timing.kind == "once":
        return
    if timing.start is not None and timing.end is not None and timing.end < timing.start:
        raise DocumentError("the schedule ends before it starts", (*path, f"{PREFIX}end_date"))
    # What has passed is no fault: whether it is one must not depend on when somebody looks.
    begin = now if timing.kind == "interval" and timing.start is None else timing.start or 0
    ageless = replace(timing, created=begin, end=None if timing.start is None else timing.end)
    first = _admitted(ageless, begin - 1)
    if first is None:
        raise DocumentError("the schedule never comes: there is no time that has all it asks for", path)
    following = _admitted(ageless, first)
    if timing.jitter and following is not None and timing.jitter >= following - first:
        raise DocumentError("the jitter must be shorter than the time between two runs", (*path, f"{PREFIX}jitter"))


def _next(timing: Timing, id: str, after: int) -> int | None:
    if not timing.jitter:
        return _admitted(timing, after)
    plain = _admitted(timing, after - timing.jitter - 1)
    while plain is not None:
        following = _admitted(timing, plain)
        put_off = plain + _jitter(timing, id, plain, following)
        if put_off > after:
            return put_off
        plain = following
    return None


def _jitter(timing: Timing, id: str, instant: int, following: int | None) -> int:
    """How long the run of ``instant`` is put off: not until the next one, nor past the end, nor out of the window."""
    longest = timing.jitter
    if following is not None:
        longest = min(longest, following - instant - 1)
    if timing.end is not None:
        longest = min(longest, timing.end - instant)
    digest = hashlib.blake2b(f"{id} {instant}".encode(), digest_size=8).digest()
    put_off = int.from_bytes(digest, "big") % (longest + 1)
    return put_off if within(timing, instant + put_off) else 0


def _admitted(timing: Timing, after: int) -> int | None:
    """The first instant after ``after``, without jitter, that lies in the window and before the end."""
    if after >= LAST:
        return None
    if timing.kind == "once":
        found = timing.anchor
        if found is not None and not within(timing, found):
            found = opening(timing, found)
        return found if found is not None and after < found <= min(_end(timing, found), LAST) else None
    for _ in range(_MOST_SKIPPED):
        found = _plain(timing, after)
        if found is None or found > min(_end(timing, found), LAST):
            return None
        if within(timing, found):
            return found
        opens = opening(timing, found)
        if opens is None:
            return None
        after = opens - 1
    return None


def _end(timing: Timing, otherwise: int) -> int:
    return otherwise if timing.end is None else timing.end


def _plain(timing: Timing, after: int) -> int | None:
    after = max(after, timing.earliest - 1)
    if timing.cron is not None:
        return next_instant(timing.cron, timing.zone, after)
    if timing.anchor is None:
        return None
    number = (after - timing.anchor) // timing.period + 1
    return timing.anchor + max(number, 0 if timing.start is not None else 1) * timing.period
