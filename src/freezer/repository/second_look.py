"""Damage is called damage when it was seen twice.

A storage, a line or the memory of this machine may give wrong bytes for once. To call that damage would have
consequences: packs are not relied on any more, records do not count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from freezer.errors import DataError

T = TypeVar("T")


def second_look(look: Callable[[], T]) -> T:
    """What ``look`` gives, which reads; if it finds what cannot be used, what it gives or raises the second time."""
    try:
        return look()
    except DataError:
        return look()
