"""Failures of many items, in bounded memory: the first ones by name, the others by number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from freezer.model.items import ItemFailure

MOST = 10_000
"""Failures that one list names."""
MOST_TEXT = 4 * 1024 * 1024
"""Characters of all their paths and reasons; one that would exceed it is only counted, and so are all after it."""

_noticing: list[Callable[[ItemFailure], None]] = []


@contextmanager
def noticed(notice: Callable[[ItemFailure], None]) -> Iterator[None]:
    """While the context lasts, ``notice`` hears of every failure in this process when it is found: for a program that
    does one thing and says how it goes. It is called in whatever thread finds it, and must not raise."""
    _noticing.append(notice)
    try:
        yield
    finally:
        _noticing.remove(notice)


class Failures(list[ItemFailure]):
    """A list that takes :data:`MOST` failures, or :data:`MOST_TEXT` characters of them, and counts those that came
    after them, ``left_out``."""

    def __init__(self, failures: Iterable[ItemFailure] = ()) -> None:
        super().__init__()
        self.left_out = 0
        self._room = MOST_TEXT
        self.extend(failures)

    @property
    def total(self) -> int:
        """How many there are in all."""
        return len(self) + self.left_out

    def append(self, failure: ItemFailure, /) -> None:
        """Add a failure, or count it."""
        self._room -= len(failure.path) + len(failure.reason)
        if len(self) < MOST and self._room >= 0:
            super().append(failure)
            for notice in _noticing:
                notice(failure)
        else:
            self.left_out += 1

    def extend(self, failures: Iterable[ItemFailure], /) -> None:
        """Add failures one after the other, and with another such list what that has counted."""
        for failure in failures:
            self.append(failure)
        if isinstance(failures, Failures):
            self.left_out += failures.left_out


def rest(*lists: list[ItemFailure]) -> list[ItemFailure]:
    """What stands in a report for failures that ``lists`` have only counted: nothing, or one line."""
    left_out = sum(each.left_out for each in lists if isinstance(each, Failures))
    return [ItemFailure("(others)", f"{left_out} more items, not listed one by one")] if left_out else []
