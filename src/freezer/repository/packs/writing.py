"""The writer's side: chunks in, packs and index parts out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import count

import msgspec

from freezer.crypto.contract import Buffer
from freezer.errors import DamagedError
from freezer.repository.documents import ID_SIZE, PackKind, PackRecord
from freezer.repository.names import numbered
from freezer.repository.packs.bench import Job
from freezer.repository.packs.filling import Contents
from freezer.repository.packs.places import Places
from freezer.repository.packs.publishing import Publisher
from freezer.repository.packs.use import Use, folder, identifiers
from freezer.repository.packs.workers import How, Workers
from freezer.repository.store import Repository

__all__ = ["ChunkWriter", "How", "Written"]

_MOST_CHUNKS = 8192  # in a bundle, so that footers of tiny chunks stay small


class Written(msgspec.Struct, frozen=True):
    """What an attempt has stored: names of its packs and index parts; ``needs``: all packs that it relies on, old ones
    too; bytes of new chunks before compression, and of packs; how many chunks were new."""

    packs: list[str]
    parts: list[str]
    needs: set[str]
    new_bytes: int
    stored_bytes: int
    new_chunks: int


class ChunkWriter:
    """Stores chunks that the repository does not have yet.

    One thread, the producer, calls everything. What goes wrong in another thread is raised by its next ``store`` or
    ``finish``, and by every one after that. After ``finish`` more can be stored, and finished again.
    """

    def __init__(self, repository: Repository, attempt: str, index: Places, how: How | None = None) -> None:
        self._repository = repository
        self._attempt = attempt
        self._index = index
        self._how = how or How()
        self._identifiers = identifiers(repository.keys.ids)
        gatherings = {kind: _Gathering(kind) for kind in PackKind}
        self._gatherings = tuple(gatherings[use.kind] for use in Use)
        self._numbers = count()
        self._workers: Workers | None = None
        self._publisher = Publisher(
            repository, attempt, most_bytes=self._how.part_bytes, most_seconds=self._how.part_seconds
        )
        self._stored: deque[PackRecord] = deque()  # which the index does not know yet
        self._own: set[bytes] = set()  # chunks that are on their way
        self._needs: set[str] = set()
        self._packs: list[str] = []
        self._new_bytes = self._stored_bytes = self._new_chunks = 0

    def store(self, use: Use, data: Buffer) -> bytes:
        """The id of the chunk, which this backup relies on from now on. ``data`` may be changed afterwards."""
        if self._workers is not None:
            self._workers.check()
        id = self._identifiers[use](data)
        if not self.has(id):
            self._own.add(id)
            gathering = self._gatherings[use]
            if not gathering.add(id, data):
                self._send(gathering)
                self._begin(gathering, id, data)
        return id

    def has(self, id: bytes) -> bool:
        """Whether the chunk is known and may be used; then this backup relies on it from now on."""
        if self._stored:
            self._learn()
        if id in self._own:
            return True
        place = self._index.find(id)
        if place is None:
            return False
        self._needs.add(place.pack.name)
        return True

    def need(self, id: bytes) -> None:
        """This backup relies on a chunk; :class:`DamagedError` if it is nowhere."""
        if not self.has(id):
            raise DamagedError(f"{self._repository.describe()} lacks the chunk {id.hex()}")

    def need_packs(self, names: Iterable[str]) -> None:
        """This backup relies on packs, as an earlier one did of which it takes something over unseen."""
        self._needs.update(names)

    def publish(self, records: Iterable[PackRecord]) -> None:
        """Speak of packs that no index part mentions, of an attempt that was taken over, in the next part of ours."""
        self._publisher.adopt(records)

    def finish(self) -> Written:
        """Wait until all packs and index parts are stored; what has been written since the beginning."""
        for gathering in self._gatherings:
            self._send(gathering)
        if self._workers is not None:
            self._workers.finish()
            self._workers = None
        self._learn()
        self._publisher.finish()
        return Written(
            sorted(self._packs),
            list(self._publisher.names),
            self._needs | set(self._packs),
            self._new_bytes,
            self._stored_bytes,
            self._new_chunks,
        )

    def abandon(self) -> None:
        """End all threads; packs that are stored remain. Harmless after ``finish``, and a second time."""
        if self._workers is not None:
            self._workers.abandon()

    def _begin(self, gathering: _Gathering, id: bytes, data: Buffer) -> None:
        """Begin a bundle with a chunk; one that is larger than bundles are has one for itself."""
        workers = self._workers or self._start()
        block = workers.acquire()
        size = len(data)
        if size > len(block):
            self._submit(workers, Job(gathering.kind, bytearray(data), size, Contents(id, [size]), block))
        else:
            gathering.begin(block)
            gathering.add(id, data)

    def _send(self, gathering: _Gathering) -> None:
        job = gathering.take()
        if job is not None and self._workers is not None:
            self._submit(self._workers, job)

    def _submit(self, workers: Workers, job: Job) -> None:
        self._new_bytes += job.used
        self._new_chunks += len(job.contents.lengths)
        workers.submit(job)

    def _start(self) -> Workers:
        self._workers = Workers(self._repository, self._how, self._pack_name, self._on_stored)
        return self._workers

    def _pack_name(self, kind: PackKind) -> str:
        return folder(kind) + numbered(self._attempt, next(self._numbers))

    def _on_stored(self, record: PackRecord) -> None:
        """In another thread: the producer takes it from ``_stored``."""
        self._publisher.add(record)
        self._stored.append(record)

    def _learn(self) -> None:
        """Let the index know of packs that have been stored."""
        while self._stored:
            record = self._stored.popleft()
            self._index.add(record)
            self._packs.append(record.name)
            self._stored_bytes += record.size
            for bundle in record.bundles:
                ids = bundle.ids
                self._own.difference_update(ids[at : at + ID_SIZE] for at in range(0, len(ids), ID_SIZE))


class _Gathering:
    """The next bundle of a kind: chunks one after the other in a block."""

    _block: bytearray | None
    _ids: list[bytes]
    _lengths: list[int]

    def __init__(self, kind: PackKind) -> None:
        self.kind = kind
        self._used = 0
        self._clear()

    def begin(self, block: bytearray) -> None:
        """Go on in an empty block."""
        self._block = block
        self._view = memoryview(block)
        self._room = len(block)

    def add(self, id: bytes, data: Buffer) -> bool:
        """Take a chunk in; False if there is no room for it, or no block."""
        start = self._used
        end = start + len(data)
        if end > self._room or len(self._lengths) >= _MOST_CHUNKS:
            return False
        self._view[start:end] = data
        self._used = end
        self._ids.append(id)
        self._lengths.append(end - start)
        return True

    def take(self) -> Job | None:
        """What was gathered; None if that is nothing."""
        if self._block is None:
            return None
        job = Job(self.kind, self._block, self._used, Contents(b"".join(self._ids), self._lengths), self._block)
        self._clear()
        return job

    def _clear(self) -> None:
        self._block = None
        self._view = memoryview(b"")
        self._room = -1
        self._used = 0
        self._ids = []
        self._lengths = []
