"""Reading packs from the first to the last byte, what was not read for the longest time first.

So a part of everything, read now and then, is everything in the end: with N per cent each time, after 100 / N times.
What was found is stored as it goes, so that a run that ends early has not read for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import msgspec

from freezer.errors import DataError, ObjectNotFound
from freezer.progress import Progress
from freezer.repository.documents import Check, State
from freezer.repository.names import PREFIX, Folder, Kind, new_id
from freezer.repository.second_look import second_look
from freezer.repository.store import Repository
from freezer.stream.pipeline import processors

BATCH = 500
"""Packs after which what was found is stored."""

Verify = Callable[[str], object]
"""Reads the pack of that name and raises :class:`DataError` unless every byte of it is right."""


class Finding(msgspec.Struct, frozen=True):
    """What became of a pack."""

    pack: str
    state: State
    reason: str = ""


def oldest_first(sizes: Mapping[str, int], read: Mapping[str, int], share: float) -> list[str]:
    """The packs to read: at least ``share`` (0 to 1) of all bytes in ``sizes``. ``read``: when each was last read."""
    order = sorted(sizes, key=lambda name: (read.get(name, 0), name))
    wanted = math.ceil(sum(sizes.values()) * share)
    chosen: list[str] = []
    for name in order:
        if wanted <= 0:
            break
        chosen.append(name)
        wanted -= sizes[name]
    return chosen


def read_packs(packs: Sequence[str], sizes: Mapping[str, int], verify: Verify, progress: Progress) -> Iterator[Finding]:
    """Read ``packs`` by several threads; what was found, in their order. ``sizes``: in bytes, for the progress."""
    for finding in _in_threads(packs, verify):
        progress.advance(done_bytes=sizes.get(finding.pack, 0), done_items=1)
        yield finding


class Recorder:
    """Stores what was found as it goes, so that a run that ends early has not read for nothing. A pack that is stored
    as damaged or missing is *quarantined* by that."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._started = repository.now()
        self._findings: list[Finding] = []

    def add(self, finding: Finding) -> None:
        self._findings.append(finding)
        if len(self._findings) == BATCH:
            self.store()

    def store(self, *, complete: bool = False, backups: Iterable[str] = (), damaged: Iterable[str] = ()) -> None:
        """Store what was not stored yet; ``complete``: all packs were read; ``backups``: those that are known to be
        intact now; ``damaged``: those that are known not to be."""
        found, verified, lost = [(each.pack, each.state) for each in self._findings], list(backups), list(damaged)
        self._findings = []
        if found or verified or lost:
            check = Check(self._started, self._repository.now(), found, complete, verified, lost)
            self._repository.put(Kind.CHECK, Folder.CHECKS + new_id(self._repository.clock), check)


def _in_threads(packs: Sequence[str], verify: Verify) -> Iterator[Finding]:
    """Findings in the order of ``packs``; only so many are on their way at once as there are threads."""
    threads = processors()
    names = iter(packs)
    with ThreadPoolExecutor(threads, "check") as pool:
        try:
            running: list[Future[Finding]] = [pool.submit(_look, name, verify) for name in islice(names, threads + 1)]
            while running:
                yield running.pop(0).result()
                running += [pool.submit(_look, name, verify) for name in islice(names, 1)]
        finally:
            pool.shutdown(cancel_futures=True)


def _look(name: str, verify: Verify) -> Finding:
    try:
        second_look(lambda: verify(name))
    except ObjectNotFound:
        return Finding(name, State.MISSING, f"{PREFIX}{name} is missing")
    except DataError as error:
        return Finding(name, State.DAMAGED, error.message)
    return Finding(name, State.INTACT)
