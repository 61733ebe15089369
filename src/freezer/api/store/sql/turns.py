"""Who writes next: threads that want the same SQLite database, in the order in which they came.

SQLite lets one transaction write at a time, and whoever finds it taken sleeps and tries again, ever more seldom: under
load some are always too late. Those of one process need not try; the processes that share a file still do.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from freezer.api.store.contract import Unavailable

_LONGEST_WAIT = 30.0


class Turns:
    """A lock that passes to whoever has waited longest."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._queue: deque[threading.Lock] = deque()

    @contextmanager
    def mine(self, seconds: float = _LONGEST_WAIT) -> Iterator[None]:
        """Inside, nobody else's turn begins; Unavailable if it does not come within so many seconds."""
        if not self._come(seconds):
            raise Unavailable("the database is busy: others write all the time")
        try:
            yield
        finally:
            self._pass_on()

    def _come(self, seconds: float) -> bool:
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            place = threading.Lock()
            place.acquire()
            self._queue.append(place)
        if place.acquire(timeout=seconds):
            return True
        with self._guard:
            if place in self._queue:
                self._queue.remove(place)
                return False
        return True  # it came while we gave up

    def _pass_on(self) -> None:
        with self._guard:
            if self._queue:
                self._queue.popleft().release()
            else:
                self._taken = False


_KNOWN: WeakValueDictionary[str, Turns] = WeakValueDictionary()
_KNOWING = threading.Lock()


def turns_at(place: str) -> Turns:
    """The turns of all in this process who use the database at this place, however many stores they have opened."""
    with _KNOWING:
        found = _KNOWN.get(place)
        if found is None:
            found = _KNOWN[place] = Turns()
        return found
