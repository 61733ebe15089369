"""Barriers of sessions: all ready, then released; or broken, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.rounds import DAY, START, Group, group


@pytest.fixture
def trio(tmp_path: Path) -> Group:
    made = group(tmp_path, 3, barrier=60)
    assert made.start(made.jobs[0], START)["barrier"] == 60
    return made


def test_nobody_is_to_hold_still_before_all_have_begun(trio: Group) -> None:
    one, two, three = trio.jobs
    for job in (one, two):
        trio.claim(job, 1)
        assert trio.at_barrier(job, "begun")["result"] == "gathering"
    trio.claim(three, 1)
    answer = trio.at_barrier(one, "begun")
    assert (answer["result"], answer["session_tag"]) == ("preparing", 1)
    assert 0 < answer["again"] <= 1


def test_all_are_released_when_the_last_is_ready_and_the_spread_is_of_when_they_really_held_still(trio: Group) -> None:
    trio.begin()
    one, two, three = trio.jobs
    assert trio.at_barrier(one, "ready", 1.5)["result"] == "preparing"
    assert trio.at_barrier(one, "ready", 1.5)["result"] == "preparing"
    trio.clock.advance(2)
    assert trio.at_barrier(two, "ready", 0.25)["result"] == "preparing"
    assert trio.at_barrier(three, "ready")["result"] == "released"
    assert trio.at_barrier(one, "ready", 3.5)["result"] == "released"
    shown = trio.shown()
    assert shown["round"] == {"state": "released", "reason": "", "released_at": START + 2.0, "spread": 3.5}
    trio.clock.advance(1)
    trio.at_barrier(one, "passed", 0.5)
    member = trio.shown()["jobs"][one]
    assert (member["phase"], member["held_at"], member["let_go_at"]) == ("passed", START - 1.5, START + 2.5)


def test_a_member_that_fails_before_all_are_ready_breaks_the_barrier_at_once(trio: Group) -> None:
    runs = trio.begin()
    trio.at_barrier(trio.jobs[0], "ready")
    trio.told(runs[1], state="failed")
    answer = trio.at_barrier(trio.jobs[0], "ready")
    assert (answer["result"], answer["reason"]) == ("broken", f"job {trio.jobs[1]} ended before all were ready")
    for run in (runs[0], runs[2]):
        trio.told(run, state="success")
    assert trio.outcome() == ("completed", "fail")


def test_one_that_fails_after_the_release_lets_the_others_go_on_and_the_round_fail(trio: Group) -> None:
    runs = trio.begin()
    for job in trio.jobs:
        trio.at_barrier(job, "ready")
    trio.told(runs[1], state="failed")
    assert trio.at_barrier(trio.jobs[0], "ready")["result"] == "released"
    for run in (runs[0], runs[2]):
        trio.told(run, state="success")
    assert (trio.outcome(), trio.results()) == (("completed", "fail"), ["success", "fail", "success"])


def test_those_who_do_not_begin_in_time_are_named(trio: Group) -> None:
    trio.claim(trio.jobs[0], 1)
    trio.clock.advance(90)
    assert trio.at_barrier(trio.jobs[0], "begun")["result"] == "gathering"
    trio.clock.advance(1)
    answer = trio.at_barrier(trio.jobs[0], "begun")
    assert (answer["result"], answer["reason"]) == (
        "broken",
        f"jobs {trio.jobs[1]}, {trio.jobs[2]} did not begin in time",
    )


def test_a_release_after_the_first_has_let_go_is_none(trio: Group) -> None:
    trio.begin()
    trio.at_barrier(trio.jobs[0], "ready")
    trio.at_barrier(trio.jobs[1], "ready")
    trio.clock.advance(61)
    answer = trio.at_barrier(trio.jobs[2], "ready")
    assert (answer["result"], answer["reason"]) == ("broken", "not all held still in time")


def test_a_member_that_says_that_it_has_let_go_breaks_the_barrier_for_those_who_wait(trio: Group) -> None:
    trio.begin()
    trio.at_barrier(trio.jobs[0], "ready")
    trio.at_barrier(trio.jobs[0], "late")
    answer = trio.at_barrier(trio.jobs[1], "ready")
    assert answer["result"] == "broken"
    assert "let go" in answer["reason"]


def test_a_member_that_begins_again_after_its_part_is_over_gets_no_barrier(trio: Group) -> None:
    runs = trio.begin()
    for job in trio.jobs:
        trio.at_barrier(job, "ready")
    trio.told(runs[0], state="failed")
    assert trio.at_barrier(trio.jobs[0], "ready")["result"] == "broken"


def test_another_attempt_after_one_was_ready_is_another_point_in_time(trio: Group) -> None:
    trio.begin()
    one, two, three = trio.jobs
    assert trio.at_barrier(one, "ready", attempt="0.1.1.0")["result"] == "preparing"
    again = trio.at_barrier(one, "ready", attempt="0.1.1.1")
    assert (again["result"], again["reason"]) == ("broken", "this job was ready before, at another point in time")
    trio.at_barrier(two, "ready")
    assert trio.at_barrier(three, "ready")["result"] == "released"
    assert trio.at_barrier(one, "ready", attempt="0.1.1.0")["result"] == "released"


def test_the_barrier_of_a_round_is_nothing_to_the_next(trio: Group) -> None:
    trio.begin()
    for job in trio.jobs:
        trio.at_barrier(job, "ready")
    trio.start(trio.jobs[0], START + DAY, 1)
    old = trio.at_barrier(trio.jobs[1], "ready")
    assert (old["result"], old["reason"]) == ("broken", "round 2 of the session has begun")
    shown = trio.shown()
    assert shown["round"] == {"state": "gathering", "reason": "", "released_at": None, "spread": None}
    assert not any({"phase", "held_at", "let_go_at"} & each.keys() for each in shown["jobs"].values())
    assert trio.at_barrier(trio.jobs[1], "begun", tag=2)["result"] == "gathering"


def test_a_session_without_a_barrier_stops_nobody(tmp_path: Path) -> None:
    pair = group(tmp_path)
    pair.begin()
    assert pair.at_barrier(pair.jobs[0], "ready")["result"] == "released"
    assert "round" not in pair.shown()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"phase": "asleep"}, "'asleep' is not one of begun, ready, passed, late"),
        ({"age": -1}, "age is a number of seconds"),
        ({"age": "0"}, "age is a number of seconds"),
        ({"session_tag": 0}, "session_tag must lie between 1"),
        ({"session_tag": 9}, "requested tag value too high"),
        ({"job_id": "nobody"}, "job_id not found in session"),
    ],
)
def test_what_means_nothing_at_a_barrier_is_refused(trio: Group, wrong: dict[str, object], told: str) -> None:
    document = {"job_id": trio.jobs[0], "session_tag": 1, "phase": "begun", **wrong}
    answer = trio.act("barrier", **document)
    assert answer.status == 400
    assert told in answer.json()["description"]
