"""When a request is made again, and how long that is waited for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """At most ``tries`` requests, none begun later than ``total`` seconds after the first. Between two, ``first``
    seconds, doubled each time, of which a random half is left out; longer if the server asks for it."""

    tries: int = 4
    total: float = 30.0
    first: float = 0.5

    def delay(self, failures: int, chance: float, asked: float | None) -> float:
        """Seconds to wait after so many failures; ``chance`` is from [0, 1)."""
        delay: float = self.first * 2 ** (failures - 1) * (1 - chance / 2)
        return max(delay, asked or 0.0)
