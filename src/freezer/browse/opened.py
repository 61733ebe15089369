"""What it takes to look into a repository, or to restore from it."""

from __future__ import annotations

import msgspec

from freezer.repository.index import Index
from freezer.repository.packs.reading import PackReader
from freezer.repository.store import Repository


class Limits(msgspec.Struct, frozen=True):
    """How much is believed of a backup: directories that repeat one another could go on for ever. ``entries`` of all
    its directories; ``depth``: directories within each other."""

    entries: int = 100_000_000
    depth: int = 2048


class Opened(msgspec.Struct, frozen=True):
    """A repository, the index of its chunks, and who reads them."""

    repository: Repository
    index: Index
    reader: PackReader
    limits: Limits = Limits()
