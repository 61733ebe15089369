"""Projects take turns."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from freezer.scheduler.pool.turns import Turns

_WAITING = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 5)), max_size=60)


def _all(turns: Turns[int]) -> list[tuple[str, int]]:
    taken = []
    while (turn := turns.take()) is not None:
        turns.ended(turn.project)
        taken.append((turn.project, turn.item))
    return taken


def test_one_run_of_a_project_is_not_kept_back_by_ten_thousand_of_another() -> None:
    turns: Turns[int] = Turns()
    for number in range(10_000):
        turns.put("big", number, number)
    turns.take()
    turns.put("small", 99_999_999, -1)
    assert turns.take() == ("small", -1)


def test_a_project_that_has_less_under_way_is_next() -> None:
    turns: Turns[int] = Turns()
    for number in range(4):
        turns.put("big", 0, number)
    first, second = turns.take(), turns.take()
    assert first is not None
    assert second is not None
    turns.put("small", 9, 100)
    turns.put("small", 9, 101)
    assert [turn.project for _ in range(3) if (turn := turns.take())] == ["small", "small", "big"]


def test_within_a_project_what_was_due_first_is_first_and_equals_keep_their_order() -> None:
    turns: Turns[int] = Turns()
    for urgency, item in ((7, 1), (3, 2), (3, 3), (5, 4)):
        turns.put("one", urgency, item)
    assert _all(turns) == [("one", 2), ("one", 3), ("one", 4), ("one", 1)]


def test_no_more_of_a_project_is_under_way_than_is_allowed() -> None:
    turns: Turns[int] = Turns(most=2)
    for number in range(3):
        turns.put("one", 0, number)
    assert turns.take() is not None
    assert turns.take() is not None
    assert turns.take() is None
    assert len(turns) == 1
    turns.ended("one")
    assert turns.take() == ("one", 2)


@given(_WAITING)
def test_everything_is_taken_once(waiting: list[tuple[str, int]]) -> None:
    turns: Turns[int] = Turns()
    for number, (project, urgency) in enumerate(waiting):
        turns.put(project, urgency, number)
    assert len(turns) == len(waiting)
    assert sorted(turns) == list(range(len(waiting)))
    taken = _all(turns)
    assert Counter(taken) == Counter((project, number) for number, (project, _) in enumerate(waiting))
    assert len(turns) == 0


@given(_WAITING)
def test_nobody_is_served_twice_while_another_waits_for_its_first_turn(waiting: list[tuple[str, int]]) -> None:
    turns: Turns[int] = Turns()
    for number, (project, urgency) in enumerate(waiting):
        turns.put(project, urgency, number)
    projects = {project for project, _ in waiting}
    first = [project for project, _ in _all(turns)][: len(projects)]
    assert set(first) == projects
