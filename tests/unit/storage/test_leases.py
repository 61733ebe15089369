"""Keeping others from a name without locks: whoever lives is left alone, whoever is dead stands in nobody's way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import pytest

from freezer.clock import SystemClock
from freezer.errors import BusyError
from freezer.storage.files import lease
from freezer.storage.files.lease import Leases


class SharedBoard:
    """A folder of markers that several processes would see."""

    def __init__(self) -> None:
        self.sizes: dict[bytes, int] = {}
        self.made = 0

    def markers(self, prefix: bytes) -> Iterable[tuple[bytes, int]]:
        return [(name, size) for name, size in list(self.sizes.items()) if name.startswith(prefix)]

    def create(self, marker: bytes) -> None:
        self.made += 1
        self.sizes[marker] = 0

    def grow(self, marker: bytes, size: int) -> None:
        if marker not in self.sizes:
            raise FileNotFoundError(marker)
        self.sizes[marker] = size + 1

    def remove(self, marker: bytes) -> None:
        if self.sizes.pop(marker, None) is None:
            raise FileNotFoundError(marker)


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    for name, seconds in {"BEAT": 0.02, "PATIENCE": 0.4, "_LOOK": 0.01}.items():
        monkeypatch.setattr(lease, name, seconds)


@pytest.fixture
def board():
    return SharedBoard()


@pytest.fixture
def ours(board):
    return Leases(board, SystemClock())


@pytest.fixture
def theirs(board):
    return Leases(board, SystemClock())


def marker_of(leases: Leases) -> bytes:
    with leases.hold("set", "the set", shared=False):
        (marker,) = leases.markers
        return marker


def test_one_holder_keeps_all_others_out_until_he_lets_go(board, ours, theirs):
    with ours.hold("set", "the set", shared=False):
        for shared in (True, False):
            with pytest.raises(BusyError, match="the set: another"), theirs.hold("set", "the set", shared=shared):
                pass
        with theirs.hold("another set", "another", shared=False):
            pass
    with theirs.hold("set", "the set", shared=False):
        pass
    assert board.sizes == {}


def test_those_who_share_exclude_only_those_who_do_not(ours, theirs, board):
    third = Leases(board, SystemClock())
    with (
        ours.hold("set", "the set", shared=True),
        theirs.hold("set", "the set", shared=True),
        pytest.raises(BusyError),
        third.hold("set", "the set", shared=False),
    ):
        pass


@pytest.mark.parametrize("order", [b"!", b"~"])
def test_one_who_announced_himself_and_died_is_cleared_away_wherever_his_name_stands(board, ours, order):
    dead = marker_of(ours).rpartition(b"-")[0] + b"-" + order
    board.sizes[dead] = 0
    with ours.hold("set", "the set", shared=False):
        assert dead not in board.sizes
    assert board.sizes == {}


def test_many_dead_take_no_longer_than_one(board, ours):
    marker = marker_of(ours)
    board.sizes |= {marker + b"%d" % number: 5 for number in range(200)}
    began = time.monotonic()
    with ours.hold("set", "the set", shared=False):
        assert len(board.sizes) == 1
    assert time.monotonic() - began < 100 * lease.PATIENCE


def test_a_byte_that_arrives_after_its_writer_died_is_no_life(board, ours):
    marker = marker_of(ours)
    board.sizes[marker] = 3
    late = threading.Timer(0.1, lambda: board.grow(marker, 3))
    late.start()
    with ours.hold("set", "the set", shared=False):
        assert marker not in board.sizes
    late.join()


def test_of_two_who_come_at_once_one_gets_it_and_the_other_gives_way_and_tries_again(board, ours, monkeypatch):
    """One who has announced himself and goes first stands there for a while, then enters."""
    rival = marker_of(ours).rpartition(b"-")[0] + b"-!"
    board.made = 0
    over = threading.Event()

    def enter() -> None:
        board.grow(rival, 0)
        while not over.wait(lease.BEAT):
            board.grow(rival, board.sizes[rival])

    board.sizes[rival] = 0
    entering = threading.Timer(0.1, enter)
    entering.start()
    with pytest.raises(BusyError), ours.hold("set", "the set", shared=False):
        pass
    over.set()
    entering.join()
    assert board.made >= 2
    assert set(board.sizes) == {rival}


def test_many_at_once_hold_it_one_after_the_other(board):
    inside: list[int] = []
    most, done = 0, 0
    lock = threading.Lock()

    def work(number: int) -> None:
        nonlocal most, done
        leases = Leases(board, SystemClock())
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                with leases.hold("set", "the set", shared=False):
                    with lock:
                        inside.append(number)
                        most = max(most, len(inside))
                    time.sleep(0.05)
                    with lock:
                        inside.remove(number)
                        done += 1
                    return
            except BusyError:
                time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (1, 4)
    assert board.sizes == {}
