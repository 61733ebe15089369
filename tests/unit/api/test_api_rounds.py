"""Rounds of sessions, as schedulers that claim their runs go through them, and how those with dead members end."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.rounds import DAILY, DAY, START, Group, group


@pytest.fixture
def pair(tmp_path: Path) -> Group:
    return group(tmp_path)


def test_whoever_starts_for_an_instant_first_begins_the_round_and_the_others_join_it_however_late(pair: Group) -> None:
    first, second = pair.jobs
    assert pair.start(first, START) == {"result": "success", "session_tag": 1}
    pair.clock.advance(3600)  # far behind the hold-off
    assert pair.start(second, START) == {"result": "success", "session_tag": 1}
    assert pair.start(first, START) == {"result": "success", "session_tag": 1}  # asked again after a crash
    assert pair.start(second, START + DAY, 1) == {"result": "success", "session_tag": 2}
    assert pair.start(first, START, 1) == {"result": "out-of-sync", "session_tag": 2}
    assert pair.shown()["session_tag"] == 2


def test_instants_within_the_hold_off_are_one_round(pair: Group) -> None:
    first, second = pair.jobs
    assert pair.start(first, START + 40)["session_tag"] == 1
    assert pair.start(second, START)["session_tag"] == 1
    assert pair.start(second, START + 100)["session_tag"] == 1
    assert pair.start(second, START + 101)["session_tag"] == 2


def test_a_claimed_run_has_begun_and_one_that_is_over_has_ended_without_another_word(pair: Group) -> None:
    runs = pair.begin()
    assert [each["status"] for each in pair.shown()["jobs"].values()] == ["running", "running"]
    assert [pair.job(job)["session_tag"] for job in pair.jobs] == [1, 1]
    pair.told(runs[1], state="partial")
    assert pair.outcome() == ("running", "")
    pair.told(runs[0], state="success")
    assert pair.outcome() == ("completed", "success")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_member_that_fails_is_a_round_that_failed_in_whatever_order_they_end(pair: Group, order: list[int]) -> None:
    runs, states = pair.begin(), ("failed", "success")
    for number in order:
        pair.told(runs[number], state=states[number])
    assert pair.outcome() == ("completed", "fail")
    assert pair.results() == ["fail", "success"]
    again = pair.begin(START + DAY)
    assert pair.outcome() == ("running", "")
    for run in again:
        pair.told(run, state="success")
    assert pair.outcome() == ("completed", "success")


def test_a_run_that_is_given_back_is_still_a_part_of_its_round(pair: Group) -> None:
    first, second = pair.begin()
    pair.told(first, state="waiting", retry_after=0)
    pair.told(second, state="success")
    assert pair.outcome() == ("running", "")
    again = pair.claim(pair.jobs[0], 1)
    assert (again["run_id"], again["fence"]) == (first["run_id"], 2)
    pair.told(again, state="success")
    assert pair.outcome() == ("completed", "success")


def test_a_round_that_is_over_cannot_be_claimed_and_the_next_one_not_before_it_begins(pair: Group) -> None:
    job, _ = pair.jobs
    pair.start(job, START)
    assert pair.ask(job, 2).status == 400
    pair.start(job, START + DAY, 1)
    answer = pair.ask(job, 1)
    assert (answer.status, answer.json()["reason"]) == (409, "over")
    stranger = pair.person.job("node0", job_schedule=DAILY)
    assert pair.ask(stranger, 2).status == 422


def test_a_start_by_the_originals_rules_joins_a_round_of_ours_and_the_other_way_round(pair: Group) -> None:
    first, second = pair.jobs
    pair.start(first, START)
    assert pair.act("start", job_id=second, current_tag=0).json() == {"result": "success", "session_tag": 1}
    assert pair.act("start", job_id=second, current_tag=1).json() == {"result": "hold-off", "session_tag": 1}
    pair.clock.advance(DAY)
    assert pair.act("start", job_id=second, current_tag=0).json() == {"result": "out-of-sync", "session_tag": 1}
    assert pair.act("start", job_id=second, current_tag=1).json() == {"result": "success", "session_tag": 2}
    assert pair.start(first, START + DAY, 1) == {"result": "success", "session_tag": 2}


def test_a_job_that_is_asked_to_start_has_been_when_its_part_in_the_round_begins(pair: Group) -> None:
    job, _ = pair.jobs
    pair.person.send("POST", f"/jobs/{job}/event", {"start": None})
    assert pair.job(job)["job_schedule"]["event"] == "start"
    pair.claim(job, pair.start(job, START)["session_tag"])
    assert pair.job(job)["job_schedule"]["event"] == ""


def test_what_is_paused_or_stopped_is_not_waited_for(tmp_path: Path) -> None:
    trio = group(tmp_path, 3, barrier=60)
    trio.person.send("PUT", f"/pauses/jobs/{trio.jobs[1]}", {"reason": "broken disk"})
    trio.person.send("PATCH", f"/jobs/{trio.jobs[2]}", {"job_schedule": {"status": "stop"}})
    refused = trio.act("start", job_id=trio.jobs[1], current_tag=0, due=START)
    assert (refused.status, refused.json()["reason"]) == (409, "paused")
    run = trio.claim(trio.jobs[0], trio.start(trio.jobs[0], START)["session_tag"])
    assert trio.results() == ["", "skipped", "skipped"]
    assert trio.at_barrier(trio.jobs[0], "begun")["result"] == "preparing"
    assert trio.at_barrier(trio.jobs[0], "ready")["result"] == "released"
    trio.told(run, state="success")
    assert trio.outcome() == ("completed", "success")


def test_an_instant_that_is_to_be_left_out_starts_no_round(pair: Group) -> None:
    job, _ = pair.jobs
    due = pair.person.send("POST", f"/jobs/{job}/skip").json()["skipped"]
    answer = pair.act("start", job_id=job, current_tag=0, due=due)
    assert (answer.status, answer.json()["reason"]) == (409, "skipped")
    assert pair.shown()["session_tag"] == 0


def test_a_round_ends_although_a_member_never_began(pair: Group) -> None:
    run, _ = pair.begin()
    pair.start(pair.jobs[0], START + DAY, 1)
    pair.told(run, state="success")  # of the round before: says nothing of this one
    pair.told(pair.claim(pair.jobs[0], 2), state="success")
    assert pair.outcome() == ("running", "")
    pair.clock.advance(1801)
    for client in ("node0", "node1"):
        pair.person.send("PUT", f"/clients/{client}/health", {})
    assert pair.housekeep()["dead members of sessions"] == 1
    assert (pair.outcome(), pair.results()) == (("completed", "fail"), ["success", "fail"])


def test_a_round_ends_when_its_time_is_up_and_what_ends_later_says_so_of_its_run_alone(tmp_path: Path) -> None:
    pair = group(tmp_path, time_limit=7200)
    first, second = pair.begin()
    pair.told(first, state="success")
    for _ in range(4):
        pair.clock.advance(1801)
        pair.person.send("PUT", "/clients/node1/health", {})
    pair.housekeep()
    assert (pair.outcome(), pair.results()) == (("completed", "fail"), ["success", "fail"])
    assert pair.told(second, state="success")["state"] == "success"
    assert (pair.outcome(), pair.results()) == (("completed", "fail"), ["success", "fail"])


def test_intervals_of_all_members_count_from_when_their_session_was_made(tmp_path: Path) -> None:
    pair = group(tmp_path, schedule={"schedule_interval": "8 hours"})
    pair.clock.advance(5000)
    late = pair.person.job("node0")
    assert pair.person.send("PUT", f"/sessions/{pair.id}/jobs/{late}").status == 204
    assert {pair.job(job)["job_schedule"]["time_created"] for job in (*pair.jobs, late)} == {START}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"barrier": 0}, "barrier must lie between 1"),
        ({"barrier": 3601}, "barrier is at most 3600 seconds"),
        ({"barrier": "60"}, "not of type 'integer'"),
        ({"time_limit": 5}, "time_limit must lie between 60"),
    ],
)
def test_options_of_a_session_that_mean_nothing_are_refused(pair: Group, wrong: object, told: str) -> None:
    answer = pair.person.send("PATCH", f"/sessions/{pair.id}", wrong)
    assert answer.status == 400
    assert told in answer.json()["description"]


def test_a_barrier_can_be_set_changed_and_taken_away(pair: Group) -> None:
    assert "barrier" not in pair.shown()
    for wanted in (60, 90):
        assert pair.person.send("PATCH", f"/sessions/{pair.id}", {"barrier": wanted}).status == 200
        assert pair.shown()["barrier"] == wanted
    assert pair.start(pair.jobs[0], START) == {"result": "success", "session_tag": 1, "barrier": 90}
    assert pair.person.send("PATCH", f"/sessions/{pair.id}", {"barrier": None}).status == 200
    assert "barrier" not in pair.shown()
