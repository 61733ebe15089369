"""A backup into a repository.

The order is that of the format page, section The writer: what is condemned is known before anything is reused, packs
and index parts are stored before the root, the root before the decision. Whatever ends the run before that leaves what
it has stored to the next backup of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freezer import __version__
from freezer.agent.consistency import add_unread, checksum_of
from freezer.agent.context import Context
from freezer.agent.dedup.choosing import set_of
from freezer.agent.dedup.guards import mention_oddities, refuse_empty_source
from freezer.agent.dedup.made import Finished, make_earlier_result, make_plan_result, make_result
from freezer.agent.dedup.opening import Opened, open_to_read, open_to_write, opened_storage
from freezer.agent.dedup.rehearsal import Rehearsal
from freezer.agent.dedup.source import Reading, prepared
from freezer.agent.dedup.witness import last_commit, seen
from freezer.agent.places.opening import sections_of
from freezer.agent.result import Result
from freezer.engine.contract import Tree
from freezer.engine.dedup.backup.earlier import Previous
from freezer.engine.dedup.backup.items import Options
from freezer.engine.dedup.backup.result import Made
from freezer.engine.dedup.backup.run import DedupBackup
from freezer.errors import DataError, FreezerError, ObjectNotFound, UsageError
from freezer.model.failures import Failures
from freezer.model.items import printable
from freezer.options.rules import asks_to_remove
from freezer.repository.documents import Process, Root, Summary
from freezer.repository.index import Index
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.writing import ChunkWriter, How, Written
from freezer.repository.protocol import attempt, condemned, fencing, process, quarantine
from freezer.repository.protocol.attempt import Announcement, Trial
from freezer.repository.protocol.backups import Backup
from freezer.repository.protocol.deciding import decider_of
from freezer.repository.protocol.fencing import AlreadyCommitted
from freezer.storage.contract import Storage

_NANO = 1_000_000_000
_LEVELS = {"fast": 1, "default": 3, "best": 12}  # of Zstandard


def run(context: Context) -> Result:
    """Make one backup (with ``--dry-run``: say what it would store)."""
    with opened_storage(context, reading=False) as storage, prepared(context) as reading:
        if context.settings.flag("dry_run"):
            return _rehearse(context, open_to_read(context, storage), reading)
        found = open_to_write(context, storage)
        try:
            result = _make(context, found, reading)
        except AlreadyCommitted as error:
            return _made_before(context, found, error.attempt)
        if result.failures or not asks_to_remove(context.settings):
            return result
        return _removed(context, found, result)


def _make(context: Context, found: Opened, reading: Reading) -> Result:
    repository, begun = found.repository, context.clock.monotonic()
    past = seen(context, found)
    before = _newest(context, found, past.backups())
    fenced = None if context.lease is None else context.lease.fenced
    if fenced is not None:
        fencing.made_before(fenced, {attempt: each.summary.run for attempt, each in past.commits.items()})
    announcement = Announcement(
        context.settings.text("hostname"),
        context.invocation.backup_name,
        context.settings.optional_text("backup_id") or "",
        fenced,
    )
    checksum, unread = _checksum(context, reading)
    trial = attempt.begin(repository, decider_of(repository), announcement, context.notice, lives=_lives_elsewhere)
    index = trial.open_index(found.cache, context.notice)
    reader = PackReader(repository, index, cache=found.cache)
    writer = ChunkWriter(repository, trial.id, index, _how(context, repository.storage))
    try:
        writer.publish(trial.unpublished)
        engine = _engine(context, found, reading, writer, _previous(context, found, index, before))
        made = _read(context, engine, before)
        add_unread(made.summary.failures, unread)
        context.progress.phase("finish")
        written = writer.finish()
        backup = trial.commit(
            _root(context, trial, made, written),
            _summary(context, trial, made, written),
            writer,
            index,
            previous=last_commit(found, past),
            reread=lambda ids: engine.reread(ids, reader),
            cache=found.cache,
            notice=context.notice,
        )
    except BaseException:
        writer.abandon()
        raise
    found.local.remember({backup.agent: backup.head})
    seconds = context.clock.monotonic() - begun
    return make_result(context, Finished(found, backup, made, written, seconds, checksum))


def _made_before(context: Context, found: Opened, attempt: str) -> Result:
    """The result of a run whose backup an earlier try has made."""
    made = seen(context, found).commits[attempt]
    context.notice(f"an earlier try of this run has made the backup {attempt}: it is the result")
    return make_earlier_result(context, found, made)


def _checksum(context: Context, reading: Reading) -> tuple[str, Failures]:
    source = reading.source
    if isinstance(source, Tree):
        return checksum_of(context, source, follow_links=_follows_links(context), excluded=reading.excluded)
    if context.settings.flag("consistency_check"):
        raise UsageError(
            f"--consistency-check is of directories and files, which {printable(source.path or source.name)} is not"
        )
    return "", Failures()


def _follows_links(context: Context) -> bool:
    return context.settings.optional_text("dereference_symlink") in ("soft", "all")


def _lives_elsewhere(other: Process) -> bool:
    """Whether another process is at it. An attempt of our own process has failed: it makes one backup at a time."""
    return other != process.own() and process.lives(other)


def _engine(
    context: Context, found: Opened, reading: Reading, writer: ChunkWriter, previous: Previous | None
) -> DedupBackup:
    links = context.settings.optional_text("dereference_symlink")
    options = Options(
        excluded=reading.excluded,
        follow_symlinks=_follows_links(context),
        follow_hard_links=links in ("hard", "all"),
        rehash=context.settings.share("rehash"),
    )
    return DedupBackup(
        reading.source, found.repository, writer, previous, options, progress=context.progress, notice=context.notice
    )


def _read(context: Context, engine: DedupBackup, before: Backup | None) -> Made:
    """Have the source read. How much that will be is guessed from the backup before."""
    known = None if before is None else before.summary
    context.progress.phase(
        "store",
        total_bytes=known.bytes if known else None,
        total_items=known.files + known.directories if known else None,
    )
    made = engine.run()
    context.progress.complete()
    refuse_empty_source(context, made, before)
    return made


def _newest(context: Context, found: Opened, backups: Sequence[Backup]) -> Backup | None:
    """The newest backup of this host and name."""
    own = set_of(context, backups)
    if not own:
        return None
    mention_oddities(context, found, own[-1])
    return own[-1]


def _previous(context: Context, found: Opened, index: Index, before: Backup | None) -> Previous | None:
    """What is known of the files that did not change since the backup ``before``."""
    if before is None:
        return None
    try:
        root = before.root(found.repository, found.cache)
    except (DataError, ObjectNotFound) as error:
        context.notice(f"{error.message}: everything is read again")
        return None
    return Previous(root, PackReader(found.repository, index, cache=found.cache), index.packs)


def _how(context: Context, storage: Storage) -> How:
    settings = context.settings
    far = storage.capabilities.read_ahead > 1  # then one upload after the other leaves the line idle in between
    return How(
        pack_size=settings.integer("pack_size"),
        level=_LEVELS[settings.text("compression_level")],
        verify=settings.flag("check_before_upload"),
        uploads=settings.optional_integer("upload_concurrency") or (2 if far else 1),
    )


def _root(context: Context, trial: Trial, made: Made, written: Written) -> Root:
    return Root(
        attempt=trial.id,
        host=context.settings.text("hostname"),
        backup_name=context.invocation.backup_name,
        started=trial.started,
        sources=[made.source],
        needs=sorted(written.needs),
        parts=written.parts,
        states=made.states,
        owners=made.owners,
    )


def _summary(context: Context, trial: Trial, made: Made, written: Written) -> Summary:
    settings, summary = context.settings, made.summary
    return Summary(
        host=settings.text("hostname"),
        backup_name=context.invocation.backup_name,
        started=trial.started,
        ended=int(context.clock.now() * _NANO),
        tags=list(settings.texts("tag")),
        paths=[made.source.path],
        files=summary.files,
        directories=summary.directories,
        bytes=summary.bytes,
        stored_bytes=written.stored_bytes,
        failures=summary.failures.total,
        complete=not summary.failures.total,
        mode=settings.text("mode"),
        run=context.lease.fenced.text if context.lease else settings.optional_text("backup_id") or "",
        version=__version__,
    )


def _removed(context: Context, found: Opened, result: Result) -> Result:
    """``result`` of a complete backup, after the removal that its options ask for."""
    from freezer.agent.dedup.forgetting import forget_by_rules

    try:
        done = forget_by_rules(context, sections_of(context)[0].container, found)
    except FreezerError as error:  # the backup is made, and is reported
        return msgspec.structs.replace(result, error=error)
    return msgspec.structs.replace(result, lines=[*result.lines, *done.lines], upkeep=result.upkeep.plus(done.upkeep))


def _rehearse(context: Context, found: Opened, reading: Reading) -> Result:
    """What the backup would store; nothing is written."""
    before = _newest(context, found, seen(context, found).backups())
    repository, cache = found.repository, found.cache
    unusable = condemned.load(repository, cache) | quarantine.load(repository, cache, context.notice)
    index = Index.load(repository, condemned=unusable, cache=cache, notice=context.notice)
    previous = _previous(context, found, index, before)
    writer = Rehearsal(repository, "", index)
    made = _read(context, _engine(context, found, reading, writer, previous), before)
    return make_plan_result(made, writer.finish())
