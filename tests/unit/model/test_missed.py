"""Which runs that did not begin are made up for, and which are missed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.model.due import instants
from freezer.model.missed import MOST_COUNTED, Missed, Overdue, overdue

_HOUR = 3600
_START = 1_800_000_000
_START_TEXT = "2027-01-15T08:00:00"


def _hourly(**more: str) -> dict[str, Any]:
    told = {"interval": "1 hours", "start_date": _START_TEXT, **more}
    return {"job_id": "j", "job_schedule": {f"schedule_{key}": value for key, value in told.items()}}


def _once(**more: str) -> dict[str, Any]:
    told = {"date": _START_TEXT, **more}
    return {"job_id": "j", "job_schedule": {f"schedule_{key}": value for key, value in told.items()}}


def test_nothing_is_overdue_before_it_is_due() -> None:
    assert overdue(_hourly(), _START, _START + _HOUR - 1) == Overdue()


def test_what_has_just_become_due_is_to_run() -> None:
    assert overdue(_hourly(), _START, _START + _HOUR) == Overdue(run=_START + _HOUR)


def test_a_run_is_made_up_for_while_the_next_is_more_than_half_a_period_away() -> None:
    job = _hourly()
    assert overdue(job, _START, _START + _HOUR + 1799).run == _START + _HOUR
    assert overdue(job, _START, _START + _HOUR + 1800) == Overdue(missed=Missed(_START + _HOUR, _START + _HOUR, 1))


def test_of_several_only_the_newest_runs_and_the_others_are_one_record() -> None:
    found = overdue(_hourly(), _START, _START + 5 * _HOUR + 60)
    assert found == Overdue(run=_START + 5 * _HOUR, missed=Missed(_START + _HOUR, _START + 4 * _HOUR, 4))


def test_what_happens_once_is_made_up_for_however_late() -> None:
    assert overdue(_once(), 0, _START + 365 * 86_400).run == _START


def test_nothing_is_made_up_for_past_the_start_deadline() -> None:
    job = _once(start_deadline="2 hours")
    assert overdue(job, 0, _START + 2 * _HOUR).run == _START
    assert overdue(job, 0, _START + 2 * _HOUR + 1) == Overdue(missed=Missed(_START, _START, 1))
    assert overdue(_hourly(start_deadline="5 minutes"), _START, _START + _HOUR + 301).run is None


def test_outside_of_the_window_a_run_waits_and_is_missed_no_sooner_than_any_other() -> None:
    job = _once(window="08:00-09:00")
    assert overdue(job, 0, _START + 60).run == _START
    assert overdue(job, 0, _START + 2 * _HOUR) == Overdue()
    assert overdue(job, 0, _START + 86_400).run == _START


def test_an_instant_that_was_to_be_left_out_is_neither_run_nor_missed() -> None:
    job = _hourly()
    assert overdue(job, _START, _START + _HOUR + 60, skipped={_START + _HOUR}) == Overdue()
    found = overdue(job, _START, _START + 3 * _HOUR, skipped={_START + 2 * _HOUR})
    assert found == Overdue(run=_START + 3 * _HOUR, missed=Missed(_START + _HOUR, _START + _HOUR, 1))


def test_a_continuous_job_runs_and_misses_nothing() -> None:
    job = _hourly(interval="continuous")
    assert overdue(job, _START, _START + 60) == Overdue(run=_START + 60)


def test_a_long_absence_is_told_in_parts() -> None:
    job = _hourly(interval="1 seconds")
    found = overdue(job, _START, _START + 10 * MOST_COUNTED)
    assert found == Overdue(missed=Missed(_START + 1, _START + MOST_COUNTED, MOST_COUNTED), until=_START + MOST_COUNTED)


@given(
    absent=st.integers(0, 40 * _HOUR),
    since=st.integers(_START - 5 * _HOUR, _START + 5 * _HOUR),
    skipped=st.sets(st.integers(0, 40), max_size=4),
)
@pytest.mark.parametrize("more", [{}, {"jitter": "20 minutes"}, {"start_deadline": "10 minutes"}])
def test_every_instant_is_run_missed_left_out_or_still_to_come_and_only_one_of_these(
    more: dict[str, str], absent: int, since: int, skipped: set[int]
) -> None:
    job = _hourly(**more)
    now = since + absent
    every = [each for each in instants(job, since, 50) if each <= now]
    out = {every[place] for place in skipped if place < len(every)}
    found = overdue(job, since, now, out)
    run = [] if found.run is None else [found.run]
    missed = 0 if found.missed is None else found.missed.count
    assert missed + len(run) + len(out) == len(every)
    assert found.until is None
    assert found.run in (None, *every[-1:])
    if found.missed is not None:
        assert {found.missed.first, found.missed.last} <= set(every) - set(run) - out
