"""Repositories in memory for tests of packs, and an index that is nothing but a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import msgspec

from freezer.clock import Clock
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener, Plan
from freezer.repository.documents import ID_SIZE, Bundle, PackRecord
from freezer.repository.keys.agents import Agent
from freezer.repository.names import PREFIX, new_id
from freezer.repository.packs.writing import ChunkWriter, How, Written
from freezer.repository.store import Repository
from freezer.storage.contract import Storage
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage

SMALL = How(workers=2, pack_size=4096, bundle_size=1024)  # so that a few kilobytes are several bundles and packs


class FoundPlace(msgspec.Struct, frozen=True):
    pack: PackRecord
    bundle: int
    offset: int
    length: int

    @property
    def entry(self) -> Bundle:
        return self.pack.bundles[self.bundle]


class FoundPlaces:
    """A :class:`freezer.repository.packs.places.Places`."""

    def __init__(self, records: Sequence[PackRecord] = ()) -> None:
        self.records: dict[str, PackRecord] = {}
        self._places: dict[bytes, list[FoundPlace]] = {}
        for record in records:
            self.add(record)

    def add(self, record: PackRecord) -> None:
        self.records[record.name] = record
        for number, bundle in enumerate(record.bundles):
            offsets = accumulate(bundle.lengths, initial=0)
            for which, (offset, length) in enumerate(zip(offsets, bundle.lengths, strict=False)):
                id = bundle.ids[which * ID_SIZE : (which + 1) * ID_SIZE]
                self._places.setdefault(id, []).append(FoundPlace(record, number, offset, length))

    def drop(self, name: str) -> None:
        kept = [record for record in self.records.values() if record.name != name]
        self.__init__(kept)  # type: ignore[misc]

    def find(self, id: bytes) -> FoundPlace | None:
        return next(iter(self.places(id)), None)

    def places(self, id: bytes) -> Sequence[FoundPlace]:
        return self._places.get(id, [])


def new_repository(storage: Storage | None = None, clock: Clock | None = None) -> Repository:
    """A repository that is not encrypted, which makes no difference to packs but saves time; ready to be written."""
    clock = clock or FakeClock()
    repository = founding.init(storage or MemoryStorage(clock), clock, Plan(Opener()))
    repository.agent = Agent.new(new_id(clock))
    repository.admit(repository.agent, ["*"])
    return repository


def new_writer(repository: Repository, places: FoundPlaces, how: How = SMALL) -> ChunkWriter:
    return ChunkWriter(repository, new_id(repository.clock), places, how)


def stored_packs(repository: Repository, written: Written) -> dict[str, bytes]:
    """The bytes of the packs of an attempt."""
    return {name: repository.read(name) for name in written.packs}


def overwrite(repository: Repository, name: str, data: bytes) -> None:
    """Do to a stored object what nobody but a defect does."""
    repository.storage.put(PREFIX + name, data)
