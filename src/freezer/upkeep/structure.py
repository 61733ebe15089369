"""Whether a repository is whole, as far as can be told without reading its packs.

Every object is read and authenticated: none can be missing, cut, exchanged or taken from elsewhere without being
named. Of packs size and first bytes are compared with the index; what is inside them is for
:mod:`freezer.upkeep.reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from freezer.errors import DamagedError, DataError, ObjectNotFound
from freezer.progress import Progress
from freezer.repository import documents
from freezer.repository.access import checking
from freezer.repository.documents import Document, Root
from freezer.repository.index import Index, Pack
from freezer.repository.local import Head
from freezer.repository.names import CONFIG, CONFIG_COPY, PREFIX, Folder, Kind, time_of
from freezer.repository.packs.describing import describe
from freezer.repository.packs.layout import HEADER_SIZE
from freezer.repository.protocol import purging
from freezer.repository.protocol.backups import Backup, History, rolled_back
from freezer.repository.protocol.reach import Load, Reach
from freezer.repository.protocol.records import at_once
from freezer.repository.second_look import second_look
from freezer.repository.store import Repository
from freezer.units import counted

_WRAP = slice(16, 108)  # of the content key, in a pack's header
_DIGEST = 32  # bytes of H
_AT_ONCE = 8  # objects that are looked at
UNREADABLE = "it is listed, but cannot be read"
_FOLDERS: Mapping[Folder, tuple[Kind, type[Document]]] = {
    Folder.ATTEMPTS: (Kind.ATTEMPT, documents.Attempt),
    Folder.COMMITS: (Kind.DECISION, documents.Decision),
    Folder.OK: (Kind.DECISION, documents.Decision),
    Folder.ABORT: (Kind.DECISION, documents.Decision),
    Folder.DONE: (Kind.DECISION, documents.Decision),
    Folder.GC: (Kind.CONDEMNED, documents.Condemned),
    Folder.TOMBS: (Kind.TOMB, documents.Tomb),
    Folder.HOLDS: (Kind.HOLD, documents.Hold),
    Folder.CHECKS: (Kind.CHECK, documents.Check),
    Folder.DRILLS: (Kind.DRILL, documents.Drill),
}
"""Where signed documents are that nothing else here looks at."""


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with an object; ``backups``: ids of those that it makes unreliable; ``pack``: its name, if it is
    one and was seen to be damaged."""

    object: str
    reason: str
    backups: tuple[str, ...] = ()
    pack: str = ""


def check_documents(repository: Repository, progress: Progress) -> Iterator[Problem]:
    """Read every object that is neither a pack nor belongs to one."""
    yield from _config(repository)
    for name, reason in checking.problems(repository):
        yield Problem(PREFIX + name, reason)
    looks = [
        _Look(name, repository.certificate, (name.removeprefix(Folder.AGENTS),))
        for name in repository.names(Folder.AGENTS)
    ]
    for folder, (kind, type) in _FOLDERS.items():
        looks += [_Look(name, repository.get, (kind, name, type)) for name in repository.names(folder)]
    yield from _in_threads("records", looks, progress)


def check_index(repository: Repository, progress: Progress) -> Iterator[Problem]:
    """Read every index part. One that is damaged costs time, not data: packs describe themselves."""
    parts = repository.names(Folder.INDEX)
    looks = [_Look(name, repository.get, (Kind.INDEX, name, documents.IndexPart)) for name in parts]
    yield from _in_threads("index", looks, progress)


def check_packs(
    repository: Repository, index: Index, sizes: Mapping[str, int], progress: Progress
) -> Iterator[Problem]:
    """Compare every pack that there is (``sizes`` in bytes, as listed) with what is known of it; one that nothing is
    known of has to tell itself."""
    known = index.packs
    looks = []
    for name, size in sizes.items():
        pack = known.get(name)
        if pack is None:
            looks.append(_Look(name, describe, (repository, name, size), name))
        elif pack.size != size:
            yield Problem(PREFIX + name, f"it has {size} bytes; {pack.size} were written", pack=name)
        else:
            looks.append(_Look(name, _compare_head, (repository, pack), name))
    yield from _in_threads("packs", looks, progress)


def check_roots(repository: Repository, backups: Sequence[Backup], progress: Progress) -> Iterator[Problem]:
    """Whether every backup has the root that it was committed with."""

    def look(backup: Backup) -> Problem | None:
        try:
            backup.root(repository)
        except ObjectNotFound:
            return Problem(f"{PREFIX}{Folder.ROOTS}{backup.attempt}", "it is missing", (backup.attempt,))
        except DataError as error:
            return Problem(f"{PREFIX}{Folder.ROOTS}{backup.attempt}", error.message, (backup.attempt,))
        return None

    progress.phase("roots", total_items=len(backups))
    for problem in at_once(look, backups):
        progress.advance(done_items=1)
        if problem is not None:
            yield problem


def check_chains(history: History, remembered: Mapping[str, Head], now: float) -> Iterator[Problem]:
    """Whether every commit is there that a later one of the same agent follows, or that this machine ``remembered``.
    What is forgotten is taken away by a prune after some time, tomb and all, so that of old ones nothing can be told.
    ``now``: seconds since 1970."""
    for line in rolled_back(history, remembered):
        yield Problem("history", line)
    for backup in history.commits.values():
        previous = backup.decision.previous
        name, expected = previous[:-_DIGEST].decode("ascii", "replace"), previous[-_DIGEST:].hex()
        attempt = name.rpartition("/")[2]
        if not attempt or attempt in history.tombs:
            continue
        found = history.commits.get(attempt)
        if found is None and time_of(attempt) > now - purging.AFTER:
            yield Problem(PREFIX + name, "it is missing, and nobody has forgotten that backup", (attempt,))
        elif found is not None and found.head.digest != expected:
            yield Problem(PREFIX + name, f"it is not the commit that {backup.attempt} followed", (attempt,))


def check_reach(
    index: Index, load: Load, backups: Sequence[Backup], roots: Callable[[Sequence[Backup]], Iterable[Root]]
) -> Iterator[Problem]:
    """Whether every chunk of ``backups`` has a place in ``index``, and all trees can be read. What backups share is
    looked at once, and if something is wrong once more for each, to tell which it concerns. ``roots`` gives those
    that can be read."""
    together = Reach(index, load)
    together.walk(roots(backups))
    if together.complete:
        return
    for backup in backups:
        attempt, reach = backup.attempt, Reach(index, load)
        reach.walk(roots([backup]))
        lost = sum(map(len, reach.missing.values()))
        if lost:
            reason = f"{counted(lost, 'chunk')} of it are in no object that is intact"
            yield Problem(f"backup {attempt}", reason, (attempt,))
        elif reach.unread:
            yield Problem(f"backup {attempt}", next(iter(reach.unread.values())), (attempt,))


class _Look(msgspec.Struct, frozen=True):
    """A look at the object ``name``: ``act`` raises :class:`DataError` if something is wrong with it. ``pack``: as in
    the problem."""

    name: str
    act: Callable[..., object]
    words: tuple[object, ...]
    pack: str = ""

    def __call__(self) -> Problem | None:
        try:
            self.act(*self.words)
        except ObjectNotFound:
            return Problem(PREFIX + self.name, "it is listed, but cannot be read", pack=self.pack)
        except DataError as error:
            return Problem(PREFIX + self.name, error.message, pack=self.pack)
        return None


def _in_threads(phase: str, looks: Sequence[_Look], progress: Progress) -> Iterator[Problem]:
    """What is found, in order. Most of the time of a look is waiting for the storage."""
    progress.phase(phase, total_items=len(looks))
    with ThreadPoolExecutor(_AT_ONCE, "check") as pool:
        try:
            for look, problem in zip(looks, pool.map(_Look.__call__, looks), strict=True):
                progress.current(look.name)
                progress.advance(done_items=1)
                if problem is not None:
                    yield problem
        finally:
            pool.shutdown(cancel_futures=True)


def _compare_head(repository: Repository, record: Pack) -> None:
    """The first bytes of a pack are its own alone, so another pack in its place is noticed by them."""

    def look() -> None:
        raw = repository.read(record.name, 0, HEADER_SIZE)
        if raw[: len(record.head)] != record.head or raw[_WRAP] != record.wrap:
            raise DamagedError(f"{PREFIX}{record.name} is not the pack that was written there")

    second_look(look)


def _config(repository: Repository) -> Iterator[Problem]:
    """Both copies, which have to be equal."""
    found = []
    for name in (CONFIG, CONFIG_COPY):
        try:
            found.append(repository.read(name))
        except ObjectNotFound:
            yield Problem(PREFIX + name, "it is missing; the other copy is used")
    if len(set(found)) > 1:
        yield Problem(PREFIX + CONFIG_COPY, f"it differs from {PREFIX}{CONFIG}: one of the two is damaged")
