"""Rounds of ten nodes with a barrier, and something that befalls some of them: always an end, none stuck, nothing held
still for ever, and what was stored was stored while all held still."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from support.members import FAILURES, PHASES, Failure, Member, Phase, go_through, members
from support.rounds import DAY, START, Group, group
from support.sweeps import Trials

_NODES = 10


def test_without_a_failure_all_are_stored_at_one_time_and_the_spread_is_shown(tmp_path: Path) -> None:
    ten = group(tmp_path, _NODES, barrier=60)
    with members(ten, tmp_path) as nodes:
        go_through(nodes)
        assert [each.outcome.state if each.outcome else None for each in nodes] == ["success"] * _NODES
        _check_one_point_in_time(nodes)
    shown = ten.shown()
    assert (shown["status"], shown["result"], shown["round"]["state"]) == ("completed", "success", "released")
    held = [each["held_at"] for each in shown["jobs"].values()]
    assert shown["round"]["spread"] == pytest.approx(max(held) - min(held), abs=0.002)
    assert {each["phase"] for each in shown["jobs"].values()} == {"passed"}


@pytest.mark.slow
def test_whatever_befalls_nodes_their_round_comes_to_an_end(
    tmp_path: Path, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    plans = [(phase, failure) for phase in PHASES for failure in FAILURES]
    chance.shuffle(plans)
    for number in range(trials(len(PHASES), 200)):
        phase, failure = plans[number % len(plans)]
        (folder := tmp_path / str(number)).mkdir()
        counted[_trial(folder, phase, failure, chance)] += 1


def _trial(folder: Path, phase: Phase, failure: Failure, chance: random.Random) -> str:
    """One round in which that befalls a node, and perhaps something else another; what it came to."""
    ten = group(folder, _NODES, barrier=60)
    with members(ten, folder) as nodes:
        hit = chance.sample(nodes, 1 if chance.random() < 0.7 else 2)
        hit[0].plan = (phase, failure)
        for other in hit[1:]:
            other.plan = (chance.choice(PHASES), chance.choice(FAILURES))

        def time_passes() -> None:
            if any(each.befell.is_set() for each in hit):
                ten.clock.advance(5)

        go_through(nodes, meanwhile=time_passes)
        _check_one_point_in_time(nodes)
        _come_to_an_end(ten)
        shown = ten.shown()
        assert shown["status"] == "completed"
        assert {each["status"] for each in shown["jobs"].values()} == {"completed"}
        assert shown["result"] == ("success" if _all_went_well(nodes, shown) else "fail")
        for each in hit:  # whoever is there again tells what it has to tell, which changes nothing about the round
            each.line.away = False
            each.leases.delivery.deliver()
        again = ten.shown()
        assert (again["status"], again["result"]) == ("completed", shown["result"])
        _check_the_next_round_begins(ten)
        return f"{phase}, {failure}"


def _all_went_well(nodes: list[Member], shown: dict[str, object]) -> bool:
    members = shown["jobs"]
    assert isinstance(members, dict)
    return all(members[each.job]["result"] == "success" for each in nodes)


def _check_one_point_in_time(nodes: list[Member]) -> None:
    assert {len(each.still) for each in nodes} <= {0, 2}, "somebody still holds still"
    stored = [each.stored[0] for each in nodes if each.stored]
    if stored:
        assert all(each.still for each in nodes), "stored although not all held still"
        assert max(each.still[0] for each in nodes) <= min(stored)


def _come_to_an_end(ten: Group) -> None:
    """The housekeeper looks, now and when silence is noticed."""
    ten.clock.advance(61)
    ten.housekeep()
    ten.clock.advance(1801)
    ten.housekeep()


def _check_the_next_round_begins(ten: Group) -> None:
    assert ten.start(ten.jobs[0], START + DAY)["result"] == "success"
    shown = ten.shown()
    assert (shown["session_tag"], shown["status"], shown["round"]["state"]) == (2, "running", "gathering")
