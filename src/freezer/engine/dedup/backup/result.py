"""What came of a backup, before it is decided."""

from __future__ import annotations

import msgspec

from freezer.engine.contract import Summary
from freezer.repository.documents import Owners, Source


class Counts(msgspec.Struct):
    """Files, links and devices by what happened to them: not in the backup before, another than in it, or the same.
    ``reread``: of the last, those that were looked into all the same; ``read_bytes``: how much of contents was read."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    reread: int = 0
    read_bytes: int = 0

    @property
    def total(self) -> int:
        """How many are in the backup."""
        return self.new + self.changed + self.unchanged


class Made(msgspec.Struct, frozen=True):
    """The parts of a root: the source with its tree, the ids of state chunks, names of owners; and what to say of it.
    In ``summary`` the ``stored`` numbers are those of what is new or changed."""

    source: Source
    states: list[bytes]
    owners: Owners
    summary: Summary
    counts: Counts
