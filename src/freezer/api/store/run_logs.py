"""What every store with runs promises about their logs.

A log consists of numbered *pieces*, those of each try counted by its sender. Numbers have no gaps, so that a reader who
has read up to one has missed nothing of that try.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from freezer.api.store.contract import Record
from freezer.model.runs import Fence


class Piece(msgspec.Struct, frozen=True):
    """A piece of a log: the try and its number there, when it came (seconds since 1970), what it says."""

    fence: Fence
    sequence: int
    at: int
    text: str


class Cursor(msgspec.Struct, frozen=True, order=True):
    """A place in a log: behind this piece of this try."""

    fence: Fence = Fence(0, 0)
    sequence: int = 0


class RunLogs(Protocol):
    """The logs of one transaction. They go away with their runs."""

    def last(self, run: Record, fence: Fence) -> int:
        """The number of the last piece of a try; 0 if there is none."""
        ...

    def append(self, run: Record, pieces: Sequence[Piece], most: int) -> bool:
        """Add pieces; False, and nothing, if the log would have more than ``most`` bytes."""
        ...

    def after(self, run: Record, cursor: Cursor, limit: int) -> Sequence[Piece]:
        """Pieces behind ``cursor``, in order."""
        ...
