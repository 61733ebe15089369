"""Many small objects are read a few at a time, in order, and no more of them than somebody wants."""

from __future__ import annotations

import threading

import pytest

from freezer.repository.protocol.records import at_once


@pytest.mark.parametrize("count", [0, 1, 16, 17, 200])
def test_results_come_in_the_order_of_what_was_asked_for(count: int) -> None:
    assert list(at_once(lambda number: number * 2, range(count))) == [number * 2 for number in range(count)]


def test_several_are_under_way_at_the_same_time() -> None:
    together = threading.Barrier(4, timeout=60)
    assert list(at_once(lambda number: together.wait() >= 0 and number, range(20))) == list(range(20))


def test_no_more_are_read_than_are_taken_and_a_few() -> None:
    read: list[int] = []
    results = at_once(lambda number: read.append(number), range(1000))  # noqa: PLW0108
    for _ in range(10):
        next(results)
    results.close()
    assert len(read) < 60


def test_an_error_comes_where_its_result_would_have() -> None:
    def act(number: int) -> int:
        if number == 30:
            raise ValueError(number)
        return number

    seen: list[int] = []
    with pytest.raises(ValueError, match="30"):
        seen.extend(at_once(act, range(100)))
    assert seen == list(range(30))
