"""Which of the things that a fault could strike it does strike."""

from __future__ import annotations

import random
from collections.abc import Callable

When = Callable[[int], bool]
"""Whether it strikes, by the number (from 1) of the connection or request."""


def first(number: int) -> bool:
    """Only the first."""
    return number == 1


def always(number: int) -> bool:
    """Every one."""
    return number > 0


def some(chance: random.Random, share: float = 0.3) -> When:
    """Each with this probability."""
    return lambda _number: chance.random() < share
