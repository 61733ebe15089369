"""More connections beside the first, where one cannot fill the line.

``ssh`` lets 2 MiB be on their way per connection and direction, so a connection carries no more than that per round
trip: 40 MB/s at 50 ms, however wide the line is.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress

from freezer.errors import StorageError
from freezer.storage.ssh.session import Session

_EACH = 0.008  # seconds of round trip for which one more connection is worth it
MOST = 8


def wanted(round_trip: float) -> int:
    """How many connections fill a line with this round trip, in seconds."""
    return min(MOST, 1 + int(round_trip / _EACH))


class Lanes:
    """``connect`` makes a connection. They are made all at once, each in a thread, as soon as somebody could use them;
    those that fail are done without, for the server may not admit so many, and those that are lost are made anew.
    Safe for several threads."""

    def __init__(self, connect: Callable[[], Session]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._more: list[Session] = []
        self._openers: list[threading.Thread] = []
        self._turn = itertools.count()

    def all(self, first: Session) -> list[Session]:
        """``first`` and what there is beside it."""
        count = wanted(first.channel.round_trip)
        with self._lock:
            lost = [each for each in self._more if not each.alive]
            self._more = [each for each in self._more if each.alive]
            for old in lost if self._openers else [None] * (count - 1):
                opener = threading.Thread(target=self._open, args=(old,), name="ssh-lane", daemon=True)
                self._openers.append(opener)
                opener.start()
            return [first, *self._more]

    def next(self, first: Session) -> Session:
        """One of them, in turn."""
        lanes = self.all(first)
        return lanes[next(self._turn) % len(lanes)]

    def close(self) -> None:
        """Release those beside the first; others may be made later."""
        for opener in self._openers:
            opener.join()
        with self._lock:
            more, self._more, self._openers = self._more, [], []
        closers = [threading.Thread(target=each.close, name="ssh-lane", daemon=True) for each in more]
        for closer in closers:  # for each of them says good-bye, which takes a round trip
            closer.start()
        for closer in closers:
            closer.join()

    def _open(self, in_place_of: Session | None) -> None:
        if in_place_of is not None:
            in_place_of.close()
        with suppress(StorageError):
            session = self._connect()
            with self._lock:
                self._more.append(session)
