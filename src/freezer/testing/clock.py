"""Time that passes only when somebody sleeps."""

from __future__ import annotations

import threading


class FakeClock:
    """A :class:`freezer.clock.Clock` that starts at ``now`` (seconds since 1970); ``slept`` are all waits so far.

    Sleeping returns at once. Safe for several threads.
    """

    def __init__(self, now: float = 1_795_256_055.0) -> None:
        self._lock = threading.Lock()
        self._now = now
        self._passed = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now + self._passed

    def monotonic(self) -> float:
        return self._passed

    def boottime(self) -> float:
        return self._passed

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            with self._lock:
                self.slept.append(seconds)
                self._passed += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass without anybody sleeping."""
        with self._lock:
            self._passed += seconds

    def set(self, now: float) -> None:
        """Somebody sets the clock, back perhaps; ``monotonic`` does not notice."""
        with self._lock:
            self._now = now - self._passed
