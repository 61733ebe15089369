"""What is due, waits, is missed: by examples, and against counting all instants by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezer.model.due import due
from freezer.scheduler.agenda import Agenda, Found
from freezer.scheduler.contract import Wanted
from freezer.scheduler.journal import Known
from freezer.scheduler.pool.turns import Turns
from support.scheduling import job

NOW = 1_795_256_040  # a whole minute
MINUTELY = {"schedule_interval": "1 minutes", "time_created": NOW}


def agenda(*jobs: dict[str, Any], now: float = NOW, known: dict[str, Known] | None = None) -> Agenda:
    made = Agenda(known or {}, Turns())
    for each in jobs:
        made.put(each, now)
    return made


def wanted(of: Agenda, now: float) -> Wanted | None:
    """What is wanted now, which is taken to begin."""
    found = of.take(now)
    if found is None or found.wanted is None:
        return None
    of.begun(found.wanted, now)
    return found.wanted


def test_nothing_is_wanted_before_it_is_due_and_the_agenda_says_when_to_look() -> None:
    of = agenda(job("a", MINUTELY), job("b", {**MINUTELY, "schedule_interval": "2 minutes"}))
    assert of.take(NOW + 59) is None
    assert of.next() == NOW + 60
    found = wanted(of, NOW + 60)
    assert found is not None
    assert (found.job_id, found.cause, found.number) == ("a", "schedule", NOW + 60)


def test_while_a_job_runs_it_is_not_wanted_and_afterwards_the_newest_is() -> None:
    of = agenda(job("a", MINUTELY))
    assert wanted(of, NOW + 60) is not None
    assert of.take(NOW + 185) is None
    of.ended("a", NOW + 185)
    found = of.take(NOW + 185)
    assert found is not None
    assert found.wanted is not None
    assert found.missed is not None
    assert found.wanted.number == NOW + 180
    assert (found.missed.first, found.missed.last, found.missed.count) == (NOW + 120, NOW + 120, 1)


def test_h13_an_event_asks_for_a_run_now_though_the_job_is_scheduled_and_is_dealt_with_once() -> None:
    of = agenda(job("a", MINUTELY))
    asked = job("a", {**MINUTELY, "event": "start"}, event_number=7)
    of.put(asked, NOW + 10)
    found = wanted(of, NOW + 10)
    assert found is not None
    assert (found.cause, found.number) == ("event", 7)
    of.ended("a", NOW + 20)
    of.put(asked, NOW + 25)
    assert of.take(NOW + 30) is None
    again = wanted(of, NOW + 60)
    assert again is not None
    assert again.cause == "schedule"


@pytest.mark.parametrize("how", [{"event": "stop"}, {"event": "abort"}, {"status": "stop"}, {"event": "remove"}])
def test_h6_h14_a_job_that_is_stopped_in_any_way_does_not_run_and_what_was_due_is_not_made_up_for(
    how: dict[str, str],
) -> None:
    of = agenda(job("a", {**MINUTELY, **how}), job("b", MINUTELY))
    first = wanted(of, NOW + 300)
    assert first is not None
    assert first.job_id == "b"
    assert of.take(NOW + 300) is None
    assert of.put(job("a", MINUTELY), NOW + 310) == "scheduled"
    assert of.take(NOW + 310) is None
    again = of.take(NOW + 360)
    assert again is not None
    assert again.missed is None


def test_a_stopped_job_is_noted_once() -> None:
    of = agenda()
    stopped = job("a", {**MINUTELY, "event": "stop", "status": "scheduled"})
    assert of.put(stopped, NOW) == "stop"
    assert of.put(stopped, NOW) is None
    assert of.put(job("a", {**MINUTELY, "event": "", "status": "stop"}), NOW) is None


def test_each_event_that_asks_a_job_to_stop_is_answered_though_no_answer_was_seen_between() -> None:
    of = agenda()
    assert of.put(job("a", {**MINUTELY, "event": "stop"}, event_number=1), NOW) == "stop"
    assert of.put(job("a", {**MINUTELY, "event": "start"}, event_number=2), NOW) is None
    assert of.put(job("a", {**MINUTELY, "event": "stop"}, event_number=3), NOW) == "stop"


def test_a_job_that_was_busy_when_it_was_asked_to_stop_answers_once_it_is_not() -> None:
    asked = job("a", {**MINUTELY, "event": "start"}, event_number=1)
    stopped = job("a", {**MINUTELY, "event": "stop"}, event_number=2)
    refused, ran = agenda(asked), agenda(asked)
    found = refused.take(NOW)
    assert found is not None
    assert found.wanted is not None
    assert wanted(ran, NOW) is not None
    for of in (refused, ran):
        assert of.put(stopped, NOW) is None
        assert of.unanswered("a") is None  # the end of its run may answer
    refused.refused(found.wanted, "not_asked", NOW)
    ran.ended("a", NOW)
    for of in (refused, ran):
        assert of.unanswered("a") == "stop"
        assert of.unanswered("a") is None


def test_a_job_without_a_further_time_is_noted_as_completed() -> None:
    past = {"schedule_date": "2020-01-01T00:00:00", "time_created": NOW}
    assert agenda().put(job("a", past), NOW) == "completed"


def test_h4_a_date_is_made_up_for_however_late() -> None:
    of = agenda(job("a", {"schedule_date": "2026-11-21T10:00:00", "time_created": NOW - 10 * 86_400}))
    found = wanted(of, NOW + 30 * 86_400)
    assert found is not None
    assert found.cause == "schedule"


def test_outside_of_the_window_nothing_begins_and_what_waits_begins_when_it_opens() -> None:
    day = NOW - NOW % 86_400 + 86_400
    weekly = {"schedule_interval": "1 weeks", "schedule_start_date": _text(day + 2 * 3600), "time_created": day}
    of = agenda(job("a", {**weekly, "schedule_window": "01:00-03:00"}), now=day)
    assert of.next() == day + 2 * 3600
    assert of.take(day + 4 * 3600) is None  # too late for today
    assert of.next() == day + 25 * 3600
    found = wanted(of, day + 25 * 3600)
    assert found is not None
    assert found.number == day + 2 * 3600


def test_what_was_missed_within_the_window_begins_at_once() -> None:
    day = NOW - NOW % 86_400 + 86_400
    weekly = {"schedule_interval": "1 weeks", "schedule_start_date": _text(day + 2 * 3600), "time_created": day}
    of = agenda(job("a", {**weekly, "schedule_window": "01:00-03:00"}), now=day + 9000)
    assert of.next() == day + 2 * 3600
    assert wanted(of, day + 9000) is not None


def test_a_schedule_that_changes_counts_from_then_on() -> None:
    of = agenda(job("a", MINUTELY))
    of.put(job("a", {"schedule_hour": "*", "schedule_minute": "*/7", "time_created": NOW}), NOW + 3000)
    assert of.take(NOW + 3000) is None
    assert of.next() == due(job("a", {"schedule_hour": "*", "schedule_minute": "*/7", "time_created": NOW}), NOW + 3000)


def test_a_date_that_passed_on_its_way_here_still_counts() -> None:
    of = agenda(job("a", {"schedule_date": "2030-01-01T00:00:00", "time_created": NOW}))
    of.put(job("a", {"schedule_date": "2026-11-21T10:54:05Z", "time_created": NOW}), 1_795_258_460)
    assert wanted(of, 1_795_258_460) is not None


def test_h8_a_schedule_that_means_nothing_leaves_out_that_job_alone(caplog: pytest.LogCaptureFixture) -> None:
    of = agenda(job("bad", {"schedule_interval": "5 lightyears", "time_created": NOW}), job("a", MINUTELY))
    assert "job bad is left out" in caplog.text
    assert wanted(of, NOW + 60) is not None


def test_refusals_that_may_change_are_asked_again_and_others_count() -> None:
    of = agenda(job("a", MINUTELY))
    found = of.take(NOW + 60)
    assert found is not None
    assert found.wanted is not None
    assert of.refused(found.wanted, "paused", NOW + 60) is None
    assert of.next() == NOW + 120
    found = of.take(NOW + 120)
    assert found is not None
    assert found.wanted is not None
    known = of.refused(found.wanted, "held", NOW + 120)
    assert known is not None
    assert known.dealt == NOW + 120
    assert of.next() == NOW + 180


def test_a_refusal_without_a_reason_loses_no_run() -> None:
    """It may be a proxy's, while the API behind it is away."""
    of = agenda(job("a", {"time_created": NOW}))
    found = of.take(NOW + 1)
    assert found is not None
    assert found.wanted is not None
    assert of.refused(found.wanted, "unknown", NOW + 1) is None
    assert of.next() == NOW + 301
    assert wanted(of, NOW + 301) == found.wanted


def test_of_more_instants_than_are_counted_at_once_none_is_left_out() -> None:
    of = agenda(job("a", MINUTELY))
    now, total, begun = NOW + 60 * 100_003, 0, None
    while begun is None:
        found = of.take(now)
        assert found is not None
        total += found.missed.count if found.missed is not None else 0
        begun = found.wanted
    assert (total, begun.number) == (100_002, now)


def test_what_somebody_left_is_wanted_beside_the_schedule() -> None:
    of = agenda(job("a", MINUTELY))
    left = Wanted(job("a", MINUTELY), "session", 3)
    of.want(left, NOW)
    assert wanted(of, NOW) == left
    of.ended("a", NOW + 1)
    assert of.take(NOW + 1) is None


def test_one_who_asks_again_for_what_runs_has_to_wait() -> None:
    of = agenda(job("a", MINUTELY))
    of.adopted("a")
    of.put(job("a", {**MINUTELY, "event": "start"}, event_number=1), NOW)
    assert of.take(NOW + 600) is None
    of.ended("a", NOW + 601)
    found = wanted(of, NOW + 601)
    assert found is not None
    assert found.cause == "event"


SCHEDULES = st.one_of(
    st.integers(1, 400).map(lambda count: {"schedule_interval": f"{count} minutes"}),
    st.integers(1, 30).map(lambda count: {"schedule_hour": "*", "schedule_minute": f"*/{count}"}),
    st.tuples(st.integers(0, 23), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"])).map(
        lambda told: {"schedule_hour": str(told[0]), "schedule_timezone": told[1], "schedule_jitter": "20 minutes"}
    ),
    st.integers(0, 86_400).map(lambda put_off: {"schedule_date": _text(NOW + put_off)}),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["wait", "restart", "run long", "back"]), st.integers(1, 40_000)), min_size=1, max_size=12
)


def _text(seconds: int) -> str:
    from freezer.clock import utc_text

    return utc_text(seconds)


@given(schedule=SCHEDULES, steps=STEPS)
@settings(max_examples=150, deadline=None)
def test_h3_every_instant_is_executed_once_or_missed_once_whatever_the_daemon_and_the_clock_do(
    schedule: dict[str, str], steps: list[tuple[str, int]]
) -> None:
    """The clock goes on, is put back by less than an hour, the daemon is restarted; instants until the last look are
    executed or missed, none of them twice, and the newest is never lost while it may still be made up for."""
    it = job("a", {**schedule, "time_created": NOW})
    now = latest = float(NOW)
    known: dict[str, Known] = {}
    of = agenda(it, now=now)
    executed: list[int] = []
    missed: list[int] = []
    for what, length in steps:
        if what == "back":
            now -= length % 3000
            of.put_back(now)
        elif what == "restart":
            of = agenda(it, now=now, known=known)
        while (found := of.take(now)) is not None:
            _count(found, executed, missed)
            known["a"] = found.known
            if found.wanted is not None:
                known["a"] = of.begun(found.wanted, now)
                if what == "run long":
                    now += length
                latest = max(latest, now)
                of.ended("a", now)
        now += length if what == "wait" else 1
        latest = max(latest, now)
    of = agenda(it, now=now, known=known)
    while (found := of.take(now)) is not None:
        _count(found, executed, missed)
        if found.wanted is not None:
            of.begun(found.wanted, now)
            of.ended("a", now)
    all_instants = []
    following = due(it, NOW - 1)
    while following is not None and following <= now:
        all_instants.append(following)
        following = due(it, following)
    dealt = sorted([*executed, *missed])
    assert dealt == sorted(set(dealt))
    assert [each for each in dealt if each <= now] == all_instants
    assert all(each <= latest for each in dealt)


def _count(found: Found, executed: list[int], missed: list[int]) -> None:
    if found.missed is not None:
        each: int | None = found.missed.first
        count = 0
        while each is not None and each <= found.missed.last:
            missed.append(each)
            count += 1
            each = due(found.job, each)
        assert count == found.missed.count
    if found.wanted is not None:
        executed.append(found.wanted.number)
