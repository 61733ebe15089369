"""How often a service has ended of its own accord, and what follows from that."""

from __future__ import annotations

import msgspec

MOST_FAILURES = 5
_FIRST_PAUSE = 1.0
_LONG_LIFE = 60.0


class Lives(msgspec.Struct, frozen=True):
    """``failures`` in a row."""

    failures: int = 0

    def after(self, seconds: float) -> Lives:
        """Once the service has ended again after so many seconds: a long life makes up for the failures before."""
        return Lives(1 if seconds >= _LONG_LIFE else self.failures + 1)

    @property
    def over(self) -> bool:
        """Whether it is not worth while to start it once more."""
        return self.failures >= MOST_FAILURES

    @property
    def pause(self) -> float:
        """How many seconds to wait before it is started once more."""
        return _FIRST_PAUSE * 2 ** (self.failures - 1) if self.failures else 0.0
