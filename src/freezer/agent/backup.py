"""The action ``backup``: one level of one source into one container.

Order of what becomes visible: the archive, then the state of the next level, then the commit record. Until the last one
is durable there is no backup, and whatever ended the run in between has left nothing that looks like one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from freezer.agent.context import Context
from freezer.agent.planning import ENGINE, Plan, make_plan
from freezer.agent.recording import Stored, make_plan_result, make_record, make_result
from freezer.agent.result import Result
from freezer.agent.rivals import require_free, require_ours, same_second
from freezer.agent.storages import open_storage
from freezer.container import document
from freezer.container.catalogue import Catalogue, read_catalogue
from freezer.container.document import StoredState
from freezer.container.layout import BackupKey, SetId, data_name, hold_name, record_name, state_name
from freezer.engine.contract import Summary, Tree
from freezer.engine.tar.spool import Spool
from freezer.engine.tar.write import StoreOptions, TarBackup
from freezer.errors import ObjectExists, SourceError
from freezer.mode.fs import FileSystemMode
from freezer.model.items import ItemFailure
from freezer.options.rules import KEEP_OPTIONS, REMOVE_OPTIONS
from freezer.storage.contract import Storage, Upload
from freezer.stream.compression import Codec, Level
from freezer.stream.digest import StreamSummary
from freezer.stream.pipeline import Pipeline
from freezer.tree.exclude import Exclusion

_NANO = 1_000_000_000
_STATE_SEGMENT = 4 * 1024 * 1024


def backup(context: Context) -> Result:
    """Make one backup (with ``--dry-run``: say what it would be)."""
    settings = context.settings
    sync = settings.flag("sync") and not settings.flag("dry_run")
    mode = FileSystemMode(settings.text("path_to_backup"), sync=sync, notice=context.notice)
    storage = open_storage(context)
    try:
        with mode.prepare() as source:
            tree = Tree(source.path, source.name)
            if settings.flag("dry_run"):
                return _dry_run(context, storage, tree)
            storage.prepare()
            set_id = _set_id(context)
            with storage.hold(hold_name(set_id)):
                result = _run(context, storage, set_id, tree)
        return result if result.failures else _remove(context, storage, result)
    finally:
        storage.close()


def _set_id(context: Context) -> SetId:
    return SetId.of(ENGINE, context.settings.text("hostname"), context.invocation.backup_name)


def _run(context: Context, storage: Storage, set_id: SetId, tree: Tree) -> Result:
    catalogue = read_catalogue(storage, engine=ENGINE, name=set_id.name)
    started = context.clock.now()
    options = _store_options(context)
    plan, engine = _begin(context, catalogue, set_id, tree, options, started)
    with engine:
        summary = engine.scan()
        _guard_empty_source(context, catalogue, set_id, summary)
        checksum, unread = _checksum(context, tree, options)
        stream, state = _store(context, storage, plan, engine)
    known = {item.path for item in summary.failures}
    summary.failures += [item for item in unread if item.path not in known]
    stored = Stored(plan, tree, summary, stream, state, started, checksum)
    record = make_record(context, stored)
    encoded = document.encode(record)
    try:
        storage.put_new(record_name(plan.key), encoded)
    except ObjectExists:
        raise same_second(plan.key) from None
    require_ours(storage, plan.key, encoded, stream, state)
    return make_result(context, stored, record)


def _begin(
    context: Context, catalogue: Catalogue, set_id: SetId, tree: Tree, options: StoreOptions, now: float
) -> tuple[Plan, TarBackup]:
    """The plan, and the engine that carries it out. Only the engine has the snapshot, and it forgets it when it can."""
    plan, known = make_plan(context, catalogue, set_id, tree, now)
    return plan, TarBackup(tree, known, options, now_ns=int(now * _NANO), progress=context.progress)


def _store_options(context: Context) -> StoreOptions:
    settings = context.settings
    patterns = settings.texts("exclude")
    links = settings.optional_text("dereference_symlink")
    return StoreOptions(
        excluded=Exclusion(patterns).matches if patterns else None,
        follow_symlinks=links in ("soft", "all"),
        follow_hard_links=links in ("hard", "all"),
    )


def _guard_empty_source(context: Context, catalogue: Catalogue, set_id: SetId, summary: Summary) -> None:
    """Refuse a source that lost everything since its last backup: it is probably not mounted."""
    if summary.files or summary.links or summary.others or context.settings.flag("allow_empty_source"):
        return
    if summary.directories > 1:
        return
    chains = catalogue.chains(set_id)
    if not chains:
        return
    newest = catalogue.record(chains[-1].members[-1])
    details = newest.freezer if newest is not None else None
    if details is not None and details.summary.files + details.summary.links + details.summary.others == 0:
        return
    raise SourceError(
        f"{context.settings.text('path_to_backup')} is empty, but its last backup was not",
        hint="is its disk mounted? --allow-empty-source backs it up as it is",
    )


def _store(context: Context, storage: Storage, plan: Plan, engine: TarBackup) -> tuple[StreamSummary, StoredState]:
    """Write the archive and the state."""
    settings = context.settings
    with (
        _upload(storage, plan.key, data_name(plan.key)) as upload,
        Pipeline(
            [upload],
            compression=plan.codec,
            level=Level(settings.text("compression_level")),
            seal=plan.sealing.sealer(plan.key, plan.base, "data"),
            segment_size=min(settings.integer("max_segment_size"), storage.capabilities.call_size),
            queue_size=settings.integer("queue_size"),
        ) as pipeline,
    ):
        state = engine.write(pipeline)
        stream = pipeline.finish()
    context.progress.complete()
    try:
        return stream, _store_state(storage, plan, state)
    except BaseException:
        storage.delete(data_name(plan.key))
        raise


def _store_state(storage: Storage, plan: Plan, state: Spool) -> StoredState:
    with (
        _upload(storage, plan.key, state_name(plan.key)) as upload,
        Pipeline(
            [upload],
            compression=Codec.NONE,
            seal=plan.sealing.sealer(plan.key, plan.base, "state"),
            segment_size=min(_STATE_SEGMENT, storage.capabilities.call_size),
        ) as pipeline,
    ):
        state.copy_to(pipeline)
        stored = pipeline.finish()
    return StoredState(size=stored.stored_size, sha256=stored.sha256)


@contextmanager
def _upload(storage: Storage, key: BackupKey, name: str) -> Iterator[Upload]:
    """An object that is there if the context ends well, and otherwise is not."""
    upload = storage.open_write(name)
    try:
        yield upload
        require_free(storage, key, name)
        upload.commit()
    except BaseException:
        upload.abort()
        raise


def _checksum(context: Context, tree: Tree, options: StoreOptions) -> tuple[str, list[ItemFailure]]:
    """The sum of ``--consistency-check``, taken before anything is stored, and what could not be read for it."""
    if not context.settings.flag("consistency_check"):
        return "", []
    from freezer.agent.checksum import compute

    context.progress.phase("checksum")
    failures: list[ItemFailure] = []
    full = tree.path if tree.name is None else os.path.join(tree.path, tree.name)
    total = compute(full, follow_links=options.follow_symlinks, excluded=options.excluded, failures=failures)
    return total, failures


def _remove(context: Context, storage: Storage, result: Result) -> Result:
    """``result`` of a complete backup, after the removal that its options ask for, if they do."""
    if not any(context.settings.is_set(name) for name in (*REMOVE_OPTIONS, *KEEP_OPTIONS)):
        return result
    from freezer.agent.prune import remove_after_backup

    return remove_after_backup(context, storage, result)


def _dry_run(context: Context, storage: Storage, tree: Tree) -> Result:
    """What the backup would be; nothing is written, not even the container."""
    set_id = _set_id(context)
    now = context.clock.now()
    catalogue = Catalogue(storage, ENGINE, set_id.name, (), {}, ())
    if storage.exists():
        catalogue = read_catalogue(storage, engine=ENGINE, name=set_id.name)
    plan, engine = _begin(context, catalogue, set_id, tree, _store_options(context), now)
    with engine:
        summary = engine.scan()
    return make_plan_result(context, plan, summary)
