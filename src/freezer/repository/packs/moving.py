"""Moving bundles to new packs as they are: what a collector does with the live part of a pack.

Nothing is opened, so the metadata keys are enough. That a bundle is what was written is known by its digest, which the
footer or a signed index part authenticates.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from operator import attrgetter

from freezer.repository.documents import Bundle, MovedKey, PackKind, PackRecord
from freezer.repository.names import PREFIX, numbered
from freezer.repository.packs.filling import Filling, least_space
from freezer.repository.packs.layout import PACK_SIZE
from freezer.repository.packs.sealing import check_sealed
from freezer.repository.packs.use import folder
from freezer.repository.store import Repository

_GAP = 256 * 1024  # bytes that are rather read in vain than a request more is made
_READ = 32 * 1024 * 1024  # bytes that are read at once

Live = Iterable[tuple[PackRecord, Iterable[int]]]


def move_bundles(
    repository: Repository, live: Live, attempt: str, number: int = 0, *, pack_size: int = PACK_SIZE
) -> list[PackRecord]:
    """Copy bundles, given by pack and their numbers in it, to new packs of ``attempt``; what these are. They are stored
    on return, but in no index part. ``number``: that of the first new pack; data and metadata are counted together.
    :class:`DamagedError` if a bundle is not what was written; then packs may have been stored already."""
    mover = _Mover(repository, attempt, number, pack_size)
    for record, numbers in live:
        bundles = sorted((record.bundles[each] for each in set(numbers)), key=attrgetter("offset"))
        for run in _runs(bundles):
            mover.move(record, run)
    return mover.finish()


class _Mover:
    """One open pack of each kind."""

    def __init__(self, repository: Repository, attempt: str, number: int, pack_size: int) -> None:
        self._repository = repository
        self._attempt = attempt
        self._numbers = count(number)
        self._pack_size = pack_size
        self._spaces: dict[PackKind, memoryview] = {}
        self._open: dict[PackKind, Filling] = {}
        self._records: list[PackRecord] = []

    def move(self, record: PackRecord, run: Sequence[Bundle]) -> None:
        """Copy bundles of a pack that are read at once."""
        start, end = run[0].offset, run[-1].offset + run[-1].sealed
        raw = memoryview(self._repository.read(record.name, start, end - start))
        for bundle in run:
            sealed = raw[bundle.offset - start : bundle.offset - start + bundle.sealed]
            check_sealed(bundle, sealed, f"the bundle at {bundle.offset} of {PREFIX}{record.name}")
            self._room(record.kind, bundle).move(bundle, sealed, _key(record, bundle))

    def finish(self) -> list[PackRecord]:
        for kind in tuple(self._open):
            self._store(kind)
        return self._records

    def _room(self, kind: PackKind, bundle: Bundle) -> Filling:
        """The open pack, or a new one if the bundle has no room in it."""
        chunks = len(bundle.lengths)
        if kind in self._open and not self._open[kind].has_room(bundle.sealed, chunks):
            self._store(kind)
        if kind not in self._open:
            least = least_space(bundle.sealed, chunks)
            space = self._spaces.get(kind)
            if space is None or len(space) < least:
                space = self._spaces[kind] = memoryview(mmap.mmap(-1, max(self._pack_size, least)))
            name = folder(kind) + numbered(self._attempt, next(self._numbers))
            self._open[kind] = Filling(self._repository.keys, kind, name, space)
        return self._open[kind]

    def _store(self, kind: PackKind) -> None:
        data, record = self._open.pop(kind).finish()
        self._repository.storage.put(PREFIX + record.name, data)
        self._records.append(record)


def _key(record: PackRecord, bundle: Bundle) -> MovedKey:
    if bundle.key:
        return record.keys[bundle.key - 1]
    return MovedKey(record.epoch, record.name, record.head, record.wrap)


def _runs(bundles: Sequence[Bundle]) -> Iterator[list[Bundle]]:
    """Bundles, sorted by offset, in groups that are worth one request each."""
    run: list[Bundle] = []
    for bundle in bundles:
        if run:
            near = bundle.offset - (run[-1].offset + run[-1].sealed) <= _GAP
            if not near or bundle.offset + bundle.sealed - run[0].offset > _READ:
                yield run
                run = []
        run.append(bundle)
    if run:
        yield run
