"""The lists of condemned packs: what is on one is never relied on again, and never taken off."""

from __future__ import annotations

from collections.abc import Iterable

from freezer.errors import DamagedError, DataError
from freezer.repository import cache as caches
from freezer.repository.cache import Cache
from freezer.repository.documents import Condemned
from freezer.repository.names import PREFIX, Folder, Kind, numbered
from freezer.repository.store import Repository


def load(repository: Repository, cache: Cache | None = None) -> frozenset[str]:
    """All condemned packs. :class:`DamagedError` if a list cannot be read: who does not know what is condemned must
    neither store nor collect."""
    packs: set[str] = set()
    for name in repository.names(Folder.GC):
        try:
            packs.update(caches.read(repository, cache, Kind.CONDEMNED, name, Condemned).document.packs)
        except DataError as error:
            raise DamagedError(
                f"{error.message}; it is a list of condemned packs",
                hint=f"while no prune runs anywhere, remove {PREFIX}{name}; what it condemned is collected anew",
            ) from None
    return frozenset(packs)


def publish(repository: Repository, collector: str, packs: Iterable[str]) -> None:
    """Condemn ``packs`` for ever. The list has one owner, so nobody ever replaces it."""
    repository.put(Kind.CONDEMNED, f"{Folder.GC}{numbered(collector, 0)}", Condemned(sorted(packs)))
