"""A writer that only counts, for dry runs."""

from __future__ import annotations

from freezer.crypto.contract import Buffer
from freezer.repository.packs.places import Places
from freezer.repository.packs.use import Use, identifiers
from freezer.repository.packs.writing import ChunkWriter, Written
from freezer.repository.store import Repository


class Rehearsal(ChunkWriter):
    """Knows what would be new; stores nothing."""

    def __init__(self, repository: Repository, attempt: str, index: Places) -> None:
        super().__init__(repository, attempt, index)
        self._names = identifiers(repository.keys.ids)
        self._known: set[bytes] = set()
        self._bytes = 0

    def store(self, use: Use, data: Buffer) -> bytes:
        id = self._names[use](data)
        if not self.has(id):
            self._known.add(id)
            self._bytes += len(data)
        return id

    def has(self, id: bytes) -> bool:
        return id in self._known or super().has(id)

    def finish(self) -> Written:
        return Written([], [], set(), self._bytes, 0, len(self._known))
