"""What a collector must keep: the roots that count, and the packs of attempts that have not ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from freezer.errors import DamagedError, DataError, FreezerError, ObjectNotFound
from freezer.progress import Notice
from freezer.repository import cache as caches
from freezer.repository.cache import Cache
from freezer.repository.documents import Attempt, Root
from freezer.repository.ids import digest
from freezer.repository.names import PREFIX, Folder, Kind
from freezer.repository.protocol import backups, forgetting
from freezer.repository.protocol.backups import History
from freezer.repository.protocol.deciding import Decider
from freezer.repository.protocol.records import at_once
from freezer.repository.store import Repository


class Standing(msgspec.Struct, frozen=True):
    """``history``: what is decided; ``roots``: the attempts whose roots count; ``spared``: those that are forgotten and
    count only because of a hold; ``undecided``: attempts that were announced and have not ended; ``protected``:
    attempts whose packs stay."""

    history: History
    roots: frozenset[str]
    spared: frozenset[str]
    undecided: frozenset[str]
    protected: frozenset[str]


def look(repository: Repository, decider: Decider, cache: Cache | None, notice: Notice) -> Standing:
    """How things stand. Decisions are read before announcements: an attempt that is seen as aborted was adopted before,
    so its heir is seen, too; and before roots: what is decided meanwhile counts as undecided.

    :class:`DamagedError` if a backup has no root: nothing must be collected then."""
    history = backups.history(repository, cache, notice, decider=decider)
    announced = _attempts(repository, Folder.ATTEMPTS)
    roots = _attempts(repository, Folder.ROOTS)
    held = frozenset(forgetting.holds(repository, cache, notice))
    for attempt in history.commits:
        if attempt not in roots and attempt not in history.tombs:
            raise DamagedError(
                f"{PREFIX}{Folder.ROOTS}{attempt}, where a backup begins, is gone: nothing is collected",
                hint="check the repository; a backup that is lost for good can be forgotten",
            )
    undecided = announced - history.aborted - frozenset(history.commits)
    forgotten = roots & frozenset(history.forgotten)
    spared = forgotten & held
    counting = roots - history.aborted - (forgotten - spared)
    heirs = _adopted(repository, undecided, cache, notice)
    return Standing(history, counting, spared, undecided, undecided | heirs)


def read_roots(
    repository: Repository, standing: Standing, attempts: Iterable[str], cache: Cache | None, notice: Notice
) -> Iterator[Root]:
    """The roots of ``attempts``, a few read at the same time, none kept: each names all packs that its backup relies
    on. One that cannot be read is an error, unless only a hold keeps it: then it is a notice."""

    def read(attempt: str) -> Root | FreezerError:
        try:
            return _root(repository, standing, attempt, cache)
        except (DataError, ObjectNotFound) as error:
            return error

    names = sorted(attempts)
    for attempt, found in zip(names, at_once(read, names), strict=True):
        if isinstance(found, Root):
            yield found
        elif attempt in standing.spared:
            notice(found.message)
        else:
            raise DamagedError(
                f"{found.message}; nothing is collected while a root cannot be read",
                hint="check the repository; a backup that is lost for good can be forgotten",
            )


def _root(repository: Repository, standing: Standing, attempt: str, cache: Cache | None) -> Root:
    """The root of an attempt, if it is the one that was committed, or may still be."""
    name = f"{Folder.ROOTS}{attempt}"
    commit = standing.history.commits.get(attempt)
    read = caches.read(repository, cache, Kind.ROOT, name, Root)
    if read.document.attempt != attempt or (commit and digest(read.raw) != commit.decision.root):
        raise DamagedError(f"{PREFIX}{name} is not the root that it should be")
    return read.document


def _adopted(repository: Repository, undecided: Iterable[str], cache: Cache | None, notice: Notice) -> frozenset[str]:
    """What undecided attempts have taken over. An announcement that cannot be read is a notice: the writer finds out
    what was condemned."""
    found: set[str] = set()
    for attempt in sorted(undecided):
        try:
            name = f"{Folder.ATTEMPTS}{attempt}"
            found.update(caches.read(repository, cache, Kind.ATTEMPT, name, Attempt).document.adopts)
        except ObjectNotFound:
            continue
        except DataError as error:
            notice(error.message)
    return frozenset(found)


def _attempts(repository: Repository, folder: Folder) -> frozenset[str]:
    return frozenset(name.removeprefix(folder) for name in repository.names(folder))
