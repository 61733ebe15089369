"""The backups of a repository: what is committed and not forgotten."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import attrgetter

import msgspec

from freezer.errors import DamagedError
from freezer.progress import Notice
from freezer.repository import cache as caches
from freezer.repository.cache import Cache
from freezer.repository.documents import Decision, Root, Summary, Tomb
from freezer.repository.ids import digest
from freezer.repository.local import Head
from freezer.repository.names import PREFIX, Folder, Kind
from freezer.repository.protocol import records
from freezer.repository.protocol.deciding import Decider, decider_of
from freezer.repository.protocol.records import Record
from freezer.repository.store import Repository


class Backup(msgspec.Struct, frozen=True):
    """A commit: the attempt, the agent that made it, what it said; ``object`` is the name of the decision, ``digest`` H
    of its bytes, ``modified`` when the storage got it (seconds since 1970, by the storage's clock)."""

    attempt: str
    agent: str
    decision: Decision
    object: str
    digest: bytes
    modified: float

    @property
    def summary(self) -> Summary:
        assert self.decision.summary is not None  # commits without one do not count
        return self.decision.summary

    @property
    def started(self) -> int:
        """Nanoseconds since 1970, by the clock of the machine."""
        return self.summary.started

    @property
    def head(self) -> Head:
        """What a machine remembers of it."""
        return Head(self.object, self.decision.counter, self.digest.hex())

    def root(self, repository: Repository, cache: Cache | None = None) -> Root:
        """Where the backup begins. :class:`DamagedError` if that is not the one which was committed."""
        name = f"{Folder.ROOTS}{self.attempt}"
        read = caches.read(repository, cache, Kind.ROOT, name, Root)
        if digest(read.raw) != self.decision.root or read.document.attempt != self.attempt:
            raise DamagedError(f"{PREFIX}{name} is not the root that was committed")
        return read.document


class History(msgspec.Struct, frozen=True):
    """All commits that are stored, by attempt, forgotten ones too; the tombs, of which those of other attempts say
    nothing; the attempts that are aborted."""

    commits: Mapping[str, Backup]
    tombs: Mapping[str, Record[Tomb]]
    aborted: frozenset[str]

    @property
    def forgotten(self) -> Collection[str]:
        """The commits that have a tomb."""
        return self.commits.keys() & self.tombs.keys()

    def backups(self) -> list[Backup]:
        """Those that are not forgotten, the oldest first; where a clock stood still, in the order in which their agent
        made them."""
        left = (backup for attempt, backup in self.commits.items() if attempt not in self.tombs)
        return sorted(left, key=attrgetter("started", "decision.counter", "attempt"))


def history(repository: Repository, cache: Cache | None, notice: Notice, *, decider: Decider | None = None) -> History:
    """Everything that was decided. Decisions are read first: a tomb that is seen counts in any case."""
    decided = (decider or decider_of(repository)).decided(cache, notice)
    tombs = records.read_all(repository, cache, Folder.TOMBS, Kind.TOMB, Tomb, notice)
    commits = {
        attempt: Backup(
            attempt, record.agent, record.document, decided.folder + attempt, record.digest, record.modified
        )
        for attempt, record in decided.commits.items()
    }
    tombs = {attempt: tomb for attempt, tomb in tombs.items() if tomb.document.attempt == attempt}
    return History(commits, tombs, decided.aborted)


def backups(
    repository: Repository, cache: Cache | None, notice: Notice, *, decider: Decider | None = None
) -> list[Backup]:
    """All backups, the oldest first; a notice for everything that claims to be one and is none."""
    return history(repository, cache, notice, decider=decider).backups()


def heads(history: History) -> dict[str, Head]:
    """The last commit of each agent: what a machine should remember."""
    last: dict[str, Backup] = {}
    for backup in history.commits.values():
        known = last.get(backup.agent)
        if known is None or _order(known) < _order(backup):
            last[backup.agent] = backup
    return {agent: backup.head for agent, backup in last.items()}


def rolled_back(history: History, remembered: Mapping[str, Head]) -> list[str]:
    """A line for every agent whose last commit that this machine has seen is gone without a tomb, or is another one
    now. One that is followed by later ones may have been forgotten so long ago that its tomb is gone, too."""
    now = heads(history)
    lines = []
    for agent, head in sorted(remembered.items()):
        attempt = head.name.rpartition("/")[2]
        backup = history.commits.get(attempt)
        if backup is None:
            later = agent in now and now[agent].counter > head.counter
            if attempt not in history.tombs and not later:
                lines.append(f"{PREFIX}{head.name} is gone, and nobody has forgotten it: the storage was rolled back")
        elif backup.head != head:
            lines.append(f"{PREFIX}{head.name} is not the one that was there before")
    return lines


def _order(backup: Backup) -> tuple[int, str]:
    return backup.decision.counter, backup.attempt
