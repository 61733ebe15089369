"""The threads behind a writer: some compress, seal and verify bundles, others upload packs.

A bundle is sealed straight into the pack that it will be uploaded with. Memory is bounded: so many blocks of plaintext,
and so many spaces for packs, which are used again and again.
"""

from __future__ import annotations

import mmap
from collections import deque
from collections.abc import Callable
from typing import TypeVar

import msgspec

from freezer.crypto.primitives import TAG_SIZE
from freezer.errors import FreezerError
from freezer.repository.documents import PackKind, PackRecord
from freezer.repository.names import PREFIX
from freezer.repository.packs.bench import Bench, Job
from freezer.repository.packs.filling import NewPack, Slot, least_space
from freezer.repository.packs.layout import PACK_SIZE
from freezer.repository.store import Repository
from freezer.stream.crew import Crew, Stopped
from freezer.stream.zstandard import keep_memory

T = TypeVar("T")

_MIB = 1024 * 1024
_META_SPACE = 8 * _MIB  # bytes that a pack of metadata has at most: it is read as a whole
_MAX_WORKERS = 8  # one producer cannot feed more
_PATIENCE = 10.0  # seconds that an abandoned thread is waited for


class How(msgspec.Struct, frozen=True, kw_only=True):
    """How chunks are stored.

    ``workers``: threads that compress and seal, 0 for as many as there are processors; ``pack_size`` and
    ``bundle_size``: bytes of a pack and of the plaintext of a bundle, about; ``level``: of Zstandard; ``verify``: open,
    decompress and compare every bundle before it is uploaded; ``uploads``: packs on their way at once, each of which
    costs the memory of a pack; ``part_bytes`` and ``part_seconds``: how much is stored, or how long it takes, until an
    index part says so. ``on_stored`` is told the size of every pack that has been stored, by the thread that did it."""

    workers: int = 0
    pack_size: int = PACK_SIZE
    bundle_size: int = _MIB
    level: int = 3
    verify: bool = True
    uploads: int = 1
    part_bytes: int = 1024 * _MIB
    part_seconds: float = 300.0
    on_stored: Callable[[int], None] = lambda _: None


class Workers:
    """``name`` gives a new pack its name; ``stored`` is told of each pack when it is stored, by the thread that stored
    it. One thread calls ``acquire``, ``submit``, ``finish`` and ``abandon``; what goes wrong in any other is raised
    by its next call."""

    def __init__(
        self,
        repository: Repository,
        how: How,
        name: Callable[[PackKind], str],
        stored: Callable[[PackRecord], None],
    ) -> None:
        self._repository = repository
        self._how = how
        self._name = name
        self._stored = stored
        workers = how.workers or _default_workers()
        self._blocks: list[bytearray] = []
        self._unmade = workers + 3  # one of each kind being gathered, and one that waits for a worker
        self._spaces = {
            PackKind.DATA: _Spaces(how.pack_size, how.uploads + 1),
            PackKind.META: _Spaces(min(how.pack_size, _META_SPACE), how.uploads + 1),
        }
        self._jobs: deque[Job] = deque()
        self._undone = 0  # jobs that are not in a pack yet
        self._open: dict[PackKind, NewPack] = {}
        self._full: deque[NewPack] = deque()
        self._unstored = 0  # packs begun and not stored
        self._closed = False
        self._crew = Crew("packs")
        keep_memory()
        for number in range(workers):
            self._crew.start(f"seal-{number}", self._work)
        for number in range(how.uploads):
            self._crew.start(f"upload-{number}", self._upload)

    def check(self) -> None:
        """Raise what went wrong so far."""
        if self._crew.error is not None:
            raise self._failure()

    def acquire(self) -> bytearray:
        """A block for the plaintext of a bundle; waits until one is free."""
        with self._crew.changed:
            self._wait_for(lambda: self._blocks or self._unmade)
            if self._blocks:
                return self._blocks.pop()
            self._unmade -= 1
        return bytearray(self._how.bundle_size)

    def submit(self, job: Job) -> None:
        """Have a bundle made and stored."""
        with self._crew.changed:
            self._undone += 1
            self._jobs.append(job)
            self._crew.changed.notify_all()

    def finish(self) -> None:
        """Wait until everything is stored and all threads have ended."""
        with self._crew.changed:
            self._wait_for(lambda: not self._undone)
            for kind in tuple(self._open):
                self._close(kind)
            self._wait_for(lambda: not self._unstored)
            self._closed = True
            self._crew.changed.notify_all()
            self._wait_for(lambda: not self._crew.running)

    def abandon(self) -> None:
        """End all threads; what is not stored yet is not going to be."""
        self._crew.dismiss(_PATIENCE)

    def _wait_for(self, ready: Callable[[], object]) -> None:
        try:
            self._crew.wait_for(ready)
        except Stopped:
            raise self._failure() from None

    def _failure(self) -> BaseException:
        error = self._crew.error
        return FreezerError("the backup was abandoned") if error is None or isinstance(error, Stopped) else error

    def _work(self) -> None:
        bench = Bench(self._repository.id, self._how.level, self._how.bundle_size)
        changed = self._crew.changed
        while (job := self._next(self._jobs)) is not None:
            codec, body = bench.compress(job)
            pack, slot = self._reserve(job.kind, len(body) + TAG_SIZE, len(job.contents.lengths))
            bundle = pack.seal(slot, body, codec, job.used, job.contents)
            if self._how.verify:
                bench.verify(job, pack, slot, bundle)
            with changed:
                pack.add(bundle)
                if pack.complete:
                    self._full.append(pack)
                self._blocks.append(job.block)
                self._undone -= 1
                changed.notify_all()

    def _upload(self) -> None:
        while (pack := self._next(self._full)) is not None:
            data, record = pack.finish()
            self._repository.storage.put(PREFIX + record.name, data)
            self._stored(record)
            self._how.on_stored(record.size)
            with self._crew.changed:
                self._spaces[pack.kind].give_back(pack.space)
                self._unstored -= 1
                self._crew.changed.notify_all()

    def _next(self, queue: deque[T]) -> T | None:
        """The next thing in ``queue``; None when there will be no more."""
        with self._crew.changed:
            self._crew.wait_for(lambda: queue or self._closed)
            return queue.popleft() if queue else None

    def _reserve(self, kind: PackKind, sealed: int, chunks: int) -> tuple[NewPack, Slot]:
        """A place for a bundle, in a new pack if there is none in the one that is open."""
        spaces = self._spaces[kind]
        with self._crew.changed:
            while True:
                self._crew.wait_for(lambda: kind in self._open or spaces.available)
                if kind not in self._open:
                    space = spaces.take(least_space(sealed, chunks))
                    self._open[kind] = NewPack(self._repository.keys, kind, self._name(kind), space)
                    self._unstored += 1
                pack = self._open[kind]
                if pack.has_room(sealed, chunks):
                    return pack, pack.reserve(sealed, chunks)
                self._close(kind)

    def _close(self, kind: PackKind) -> None:
        pack = self._open.pop(kind)
        pack.closed = True
        if pack.complete:
            self._full.append(pack)
            self._crew.changed.notify_all()


def _default_workers() -> int:
    from freezer.stream.pipeline import processors

    return min(processors(), _MAX_WORKERS)


class _Spaces:
    """Memory for packs of one kind: at most ``count`` spaces of ``size`` bytes, which exist once they are needed.

    They are mapped and not allocated, so what is not written yet costs nothing.
    """

    def __init__(self, size: int, count: int) -> None:
        self._size = size
        self._unmade = count
        self._free: list[memoryview] = []

    @property
    def available(self) -> bool:
        return bool(self._free) or self._unmade > 0

    def take(self, least: int) -> memoryview:
        """A space of at least ``least`` bytes, which may be more than usual for once."""
        space = self._free.pop() if self._free else None
        if space is None:
            self._unmade -= 1
        if space is None or len(space) < least:
            space = memoryview(mmap.mmap(-1, max(self._size, least)))
        return space

    def give_back(self, space: memoryview) -> None:
        """Somebody else may have it now."""
        if len(space) > self._size:
            self._unmade += 1
        else:
            self._free.append(space)
