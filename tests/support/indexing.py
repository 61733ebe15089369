"""Repositories, and records of packs that were never stored, for tests of the index."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

from freezer.clock import Clock
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener, Plan
from freezer.repository.documents import ID_SIZE, Bundle, Codec, IndexPart, PackKind, PackRecord
from freezer.repository.index.parts import part_of
from freezer.repository.keys.agents import Agent
from freezer.repository.keys.slots import Cost
from freezer.repository.names import Folder, Kind, new_id, numbered
from freezer.repository.packs import layout
from freezer.repository.store import Repository
from freezer.secret import Secret
from freezer.storage.contract import Storage
from freezer.testing.clock import FakeClock
from freezer.testing.memory import MemoryStorage

CLOCK = FakeClock()
CHEAP = Cost(memory=64, passes=1, lanes=1)
PASSPHRASE = Opener(Secret(b"correct horse"))


def encrypted(storage: Storage | None = None, opener: Opener = PASSPHRASE, clock: Clock = CLOCK) -> Repository:
    """A repository with a passphrase that costs nothing to try; open for reading."""
    return founding.init(storage or MemoryStorage(clock), clock, Plan(opener, cost=CHEAP))


def writable(repository: Repository) -> Repository:
    """The same, with an agent of its own that was admitted."""
    agent = Agent.new(new_id(repository.clock))
    repository.admit(agent, ["*"])
    return Repository(repository.storage, repository.config, repository.keys, repository.clock, agent)


def random_ids(count: int, seed: int = 0) -> list[bytes]:
    ids = random.Random(seed).randbytes(ID_SIZE * count)
    return [ids[at : at + ID_SIZE] for at in range(0, len(ids), ID_SIZE)]


def record_of(
    bundles: Sequence[Sequence[bytes]], *, lengths: Sequence[Sequence[int]] = (), kind: PackKind = PackKind.DATA
) -> PackRecord:
    """A pack with a bundle for each of ``bundles``, lists of ids; each chunk has 100 bytes if ``lengths`` are not
    given."""
    made: list[Bundle] = []
    offset = layout.HEADER_SIZE
    for number, ids in enumerate(bundles):
        sizes = list(lengths[number]) if lengths else [100] * len(ids)
        plain = sum(sizes)
        made.append(
            Bundle(
                os.urandom(16), offset, plain + 16, plain, Codec.PLAIN, 0, number, os.urandom(16), sizes, b"".join(ids)
            )
        )
        offset += plain + 16
    folder = Folder.PACKS if kind is PackKind.DATA else Folder.META
    name = folder + numbered(new_id(CLOCK), 0)
    return PackRecord(name, kind, offset + 100, os.urandom(32), 1, os.urandom(92), os.urandom(16), [], made)


def put_part(repository: Repository, records: Sequence[PackRecord], replaces: Sequence[str] = ()) -> str:
    """An index part of these packs, stored; its name."""
    name = Folder.INDEX + numbered(new_id(repository.clock), 0)
    repository.put(Kind.INDEX, name, part_of(records, replaces))
    return name


def stored_part(repository: Repository, name: str) -> IndexPart:
    return repository.get(Kind.INDEX, name, IndexPart).document
