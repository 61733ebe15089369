"""Slow lines are no dead ones, and what is far away is asked for in good time."""

from __future__ import annotations

import threading

import msgspec
import pytest

from freezer import pace
from freezer.errors import TransientError
from freezer.pace import SLOWEST, Pace
from freezer.storage.ahead import read_ahead
from freezer.storage.contract import Capabilities
from freezer.testing.clock import FakeClock
from freezer.testing.faulty import Fault, FaultyStorage, Kind
from freezer.testing.memory import MemoryStorage

DATA = bytes(range(256)) * 10


@pytest.fixture
def clock(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(pace, "_CLOCK", clock)
    return clock


def test_silence_is_borne_for_as_long_as_the_limit_says(clock):
    limit = Pace(60.0)
    clock.advance(59.0)
    assert limit.left(0) == 1.0
    clock.advance(1.0)
    assert limit.left(0) <= 0


def test_a_slow_line_may_take_as_long_as_it_needs(clock):
    limit, moved = Pace(60.0), 0
    for _ in range(1000):
        clock.advance(10.0)
        moved += 20 * SLOWEST
        assert limit.left(moved) > 0


def test_what_was_quick_before_is_no_credit_for_a_line_that_dribbles(clock):
    limit, moved = Pace(60.0), 10**9
    limit.left(moved)
    seconds = 0
    while limit.left(moved) > 0:
        clock.advance(1.0)
        moved, seconds = moved + 1, seconds + 1
    assert seconds == 60


class Far(FaultyStorage):
    """Keeps so many calls waiting until all of them are there."""

    def __init__(self, ahead, faults=()):
        super().__init__(MemoryStorage(FakeClock()), faults)
        self.ahead = ahead
        self.together = threading.Barrier(ahead)

    @property
    def capabilities(self) -> Capabilities:
        return msgspec.structs.replace(super().capabilities, read_ahead=self.ahead)

    def get(self, name, offset=0, length=None):
        self.together.wait(60)
        return super().get(name, offset, length)


@pytest.mark.parametrize("ahead", [1, 4])
def test_pieces_come_in_their_order_and_so_many_are_on_their_way_at_once(ahead):
    storage = Far(ahead)
    storage.put("object", DATA)
    pieces = list(read_ahead(storage, "object", len(DATA), 320))
    assert b"".join(pieces) == DATA
    assert {len(piece) for piece in pieces} == {320}


def test_an_error_comes_where_its_piece_would(monkeypatch):
    storage = Far(2, [Fault(Kind.BEFORE, "get", at=1, times=2)])
    storage.put("object", DATA)
    with pytest.raises(TransientError):
        list(read_ahead(storage, "object", len(DATA), len(DATA) // 2))
