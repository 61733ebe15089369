"""What becomes of runs whose instant has passed without anybody beginning them.

One that was to happen once is made up for, however late. Of several instants of a schedule only the newest may still be
made up for, and only while the next one is more than half a period away (the *period* of an instant is the time
until the next). All others are *missed*. Nothing is made up for past the schedule's start deadline or outside of its
window; a job that runs continuously misses nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from freezer.model.due import due, within
from freezer.model.timing import Timing, timing_of

MOST_COUNTED = 1000
"""Instants that are looked at by one call."""


class Missed(msgspec.Struct, frozen=True):
    """The instants from ``first`` to ``last``, ``count`` of them, will not be made up for."""

    first: int
    last: int
    count: int


class Overdue(msgspec.Struct, frozen=True):
    """``run``: the instant whose run should begin now; ``missed``: those that are lost; ``until``: the last instant
    that was looked at, if there are more behind it."""

    run: int | None = None
    missed: Missed | None = None
    until: int | None = None


def overdue(job: Mapping[str, Any], since: float, now: float, skipped: Collection[int] = ()) -> Overdue:
    """What was due after ``since`` and until ``now``, as :func:`freezer.model.due.due` says, and has not begun.

    ``skipped``: instants that somebody wanted to be left out. DocumentError as ``due``.
    """
    timing = timing_of(job)
    passed: list[int] = []
    following = due(job, since)
    while following is not None and following <= now:
        if len(passed) == MOST_COUNTED:
            return Overdue(missed=_missed(timing, passed, skipped), until=passed[-1])
        passed.append(following)
        following = due(job, following)
    if not passed:
        return Overdue()
    newest = passed[-1]
    if newest in skipped or lost(timing, newest, following, now):
        return Overdue(missed=_missed(timing, passed, skipped))
    return Overdue(newest if within(timing, int(now)) else None, _missed(timing, passed[:-1], skipped))


def lost(timing: Timing, instant: int, following: int | None, now: float) -> bool:
    """Whether the run of ``instant`` will not be made up for any more, if ``following`` is the next instant."""
    if timing.continuous:
        return False
    if timing.deadline is not None and now > instant + timing.deadline:
        return True
    return following is not None and following - now <= (following - instant) / 2


def _missed(timing: Timing, passed: list[int], skipped: Collection[int]) -> Missed | None:
    left = [each for each in passed if each not in skipped]
    return None if timing.continuous or not left else Missed(left[0], left[-1], len(left))
