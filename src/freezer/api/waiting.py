"""Requests that wait until something changes.

One thread for the whole process asks the database which projects have got on, twice a second and only while somebody
waits; it wakes those whom a change concerns. A waiting request holds a thread of the server but no connection of the
database, so there are only so many of them (``most``); for others there is no waiting.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence
from functools import partial

from freezer.api.store.contract import Change, Store, Unit

LONGEST_WAIT = 50.0
"""Seconds; proxies give up after a minute."""

_EVERY = 0.4
_AT_ONCE = 1000
_LOG = logging.getLogger(__name__)


class _Waiter:
    """Waits for a change of its project behind ``seen``, of its client alone if that is named."""

    def __init__(self, project_id: str, client: str | None, seen: int) -> None:
        self.project_id = project_id
        self.client = client
        self.seen = seen
        self.woken = threading.Event()


class Waiting:
    """Those who wait, in this process, until the server is ``stopping``; ``most`` 0: nobody may."""

    def __init__(self, store: Store, stopping: threading.Event, most: int = 0) -> None:
        self._store = store
        self._stopping = stopping
        self._most = most
        self._lock = threading.Lock()
        self._waiters: set[_Waiter] = set()
        self._reader: threading.Thread | None = None

    def wait(self, project_id: str, client: str | None, after: int, seconds: float) -> bool:
        """Wait for a change behind number ``after``, at most so long; False at once if nobody else may wait."""
        waiter = _Waiter(project_id, client, after)
        with self._lock:
            if self._stopping.is_set() or len(self._waiters) >= self._most:
                return False
            self._waiters.add(waiter)
            if self._reader is None:
                self._reader = threading.Thread(target=self._read, name="changes", daemon=True)
                self._reader.start()
        try:
            waiter.woken.wait(min(seconds, LONGEST_WAIT))
        finally:
            with self._lock:
                self._waiters.discard(waiter)
        return True

    def _read(self) -> None:
        while True:
            stopping = self._stopping.wait(_EVERY)
            with self._lock:
                waiters = list(self._waiters)
                if stopping or not waiters:
                    self._reader = None
                    break
            try:
                self._look(waiters)
            except Exception as error:  # noqa: BLE001  those who wait go on waiting, whatever the database says
                _LOG.warning("cannot see what has changed: %s", error)
        for waiter in waiters:
            waiter.woken.set()

    def _look(self, waiters: Collection[_Waiter]) -> None:
        projects = {waiter.project_id for waiter in waiters}
        numbers = self._store.read(lambda unit: unit.numbers(projects))
        behind: dict[str, list[_Waiter]] = {}
        for waiter in waiters:
            if numbers.get(waiter.project_id, 0) != waiter.seen:
                behind.setdefault(waiter.project_id, []).append(waiter)
        for project_id, mine in behind.items():
            seen = min(waiter.seen for waiter in mine)
            news = self._store.read(partial(_news, project_id, seen))
            for waiter in mine:
                _tell(waiter, news, numbers.get(project_id, 0))


def _news(project_id: str, after: int, unit: Unit) -> Sequence[Change]:
    return unit.changes(project_id, after, None, _AT_ONCE)


def _tell(waiter: _Waiter, news: Sequence[Change], last: int) -> None:
    """Wake ``waiter`` if it is concerned; everybody is if the number has gone back, or there is more than was read."""
    concerned = any(each.number > waiter.seen and waiter.client in (None, each.client) for each in news)
    if concerned or last < waiter.seen or len(news) >= _AT_ONCE:
        waiter.woken.set()
    elif news:
        waiter.seen = max(waiter.seen, news[-1].number)
