"""One try of one agent to make one backup, from its announcement to its decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from freezer.errors import BusyError, DataError, FreezerError, ObjectNotFound, PermissionDenied
from freezer.progress import Notice
from freezer.repository.cache import Cache
from freezer.repository.documents import Attempt, Decision, PackRecord, Process, Root, Summary, Verdict
from freezer.repository.ids import digest
from freezer.repository.index import Index
from freezer.repository.local import Head
from freezer.repository.names import Folder, Kind, is_numbered, new_id
from freezer.repository.packs.describing import describe
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.protocol import condemned, process, quarantine
from freezer.repository.protocol.backups import Backup
from freezer.repository.protocol.deciding import Decider
from freezer.repository.protocol.fencing import Fenced, close_others, fenced_id
from freezer.repository.protocol.validation import Reread, Validation
from freezer.repository.store import Read, Repository


class Announcement(msgspec.Struct, frozen=True):
    """Whose backup is tried, by which run of a scheduler (or none). ``fenced``: as which stint of which try, so that
    others cannot make the same backup as well."""

    host: str
    backup_name: str
    run: str = ""
    fenced: Fenced | None = None


class Trial:
    """An announced attempt. ``id`` is its name, ``started`` when it was announced (nanoseconds since 1970), ``adopted``
    the earlier attempts whose packs it takes over. If it fails, nothing need be done: the next one adopts it."""

    def __init__(self, repository: Repository, decider: Decider, id: str, announcement: Attempt) -> None:
        self.id = id
        self.started = announcement.started
        self.adopted = frozenset(announcement.adopts)
        self.unpublished: list[PackRecord] = []
        """Adopted packs that no index part speaks of: for :meth:`ChunkWriter.publish`; known after
        :meth:`open_index`."""
        self._repository = repository
        self._decider = decider
        self._announcement = announcement

    def open_index(self, cache: Cache | None, notice: Notice) -> Index:
        """Where chunks are that may be relied upon: lists of condemned packs are read before the index, and what
        adopted attempts had stored but not published is asked of the packs."""
        repository = self._repository
        unusable = condemned.load(repository, cache) | quarantine.load(repository, cache, notice)
        index = Index.load(repository, condemned=unusable, cache=cache, notice=notice)
        if self.adopted:
            stored = (name for folder in (Folder.PACKS, Folder.META) for name in repository.names(folder))
            self.unpublished = [
                record
                for name in index.unlisted(stored)
                if any(is_numbered(name, each) for each in self.adopted)
                and (record := _described(repository, name, notice)) is not None
            ]
            for record in self.unpublished:
                index.add(record)
        return index

    def commit(
        self,
        root: Root,
        summary: Summary,
        writer: ChunkWriter,
        index: Index,
        *,
        previous: Head | None = None,
        reread: Reread | None = None,
        cache: Cache | None = None,
        notice: Notice,
    ) -> Backup:
        """Make it a backup: steps 5 to 7 of the writer. ``writer`` is finished, ``root`` names what it has written and
        relies on; ``index`` is the one it used. ``previous``: the last commit of this agent. ``reread`` is asked to
        store chunks again that were removed meanwhile.

        :class:`ContainerError` if the attempt was aborted by somebody else, or lacks something that cannot be had."""
        repository = self._repository
        raw = repository.put(Kind.ROOT, f"{Folder.ROOTS}{self.id}", root)
        validation = Validation(repository, writer, index, reread, cache, notice)
        validation.run(root, lambda: not self._decider.is_aborted(self.id))
        decision = Decision(
            Verdict.COMMIT,
            self.id,
            repository.now(),
            digest(raw),
            b"" if previous is None else previous.name.encode() + bytes.fromhex(previous.digest),
            0 if previous is None else previous.counter + 1,
            summary,
        )
        name, committed = self._decider.commit(decision)
        agent = self._announcement.agent
        return Backup(self.id, agent, decision, name, digest(committed), repository.clock.now())


def begin(
    repository: Repository,
    decider: Decider,
    announcement: Announcement,
    notice: Notice,
    *,
    lives: Callable[[Process], bool] = process.lives,
) -> Trial:
    """Announce an attempt, adopt earlier ones of the same agent and backup that have not ended, and abort them:
    announced first, so that no collector sees their packs without an heir. :class:`BusyError` if one of them still runs
    here. One that is fenced also makes sure that no earlier try of its run becomes a backup; then, and in what is
    raised, as :func:`freezer.repository.protocol.fencing.close_others`."""
    if repository.agent is None:
        raise PermissionDenied(f"{repository.describe()} is open for reading only")
    fenced = announcement.fenced
    unfinished = _unfinished(repository, decider, notice)
    ours = {id: each.document for id, each in unfinished.items() if _is_ours(repository, announcement, each)}
    _check_idle(announcement, ours, lives)
    document = Attempt(
        repository.agent.id,
        announcement.host,
        announcement.backup_name,
        repository.now(),
        announcement.run if fenced is None else fenced.text,
        process.own(),
        _heritage(ours),
    )
    id = new_id(repository.clock) if fenced is None else fenced_id(fenced)
    repository.put(Kind.ATTEMPT, f"{Folder.ATTEMPTS}{id}", document)
    if fenced is not None:
        try:
            close_others(decider, fenced, [each.document.run for each in unfinished.values()])
        except FreezerError:
            decider.abort(id, "it has stored nothing")
            raise
    for each in ours:
        decider.abort(each, f"taken over by the attempt {id}")
    return Trial(repository, decider, id, document)


def _check_idle(announcement: Announcement, ours: Mapping[str, Attempt], lives: Callable[[Process], bool]) -> None:
    """BusyError if this backup is being made here. Another try of the same run is not in the way: it is closed."""
    fenced = announcement.fenced
    for id, attempt in ours.items():
        if fenced is not None and fenced.is_of(attempt.run):
            continue
        if attempt.process is not None and lives(attempt.process):
            raise BusyError(
                f"{announcement.backup_name} is being backed up already (process {attempt.process.pid}, attempt {id})"
            )


def _unfinished(repository: Repository, decider: Decider, notice: Notice) -> dict[str, Read[Attempt]]:
    """Attempts that nobody has decided on."""
    prefix = Folder.ATTEMPTS
    announced = frozenset(name.removeprefix(prefix) for name in repository.names(prefix))
    found: dict[str, Read[Attempt]] = {}
    for id in sorted(decider.open_among(announced)):
        try:
            found[id] = repository.get(Kind.ATTEMPT, f"{prefix}{id}", Attempt)
        except ObjectNotFound:
            continue
        except DataError as error:
            notice(error.message)
    return found


def _is_ours(repository: Repository, announcement: Announcement, read: Read[Attempt]) -> bool:
    """Whether an attempt is one of our agent to make this backup."""
    attempt, agent = read.document, repository.agent
    mine = agent is not None and read.agent == agent.id
    return mine and (attempt.host, attempt.backup_name) == (announcement.host, announcement.backup_name)


def _heritage(ours: dict[str, Attempt]) -> list[str]:
    """What is adopted: these attempts, and what they had adopted themselves."""
    return sorted({*ours, *(each for attempt in ours.values() for each in attempt.adopts)})


def _described(repository: Repository, name: str, notice: Notice) -> PackRecord | None:
    try:
        return describe(repository, name)
    except ObjectNotFound:
        return None
    except DataError as error:
        notice(error.message)
        return None
