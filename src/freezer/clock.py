"""Time, injected.

Everything that needs the time is given a :class:`Clock`; only this module asks the operating system.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two readings: ``now`` for what is written down, ``monotonic`` for measuring."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary instant; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` (at once if not positive)."""
        ...


class SystemClock:
    """The operating system's clocks."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


def utc_text(seconds: float) -> str:
    """``seconds`` since 1970 as ``2026-11-21T12:00:00Z``."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
