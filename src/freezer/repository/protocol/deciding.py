"""Commit or abort: how it is decided so that the first word counts, whoever dies or sleeps.

*Create-once*: there is one object for both, and the storage admits one only. *Markers*, for storages that cannot do
that: the writer puts ``ok/`` and then looks for ``abort/``; a reaper puts ``abort/`` and then looks for ``ok/``. So at
least one of them sees the other. Who sees nothing makes it final, the writer by ``done/``, the reaper by a tomb; if
both see each other, nothing is ever decided, and what the attempt has stored stays.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Protocol

import msgspec

from freezer.errors import ContainerError, DamagedError, ObjectExists, ObjectNotFound, StorageError, UsageError
from freezer.progress import Notice
from freezer.repository import config as configs
from freezer.repository.cache import Cache
from freezer.repository.documents import Decision, Tomb, Verdict
from freezer.repository.keys.agents import ANY_HOST
from freezer.repository.names import PREFIX, Folder, Kind
from freezer.repository.protocol import records
from freezer.repository.protocol.records import Record
from freezer.repository.store import Repository


class Decided(msgspec.Struct, frozen=True):
    """What is decided: the commits by attempt, where their objects are, and the attempts that are aborted."""

    commits: Mapping[str, Record[Decision]]
    folder: Folder
    aborted: frozenset[str]

    @property
    def attempts(self) -> frozenset[str]:
        return self.aborted.union(self.commits)


class State(enum.Enum):
    """What an attempt is in the end."""

    COMMITTED = "committed"
    ABORTED = "aborted"
    UNDECIDED = "undecided"


class Closed(msgspec.Struct, frozen=True):
    """What became of an attempt that was to be aborted; ``reason``: why it is, which somebody else may have said."""

    state: State
    reason: str = ""


class Decider(Protocol):
    """How a repository decides. Which one it is was fixed when the repository was made.

    ``first_word_counts``: the reason of an abort is that of whoever aborted first."""

    @property
    def first_word_counts(self) -> bool: ...

    def commit(self, decision: Decision) -> tuple[str, bytes]:
        """Make the attempt a backup; name and bytes of the object that says so. :class:`ContainerError` if it was
        aborted before; after any other error it is not known which of both it is."""
        ...

    def abort(self, attempt: str, reason: str) -> bool:
        """Make sure that the attempt is none, and never will be; False if it is one, or that cannot be decided."""
        ...

    def close(self, attempt: str, reason: str) -> Closed:
        """As :meth:`abort`, and what stands then."""
        ...

    def is_aborted(self, attempt: str) -> bool:
        """Whether somebody said so; a quick look, which only saves a writer useless work."""
        ...

    def open_among(self, attempts: frozenset[str]) -> frozenset[str]:
        """Those that nobody has decided on, by names alone; perhaps too few."""
        ...

    def decided(self, cache: Cache | None, notice: Notice) -> Decided:
        """All that is decided by those who may; a notice for everything else that looks like it."""
        ...


def decider_of(repository: Repository, api: Decider | None = None) -> Decider:
    """The decider that the repository was made with. ``api``: the one of the API, if this program speaks to it."""
    match repository.config.decider:
        case configs.Decider.CREATE_ONCE:
            return CreateOnce(repository)
        case configs.Decider.MARKERS:
            return Markers(repository)
        case configs.Decider.API:
            if api is None:
                raise UsageError(f"{repository.describe()} decides by the API, which is not configured")
            return api


class CreateOnce:
    """``commits/<attempt>`` is the decision."""

    first_word_counts = True

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def commit(self, decision: Decision) -> tuple[str, bytes]:
        raw = self._put(decision)
        name = _name(Folder.COMMITS, decision.attempt)
        if raw is not None:
            return name, raw
        found = self._repository.get(Kind.DECISION, name, Decision).document
        raise _lost(decision, found.reason)

    def abort(self, attempt: str, reason: str) -> bool:
        return self.close(attempt, reason).state is State.ABORTED

    def close(self, attempt: str, reason: str) -> Closed:
        if self._put(Decision(Verdict.ABORT, attempt, self._repository.now(), reason=reason)) is not None:
            return Closed(State.ABORTED, reason)
        found = self._repository.get(Kind.DECISION, _name(Folder.COMMITS, attempt), Decision).document
        if found.verdict is Verdict.ABORT and found.attempt == attempt:
            return Closed(State.ABORTED, found.reason)
        return Closed(State.COMMITTED)

    def is_aborted(self, attempt: str) -> bool:
        return self._repository.exists(_name(Folder.COMMITS, attempt))

    def open_among(self, attempts: frozenset[str]) -> frozenset[str]:
        return attempts - _attempts(self._repository, Folder.COMMITS)

    def decided(self, cache: Cache | None, notice: Notice) -> Decided:
        repository = self._repository
        found = records.read_all(repository, cache, Folder.COMMITS, Kind.DECISION, Decision, notice)
        aborted = {
            attempt
            for attempt, record in found.items()
            if record.document.verdict is Verdict.ABORT and record.document.attempt == attempt
        }
        commits = {attempt: record for attempt, record in found.items() if attempt not in aborted}
        return Decided(_valid(repository, Folder.COMMITS, commits, notice), Folder.COMMITS, frozenset(aborted))

    def _put(self, decision: Decision) -> bytes | None:
        """The bytes of the decision if it is the first one, None if another was there before."""
        repository, name = self._repository, _name(Folder.COMMITS, decision.attempt)
        if not repository.storage.capabilities.create_once:
            raise ContainerError(
                f"{repository.describe()} decides by create-once, which its storage cannot do (any more)",
                hint="check-storage says what it can do",
            )
        raw = repository.pack_object(Kind.DECISION, name, decision)
        problem: StorageError | None = None
        try:
            repository.storage.put_new(PREFIX + name, raw)
        except ObjectExists:
            pass
        except StorageError as error:  # nobody knows whether it was stored
            problem = error
        try:
            stored = repository.read(name)
        except ObjectNotFound:
            if problem is None:
                raise
            raise problem from None
        return raw if stored == raw else None


class Markers:
    """``ok/``, ``abort/``, ``done/`` and tombs."""

    first_word_counts = False

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def commit(self, decision: Decision) -> tuple[str, bytes]:
        repository, attempt = self._repository, decision.attempt
        name = _name(Folder.OK, attempt)
        raw = repository.put(Kind.DECISION, name, decision)
        if self.is_aborted(attempt):
            raise _lost(decision, "")
        repository.put(Kind.DECISION, _name(Folder.DONE, attempt), decision)
        return name, raw

    def close(self, attempt: str, reason: str) -> Closed:
        repository, name = self._repository, _name(Folder.ABORT, attempt)
        try:
            before = repository.get(Kind.DECISION, name, Decision).document.reason
        except ObjectNotFound:
            before = reason
        if self.abort(attempt, before):
            return Closed(State.ABORTED, repository.get(Kind.DECISION, name, Decision).document.reason)
        return Closed(State.COMMITTED if repository.exists(_name(Folder.DONE, attempt)) else State.UNDECIDED)

    def abort(self, attempt: str, reason: str) -> bool:
        repository = self._repository
        if self._settled(attempt):
            return False
        decision = Decision(Verdict.ABORT, attempt, repository.now(), reason=reason)
        repository.put(Kind.DECISION, _name(Folder.ABORT, attempt), decision)
        if repository.exists(_name(Folder.OK, attempt)):
            return False
        repository.put(Kind.TOMB, _name(Folder.TOMBS, attempt), Tomb(attempt, repository.now(), reason))
        return True

    def is_aborted(self, attempt: str) -> bool:
        return self._repository.exists(_name(Folder.ABORT, attempt))

    def open_among(self, attempts: frozenset[str]) -> frozenset[str]:
        repository = self._repository
        final = _attempts(repository, Folder.ABORT) & _attempts(repository, Folder.TOMBS)
        return attempts - final - _attempts(repository, Folder.DONE)

    def decided(self, cache: Cache | None, notice: Notice) -> Decided:
        repository = self._repository
        done = records.read_all(repository, cache, Folder.DONE, Kind.DECISION, Decision, notice)
        abort = records.read_all(repository, cache, Folder.ABORT, Kind.DECISION, Decision, notice)
        tombs = records.read_all(repository, cache, Folder.TOMBS, Kind.TOMB, Tomb, notice)
        ok = records.read_all(repository, cache, Folder.OK, Kind.DECISION, Decision, notice)
        commits = {attempt: record for attempt, record in ok.items() if attempt in done}
        aborted = frozenset(attempt for attempt in abort if attempt in tombs and attempt not in done)
        return Decided(_valid(repository, Folder.OK, commits, notice), Folder.OK, aborted)

    def _settled(self, attempt: str) -> bool:
        """Whether there is a commit, or the beginning of one: that is completed if nobody has contradicted it."""
        repository = self._repository
        if repository.exists(_name(Folder.DONE, attempt)):
            return True
        try:
            commit = repository.get(Kind.DECISION, _name(Folder.OK, attempt), Decision).document
        except ObjectNotFound:
            return False
        if not self.is_aborted(attempt):
            repository.put(Kind.DECISION, _name(Folder.DONE, attempt), commit)
        return True


def _name(folder: Folder, attempt: str) -> str:
    return folder + attempt


def _attempts(repository: Repository, folder: Folder) -> frozenset[str]:
    return frozenset(name.removeprefix(folder) for name in repository.names(folder))


def _lost(decision: Decision, reason: str) -> ContainerError:
    why = f" ({reason})" if reason else ""
    return ContainerError(
        f"the attempt {decision.attempt} was aborted by somebody else before it was complete{why}",
        hint="run the backup again: what is stored already is taken over",
    )


def _valid(
    repository: Repository, folder: Folder, commits: Mapping[str, Record[Decision]], notice: Notice
) -> dict[str, Record[Decision]]:
    """Those that are what they should be, by an agent that may commit for the host; a notice for each other one."""
    valid: dict[str, Record[Decision]] = {}
    for attempt, record in commits.items():
        decision, name = record.document, PREFIX + _name(folder, attempt)
        if decision.verdict is not Verdict.COMMIT or decision.attempt != attempt or decision.summary is None:
            notice(f"{name} is no decision on that attempt")
            continue
        try:
            hosts = repository.certificate(record.agent).hosts
        except DamagedError as error:
            notice(f"{name} does not count: {error.message}")
            continue
        if decision.summary.host in hosts or ANY_HOST in hosts:
            valid[attempt] = record
        else:
            notice(f"{name} does not count: {record.agent} may not make backups of {decision.summary.host}")
    return valid
