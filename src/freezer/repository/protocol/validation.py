"""After the root: whether everything that an attempt relies on is still there, and nothing of it condemned.

What was condemned before the root was put is seen here; whoever condemns later sees the root.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from freezer.errors import ContainerError, DamagedError, DataError, ObjectNotFound
from freezer.progress import Notice
from freezer.repository.cache import Cache
from freezer.repository.documents import Root
from freezer.repository.index import Index
from freezer.repository.packs.describing import describe
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.protocol import condemned
from freezer.repository.protocol.existing import stored
from freezer.repository.protocol.reach import Reach
from freezer.repository.store import Repository

Reread = Callable[[set[bytes]], None]
"""Stores chunks with these ids again, as far as their source still has them."""

_ROUNDS = 20  # times that what an attempt relies on may be condemned under its hands


class Validation:
    """Of one attempt whose ``root`` is published. ``index`` is the one that ``writer`` looks things up in: what cannot
    be relied upon is dropped from it. ``wanted`` says whether there is still any use in going on."""

    def __init__(
        self,
        repository: Repository,
        writer: ChunkWriter,
        index: Index,
        reread: Reread | None,
        cache: Cache | None,
        notice: Notice,
    ) -> None:
        self._repository = repository
        self._writer = writer
        self._index = index
        self._reread = reread
        self._cache = cache
        self._notice = notice
        self._reader = PackReader(repository, index, cache=cache)
        self._last_resort: PackReader | None = None

    def run(self, root: Root, still_wanted: Callable[[], bool]) -> None:
        """Return once everything that the root needs is in packs that exist and are not condemned, some of it stored
        again perhaps. :class:`ContainerError` if that cannot be had, or nobody wants it any more."""
        needs = frozenset(root.needs)
        for _ in range(_ROUNDS):
            listed = stored(self._repository, self._index.packs)
            bad = condemned.load(self._repository, self._cache)
            sound = {name for name, size in listed.items() if name not in bad and self._is_whole(name, size)}
            if sound.issuperset(needs):
                return
            if not still_wanted():
                return  # whoever decides says why
            self._index.drop(bad | (self._index.packs.keys() - sound))
            self._learn(listed)
            reach = Reach(self._index, self._load)
            reach.walk([root])
            if reach.complete:
                return
            self._store_again(reach)
            self._writer.finish()
        raise ContainerError(
            "what this backup relies on is removed faster than it can be stored again",
            hint="run it again when no prune is at work",
        )

    def _is_whole(self, name: str, size: int) -> bool:
        """Whether a pack has all its bytes, as far as we know how many these are."""
        pack = self._index.packs.get(name)
        return pack is None or pack.size == size

    def _learn(self, listed: Collection[str]) -> None:
        """Ask packs that have come since the index was read: a collector may have moved there what we need."""
        for name in self._index.unlisted(listed):
            try:
                self._index.add(describe(self._repository, name))
            except ObjectNotFound:
                continue
            except DataError as error:
                self._notice(error.message)

    def _store_again(self, reach: Reach) -> None:
        """Store what is missing, from condemned packs that still exist, or else from the source."""
        for id, why in reach.unread.items():
            if id in self._index:
                raise DamagedError(why, hint="check the repository with --read-data")
        gone = dict(reach.unread)
        for use, id in _missing(reach):
            try:
                self._writer.store(use, self._load(use, id))
            except (DamagedError, ObjectNotFound) as error:
                gone[id] = error.message
        if gone and self._reread is not None:
            self._reread(set(gone))
        for id, why in gone.items():
            if not self._writer.has(id):
                raise ContainerError(
                    f"this backup cannot be completed: a chunk that it relied on was removed meanwhile ({why})",
                    hint="run it again: what is stored already is taken over",
                )

    def _load(self, use: Use, id: bytes) -> bytes:
        """A chunk, from a condemned pack if there is no other."""
        try:
            return self._reader.chunk(use, id)
        except (DamagedError, ObjectNotFound):
            if self._last_resort is None:
                everything = Index.load(self._repository, cache=self._cache, notice=self._notice)
                self._last_resort = PackReader(self._repository, everything, cache=self._cache)
            return self._last_resort.chunk(use, id)


def _missing(reach: Reach) -> Iterator[tuple[Use, bytes]]:
    for use, ids in reach.missing.items():
        for id in sorted(ids):
            yield use, id
