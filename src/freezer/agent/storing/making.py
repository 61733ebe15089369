"""A backup of engine tar: one level of one source into one container, or into several at once.

Order of what becomes visible: the archive, then the state of the next level, then the commit record. Until the last one
is durable there is no backup, and whatever ended the run in between has left nothing that looks like one.
"""

from __future__ import annotations

from collections.abc import Sequence

from freezer.agent.consistency import add_unread, checksum_of
from freezer.agent.context import Context
from freezer.agent.places.acknowledged import Acknowledged
from freezer.agent.places.opening import opened
from freezer.agent.places.place import Place, each, failure_of, held, working
from freezer.agent.result import Result
from freezer.agent.storing.feeding import How, feed
from freezer.agent.storing.planning import ENGINE, Catalogues, Pass, make_passes
from freezer.agent.storing.recording import Outcome, Stored, make_plan_result, make_record, make_result
from freezer.agent.storing.rivals import claimed, require_ours, same_second, with_rivals
from freezer.container import document
from freezer.container.catalogue import Catalogue, read_catalogue
from freezer.container.document import StoredState
from freezer.container.layout import BackupKey, SetId, data_name, hold_name, record_name, state_name
from freezer.engine.contract import Summary, Tree, pour
from freezer.engine.tar.backup.write import StoreOptions, TarBackup
from freezer.errors import FreezerError, ObjectExists, SourceError, UsageError
from freezer.mode.contract import Mode
from freezer.mode.fs import FileSystemMode
from freezer.options.rules import asks_to_remove
from freezer.progress import Progress
from freezer.stream.compression import Level
from freezer.stream.digest import StreamSummary
from freezer.tree.exclude import Exclusion

_NANO = 1_000_000_000
_STATE_SEGMENT = 4 * 1024 * 1024


def run(context: Context) -> Result:
    """Make one backup (with ``--dry-run``: say what it would be)."""
    settings = context.settings
    sync = settings.flag("sync") and not settings.flag("dry_run")
    mode: Mode = FileSystemMode(settings.text("path_to_backup"), sync=sync, notice=context.notice)
    with opened(context, settings.storages) as places:
        with mode.prepare() as source:
            tree = Tree(source.path, source.name)
            if settings.flag("dry_run"):
                return _dry_run(context, places, tree)
            each(places, lambda place: place.storage.prepare())
            set_id = _set_id(context, places)
            with held(places, hold_name(set_id)):
                outcomes = with_rivals(lambda: _run(context, places, set_id, tree), context.clock, context.notice)
        result = make_result(context, places, outcomes)
        done = [place for outcome in outcomes for place in outcome.places]
        return result if result.failures else _remove(context, done, result)


def _set_id(context: Context, places: Sequence[Place]) -> SetId:
    """The set of the backup: its expanded name, or the template itself where upstream filed a set under that and
    nobody has one under the expanded name."""
    hostname = context.settings.text("hostname")
    expanded = SetId.of(ENGINE, hostname, context.invocation.backup_name)
    raw = context.settings.text("backup_name")
    if raw == context.invocation.backup_name:
        return expanded
    filed = SetId.of(ENGINE, hostname, raw)

    def known(place: Place, set_id: SetId) -> bool:
        return place.storage.exists() and bool(place.storage.list(f"{hold_name(set_id)}/"))

    if any(there for _, there in each(places, lambda place: known(place, expanded))):
        return expanded
    if not any(there for _, there in each(places, lambda place: known(place, filed))):
        return expanded
    context.notice(f"the backups of {filed.name} are continued, whose name was not filled in")
    return filed


def _run(context: Context, places: Sequence[Place], set_id: SetId, tree: Tree) -> list[Outcome]:
    """Store the backup; what each pass stored, and where. At least one place has it."""
    catalogues = each(places, lambda place: read_catalogue(place.storage, engine=ENGINE, name=set_id.name))
    started = context.clock.now()
    passes = make_passes(context, catalogues, set_id, tree, started)
    outcomes: list[Outcome] = []
    for one in passes:
        if one is not passes[0]:
            context.notice(
                f"{', '.join(place.shown for place in one.places)}: not in step with {passes[0].places[0].shown}; "
                "the source is read once more for it"
            )
        try:
            outcome = _pass(context, one, catalogues, tree, started)
        except UsageError:
            raise
        except FreezerError as error:
            if not outcomes:
                raise
            for place in working(one.places):
                place.error = error
            continue
        if outcome is not None:
            outcomes.append(outcome)
    failure = failure_of(places)
    if not outcomes and failure is not None:
        raise failure
    return outcomes


def _pass(context: Context, one: Pass, catalogues: Catalogues, tree: Tree, started: float) -> Outcome | None:
    """Scan the source once and store it in the places of the pass; None if all of them fail."""
    with claimed(one.places, one.plan.key, context.clock):
        return _make(context, one, catalogues, tree, started)


def _make(context: Context, one: Pass, catalogues: Catalogues, tree: Tree, started: float) -> Outcome | None:
    plan, options = one.plan, _store_options(context)
    progress = Acknowledged(context.progress)
    with _engine(one, tree, options, started, progress) as engine:
        summary = engine.scan()
        _guard_empty_source(context, catalogues, plan.key.set, summary)
        checksum, unread = checksum_of(context, tree, follow_links=options.follow_symlinks, excluded=options.excluded)
        objects = _store(context, one, engine, progress)
    if objects is None:
        return None
    stream, state = objects
    add_unread(summary.failures, unread)
    stored = Stored(plan, tree, summary, stream, state, started, checksum)
    record = make_record(context, stored)
    encoded = document.encode(record)
    if context.lease is not None:
        # all that can be done where no attempt can be closed by its name: what stops us from here on is not noticed
        context.lease.check()
    done = each(one.places, lambda place: _commit(place, plan.key, encoded, stream, state))
    return Outcome(stored, record, tuple(place for place, _ in done)) if done else None


def _commit(place: Place, key: BackupKey, record: bytes, stream: StreamSummary, state: StoredState) -> None:
    try:
        place.storage.put_new(record_name(key), record)
    except ObjectExists:
        raise same_second(key) from None
    require_ours(place.storage, key, record, stream, state)


def _engine(one: Pass, tree: Tree, options: StoreOptions, now: float, progress: Progress) -> TarBackup:
    """The engine that carries the pass out. Only it has the snapshot, and it forgets that when it can."""
    return TarBackup(tree, one.take_known(), options, now_ns=int(now * _NANO), progress=progress)


def _store_options(context: Context) -> StoreOptions:
    settings = context.settings
    patterns = settings.texts("exclude")
    links = settings.optional_text("dereference_symlink")
    return StoreOptions(
        excluded=Exclusion(patterns).matches if patterns else None,
        follow_symlinks=links in ("soft", "all"),
        follow_hard_links=links in ("hard", "all"),
    )


def _guard_empty_source(context: Context, catalogues: Catalogues, set_id: SetId, summary: Summary) -> None:
    """Refuse a source that lost everything since its last backup: it is probably not mounted."""
    if summary.files or summary.links or summary.others or context.settings.flag("allow_empty_source"):
        return
    if summary.directories > 1 or all(_was_empty(catalogue, set_id) for _, catalogue in catalogues):
        return
    raise SourceError(
        f"{context.settings.text('path_to_backup')} is empty, but its last backup was not",
        hint="is its disk mounted? --allow-empty-source backs it up as it is",
    )


def _was_empty(catalogue: Catalogue, set_id: SetId) -> bool:
    """Whether there was nothing in the newest backup, or there is none."""
    chains = catalogue.chains(set_id)
    if not chains:
        return True
    newest = catalogue.record(chains[-1].members[-1])
    details = newest.freezer if newest is not None else None
    return details is not None and details.summary.files + details.summary.links + details.summary.others == 0


def _store(
    context: Context, one: Pass, engine: TarBackup, progress: Acknowledged
) -> tuple[StreamSummary, StoredState] | None:
    """Write the archive and the state; None if no place has both."""
    settings, plan, key = context.settings, one.plan, one.plan.key
    how = How(
        seal=plan.sealing.sealer(key, plan.base, "data"),
        segment_size=settings.integer("max_segment_size"),
        codec=plan.codec,
        level=Level(settings.text("compression_level")),
        queue_size=settings.integer("queue_size"),
        landed=progress.landed,
    )
    archive = feed(one.places, key, data_name(key), how, lambda sink: engine.write(progress.watching(sink)))
    if archive is None:
        return None
    state, stream = archive
    context.progress.complete()
    having_archive = working(one.places)
    try:
        how = How(seal=plan.sealing.sealer(key, plan.base, "state"), segment_size=_STATE_SEGMENT)
        stored = feed(one.places, key, state_name(key), how, lambda sink: pour(state, sink))
    except BaseException:
        _take_back(having_archive, key)
        raise
    _take_back([place for place in having_archive if place.error is not None], key)
    return (stream, StoredState(size=stored[1].stored_size, sha256=stored[1].sha256)) if stored else None


def _take_back(places: Sequence[Place], key: BackupKey) -> None:
    """Remove an archive that nobody will refer to."""
    for place in places:
        with place.trouble():
            place.storage.delete(data_name(key))


def _remove(context: Context, places: Sequence[Place], result: Result) -> Result:
    """``result`` of a complete backup, after the removal that its options ask for, if they do."""
    if not asks_to_remove(context.settings):
        return result
    from freezer.agent.removal import remove_after_backup

    return remove_after_backup(context, places, result)


def _dry_run(context: Context, places: Sequence[Place], tree: Tree) -> Result:
    """What the backup would be; nothing is written, not even the container."""
    set_id = _set_id(context, places)
    now = context.clock.now()

    def catalogue(place: Place) -> Catalogue:
        if not place.storage.exists():
            return Catalogue(place.storage, ENGINE, set_id.name, (), {}, ())
        return read_catalogue(place.storage, engine=ENGINE, name=set_id.name)

    planned = []
    for one in make_passes(context, each(places, catalogue), set_id, tree, now):
        with _engine(one, tree, _store_options(context), now, context.progress) as engine:
            planned.append((one, engine.scan()))
    error = failure_of(places)
    if not planned and error is not None:
        raise error
    return make_plan_result(places, planned)
