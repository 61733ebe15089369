"""Telling a slow line from a dead one."""

from __future__ import annotations

from freezer.clock import SystemClock

SLOWEST = 1024
"""Bytes a second: a line that carries less, for longer than its time limit, is dead."""

_CLOCK = SystemClock()  # lines know no other one


class Pace:
    """How long to wait for the next bytes, so that a stream may take as long as its size demands: each
    :data:`SLOWEST` × ``timeout`` bytes may take ``timeout`` seconds."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._mark = _CLOCK.monotonic()
        self._goal = SLOWEST * timeout

    def left(self, moved: int) -> float:
        """Seconds that the next bytes may take, ``moved`` having moved since the beginning; not positive if the line is
        dead."""
        now = _CLOCK.monotonic()
        if moved >= self._goal:
            self._mark, self._goal = now, moved + SLOWEST * self._timeout
        return self._mark + self._timeout - now
