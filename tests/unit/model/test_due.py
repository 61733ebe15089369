"""When jobs are due: every kind of schedule, zones, windows, jitter, and what never comes."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from freezer.errors import DocumentError
from freezer.model.due import check, due, falls, instants, period
from freezer.model.schedule import read_schedule

_CREATED = int(datetime(2026, 1, 15, 12, 0, tzinfo=UTC).timestamp())


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def _job(created: int | None = _CREATED, id: str = "j", **schedule: object) -> dict[str, Any]:
    told = read_schedule({f"schedule_{key}": value for key, value in schedule.items()}, ())
    return {"job_id": id, "job_schedule": {**told, "time_created": created}}


def _texts(job: dict[str, Any], after: str, count: int, zone: str = "UTC") -> list[str]:
    found = instants(job, _at(after), count)
    return [datetime.fromtimestamp(each, ZoneInfo(zone)).strftime("%m-%d %H:%M:%S") for each in found]


def test_a_date_is_due_once() -> None:
    job = _job(date="2026-06-02T16:20:00")
    assert instants(job, 0, 5) == [_at("2026-06-02T16:20:00")]
    assert due(job, _at("2026-06-02T16:20:00")) is None


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-06-02T16:20:00", "2026-06-02T16:20:00"),
        ("2026-06-02T16:20:00Z", "2026-06-02T16:20:00"),
        ("2026-06-02T16:20:00.5+02:00", "2026-06-02T14:20:00"),
    ],
)
def test_a_date_without_a_zone_is_utc(text: str, utc: str) -> None:
    assert due(_job(date=text), 0) == _at(utc)


def test_a_date_long_before_the_job_was_made_never_comes_but_one_just_before_does() -> None:
    assert due(_job(date="2015-06-02T16:20:00"), 0) is None
    assert due(_job(date="2026-01-15T11:30:00"), 0) == _at("2026-01-15T11:30:00")


def test_a_job_without_a_schedule_is_due_when_it_is_made() -> None:
    assert instants(_job(), 0, 2) == [_CREATED]
    assert due({"job_id": "j"}, 0) is None
    assert due(_job(start_date="2027-01-01T00:00:00"), 0) == _at("2027-01-01T00:00:00")


def test_an_interval_counts_from_its_start_date_whatever_has_passed_since() -> None:
    job = _job(interval="4 hours", start_date="2015-08-16T17:58:00")
    assert _texts(job, "2026-01-15T12:00:00", 3) == ["01-15 13:58:00", "01-15 17:58:00", "01-15 21:58:00"]


def test_an_interval_begins_with_its_start_date() -> None:
    job = _job(interval="1 days", start_date="2026-06-02T16:20:00")
    assert instants(job, 0, 2) == [_at("2026-06-02T16:20:00"), _at("2026-06-03T16:20:00")]


def test_an_interval_without_a_start_date_counts_from_when_the_job_was_made() -> None:
    assert instants(_job(interval="30 minutes"), 0, 2) == [_CREATED + 1800, _CREATED + 3600]
    assert due(_job(created=None, interval="30 minutes"), 0) is None


def test_an_interval_is_a_length_of_time_also_when_clocks_are_changed() -> None:
    job = _job(interval="1 days", start_date="2026-03-27T02:30:00", timezone="Europe/Berlin")
    found = instants(job, _at("2026-03-27T00:00:00"), 4)
    assert {b - a for a, b in pairwise(found)} == {86_400}


def test_a_continuous_job_is_due_every_second() -> None:
    assert instants(_job(interval="continuous"), _CREATED + 10, 2) == [_CREATED + 11, _CREATED + 12]


def test_an_end_date_counts_with_and_without_a_start_date() -> None:
    job = _job(interval="30 minutes", start_date="2026-08-24T01:00:00", end_date="2026-08-24T01:55:00")
    assert _texts(job, "2026-01-15T12:00:00", 9) == ["08-24 01:00:00", "08-24 01:30:00"]
    assert instants(_job(hour="1", end_date="2026-01-17T01:00:00"), 0, 9) == [
        _at("2026-01-16T01:00:00"),
        _at("2026-01-17T01:00:00"),
    ]


def test_the_first_manuals_cron_example() -> None:
    job = _job(month="1-6, 9-12", day="mon, wed, fri", hour="03", minute="25")
    assert _texts(job, "2026-06-26T00:00:00", 4) == [
        "06-26 03:25:00",
        "06-29 03:25:00",
        "09-02 03:25:00",
        "09-04 03:25:00",
    ]


@pytest.mark.parametrize(
    ("fields", "first"),
    [
        ({"minute": "*/15"}, "2026-01-15T12:15:00"),
        ({"day_of_week": "mon-fri"}, "2026-01-16T00:00:00"),
        ({"day_of_week": "0"}, "2026-01-19T00:00:00"),  # 0 is Monday
        ({"day_of_week": "mon-fri/2"}, "2026-01-16T00:00:00"),
        ({"month": "feb-apr/2"}, "2026-02-01T00:00:00"),
        ({"year": "2027"}, "2027-01-01T00:00:00"),
        ({"week": "10"}, "2026-03-02T00:00:00"),
        ({"day": "last"}, "2026-01-31T00:00:00"),
        ({"day": "2nd fri"}, "2026-02-13T00:00:00"),
        ({"day": "last fri"}, "2026-01-30T00:00:00"),
        ({"day": "1, mon"}, "2026-01-19T00:00:00"),
        ({"day": "16, mon"}, "2026-01-16T00:00:00"),
        ({"second": "30"}, "2026-01-15T12:00:30"),
        ({"hour": "3"}, "2026-01-16T03:00:00"),
        ({"month": "2", "day": "29"}, "2028-02-29T00:00:00"),
        ({"month": "2", "day": "29", "day_of_week": "mon"}, "2044-02-29T00:00:00"),
    ],
)
def test_cron_fields(fields: dict[str, str], first: str) -> None:
    assert due(_job(**fields), _CREATED) == _at(first)


def test_cron_fields_are_wall_times_of_the_schedules_zone() -> None:
    job = _job(hour="3", timezone="Asia/Tokyo")
    assert due(job, _CREATED) == _at("2026-01-15T18:00:00")


def test_what_falls_into_the_hour_that_is_left_out_runs_when_the_clock_has_been_put_forward() -> None:
    job = _job(hour="2", minute="30", timezone="Europe/Berlin")
    assert _texts(job, "2026-03-27T12:00:00", 3, "Europe/Berlin") == [
        "03-28 02:30:00",
        "03-29 03:00:00",
        "03-30 02:30:00",
    ]


def test_what_falls_into_the_hour_that_comes_twice_runs_the_first_time_only() -> None:
    job = _job(hour="2", minute="30", timezone="Europe/Berlin")
    found = instants(job, _at("2026-10-24T12:00:00"), 2)
    assert found == [_at("2026-10-25T00:30:00"), _at("2026-10-26T01:30:00")]


@pytest.mark.parametrize("hour", [None, "*", "*/2"])
def test_every_hour_means_every_hour_that_passes(hour: str | None) -> None:
    fields = {"minute": "30", "timezone": "Europe/Berlin"} | ({} if hour is None else {"hour": hour})
    found = instants(_job(**fields), _at("2026-10-25T00:00:00"), 2)
    assert found == [_at("2026-10-25T00:30:00"), _at("2026-10-25T01:30:00")]


def test_a_day_that_a_zone_left_out_runs_when_the_next_one_begins() -> None:
    job = _job(created=None, hour="10", timezone="Pacific/Apia")
    found = instants(job, _at("2011-12-29T12:00:00"), 3)
    assert found == [_at("2011-12-29T20:00:00"), _at("2011-12-30T10:00:00"), _at("2011-12-30T20:00:00")]


def test_outside_of_the_window_nothing_is_due() -> None:
    job = _job(minute="0", hour="*/6", window="22:00-06:30", timezone="Europe/Berlin")
    assert _texts(job, "2026-02-01T00:00:00", 3, "Europe/Berlin") == [
        "02-01 06:00:00",
        "02-02 00:00:00",
        "02-02 06:00:00",
    ]


def test_a_date_waits_for_the_window() -> None:
    job = _job(date="2026-06-02T16:20:00", window="22:00-06:00")
    assert instants(job, 0, 2) == [_at("2026-06-02T22:00:00")]
    assert due(job, _at("2026-06-02T17:00:00")) == _at("2026-06-02T22:00:00")


def test_a_continuous_job_with_a_window_goes_on_when_it_opens() -> None:
    job = _job(interval="continuous", window="12:00-12:01")
    assert due(job, _at("2026-02-01T13:00:00")) == _at("2026-02-02T12:00:00")


def test_jitter_differs_from_job_to_job_and_never_from_call_to_call() -> None:
    found = {id: instants(_job(id=id, hour="3", jitter="30 minutes"), _CREATED, 3) for id in "abcdefgh"}
    assert len({each[0] for each in found.values()}) > 4
    assert found["a"] == instants(_job(id="a", hour="3", jitter="30 minutes"), _CREATED, 3)
    for each in found.values():
        assert all(0 <= at % 86_400 - 3 * 3600 <= 1800 for at in each)
    assert len({at % 86_400 for at in found["a"]}) > 1


def test_instants_are_told_from_others() -> None:
    job = _job(hour="3", jitter="30 minutes")
    at = due(job, _CREATED)
    assert at is not None
    assert falls(job, at)
    assert not falls(job, at + 1)


def test_the_period_is_the_time_between_the_next_two_instants() -> None:
    assert period(_job(hour="3"), _CREATED) == 86_400
    assert period(_job(date="2030-01-01T00:00:00"), _CREATED) is None


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"month": "2", "day": "30"}, "never comes"),
        ({"month": "4,6,9,11", "day": "31"}, "never comes"),
        ({"hour": "12", "window": "22:00-06:00"}, "never comes"),
        ({"interval": "1 days", "start_date": "2026-01-01T12:00:00", "window": "22:00-06:00"}, "never comes"),
        ({"month": "1", "start_date": "2026-02-01T00:00:00", "end_date": "2026-03-01T00:00:00"}, "never comes"),
        (
            {"interval": "1 hours", "start_date": "2026-02-01T00:00:00", "end_date": "2026-01-01T00:00:00"},
            "ends before it starts",
        ),
        ({"minute": "*", "jitter": "1 minutes"}, "jitter must be shorter"),
        ({"day": "mon", "day_of_week": "tue"}, "not in both"),
        ({"hour": "0-5/9"}, "means no time"),
    ],
)
def test_a_schedule_that_never_comes_is_refused(schedule: dict[str, str], message: str) -> None:
    told = {f"schedule_{key}": value for key, value in schedule.items()}
    with pytest.raises(DocumentError, match=message) as caught:
        check(told, _CREATED, ("job_schedule",))
    assert caught.value.path[0] == "job_schedule"


@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"date": "2015-06-02T16:20:00"},
        {"interval": "30 minutes", "start_date": "2017-08-24T01:00:00", "end_date": "2017-08-24T01:55:00"},
        {"interval": "1 days", "end_date": "2020-01-01T00:00:00"},
        {"year": "2015"},
        {"month": "2", "day": "29", "day_of_week": "mon"},
    ],
)
def test_a_schedule_that_has_passed_is_no_fault(schedule: dict[str, str]) -> None:
    check({f"schedule_{key}": value for key, value in schedule.items()}, _CREATED, ())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timezone", "Mars/Olympus"),
        ("timezone", "../etc/passwd"),
        ("timezone", ""),
        ("timezone", "Europe"),
        ("jitter", "13 hours"),
        ("jitter", "continuous"),
        ("window", "22-06"),
        ("window", "22:00-22:00"),
        ("window", "24:00-06:00"),
        ("start_deadline", "soon"),
    ],
)
def test_what_is_no_zone_jitter_window_or_deadline_is_refused(key: str, value: str) -> None:
    with pytest.raises(DocumentError):
        read_schedule({f"schedule_{key}": value}, ("job_schedule",))


@pytest.mark.parametrize(
    "schedule",
    [
        {"schedule_interval": "often"},
        {"schedule_interval": 5},
        {"schedule_date": "tomorrow"},
        {"schedule_hour": "99"},
        {"schedule_timezone": "Mars/Olympus"},
        {"schedule_window": "late"},
    ],
)
def test_a_stored_schedule_that_means_nothing_is_told_so(schedule: dict[str, object]) -> None:
    with pytest.raises(DocumentError):
        due({"job_id": "j", "job_schedule": {"time_created": _CREATED, **schedule}}, 0)
