"""Writers of one SQLite database take turns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from freezer.api.store.contract import Unavailable
from freezer.api.store.sql.turns import Turns, turns_at


def waiting(turns: Turns, count: int) -> None:
    """Return when so many wait."""
    while len(turns._queue) < count:
        threading.Event().wait(0.001)


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    turns, order, threads = Turns(), [], []

    def take(number: int) -> None:
        with turns.mine():
            order.append(number)

    with turns.mine():
        for number in range(20):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            waiting(turns, number + 1)
    for each in threads:
        each.join()
    assert order == list(range(20))


def test_one_at_a_time_whoever_fails_included() -> None:
    turns, inside = Turns(), []

    def take(number: int) -> int:
        with turns.mine():
            inside.append(number)
            seen = len(inside)
            if number % 7 == 0:
                inside.remove(number)
                raise ValueError(number)
            inside.remove(number)
        return seen

    def outcome(number: int) -> int:
        try:
            return take(number)
        except ValueError:
            return 1

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(outcome, range(2000))) == {1}


def test_who_waits_too_long_is_told_and_leaves_the_queue() -> None:
    turns = Turns()
    with turns.mine(), pytest.raises(Unavailable, match="the database is busy"), ThreadPoolExecutor(1) as pool:
        pool.submit(_take(turns)).result()
    assert not turns._queue
    with turns.mine(0.01):
        pass


def _take(turns: Turns) -> Callable[[], None]:
    def take() -> None:
        with turns.mine(0.01):
            pass

    return take


def test_stores_of_one_database_share_their_turns_as_long_as_there_are_any() -> None:
    first = turns_at("/var/lib/freezer/api.db")
    assert turns_at("/var/lib/freezer/api.db") is first
    assert turns_at("/elsewhere/api.db") is not first
