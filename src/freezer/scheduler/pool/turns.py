"""Whose run is next: projects take turns, however much each of them has waiting.

The next is of the project that has the fewest runs under way, among equals of the one that has waited longest for its
turn; within a project the most urgent counts. So a project with one run waits for at most one run of each other
project, whether they have ten or ten thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Turn(NamedTuple, Generic[T]):
    """Something that may begin now. It counts as under way until :meth:`Turns.ended` is told its project."""

    project: str
    item: T


class Turns(Generic[T]):
    """What waits for a worker. ``most``: how much of one project may be under way at once, 0 for any number. Not for
    several threads."""

    def __init__(self, most: int = 0) -> None:
        self._most = most
        self._waiting: dict[str, list[tuple[float, int, T]]] = {}
        self._under_way: dict[str, int] = {}
        self._served: dict[str, int] = {}
        self._numbers = count(1)

    def put(self, project: str, urgency: float, item: T) -> None:
        """Let ``item`` wait; the smaller its ``urgency`` (the instant when it was due), the sooner."""
        if project not in self._waiting:
            self._waiting[project] = []
            self._served[project] = next(self._numbers)
        heappush(self._waiting[project], (urgency, next(self._numbers), item))

    def take(self) -> Turn[T] | None:
        """What is next; None if nothing waits that may begin."""
        allowed = (each for each in self._waiting if not self._most or self._under_way.get(each, 0) < self._most)
        project = min(allowed, key=lambda each: (self._under_way.get(each, 0), self._served[each]), default=None)
        if project is None:
            return None
        _, _, item = heappop(self._waiting[project])
        self._served[project] = next(self._numbers)
        if not self._waiting[project]:
            del self._waiting[project], self._served[project]
        self._under_way[project] = self._under_way.get(project, 0) + 1
        return Turn(project, item)

    def ended(self, project: str) -> None:
        """Something that was taken of this project is not under way any more."""
        left = self._under_way[project] - 1
        if left:
            self._under_way[project] = left
        else:
            del self._under_way[project]

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[T]:
        """All that waits, in no order."""
        return (item for waiting in self._waiting.values() for _, _, item in waiting)
