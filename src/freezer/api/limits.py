"""How often one identity may ask: a bucket of tokens for each user and project, in each process."""

from __future__ import annotations

import math
import threading

from freezer.api.scope import Identity
from freezer.clock import Clock

_MOST_KNOWN = 10_000


class Limits:
    """``rate`` requests each second on average, ``burst`` at once; 0: twice the rate."""

    def __init__(self, clock: Clock, rate: int, burst: int = 0) -> None:
        self._clock = clock
        self._rate = float(rate)
        self._burst = float(burst or 2 * rate)
        self._left: dict[tuple[str, str], tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait(self, identity: Identity) -> int:
        """0 if ``identity`` may ask now, and it is counted; otherwise the seconds after which it may."""
        who = (identity.user_id, identity.project_id)
        with self._lock:
            now = self._clock.monotonic()
            left, since = self._left.get(who, (self._burst, now))
            left = min(self._burst, left + (now - since) * self._rate)
            if left < 1:
                self._left[who] = (left, now)
                return max(1, math.ceil((1 - left) / self._rate))
            if who not in self._left and len(self._left) >= _MOST_KNOWN:
                self._forget_full(now)
            self._left[who] = (left - 1, now)
            return 0

    def _forget_full(self, now: float) -> None:
        """Leave out whoever has a full bucket again; everybody, if that is nobody."""
        kept = {
            who: known for who, known in self._left.items() if known[0] + (now - known[1]) * self._rate < self._burst
        }
        self._left = kept if len(kept) < _MOST_KNOWN else {}
