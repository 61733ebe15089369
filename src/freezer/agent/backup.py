"""The action ``backup``: one level of one source into one container.

Order of what becomes visible: the archive, then the state of the next level, then the commit record. Until the last one
is durable there is no backup, and whatever ended the run in between has left nothing that looks like one.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass

from freezer import __version__
from freezer.agent.archive import Archive
from freezer.agent.context import Context
from freezer.agent.prune import remove_after_backup
from freezer.agent.result import Result
from freezer.agent.sealing import Sealing, keeps_chain, load_passphrase, make_sealing, refuse_downgrade, wanted_cipher
from freezer.agent.storages import open_storage
from freezer.clock import utc_text
from freezer.container import document
from freezer.container.catalogue import Catalogue, read_catalogue
from freezer.container.document import CFB, Base, Details, Names, Record, StoredData, StoredState
from freezer.container.layout import BackupKey, SetId, data_name, hold_name, record_name, state_name
from freezer.container.levels import LevelDecision, LevelRules, next_level, next_time
from freezer.engine.contract import Summary, Tree
from freezer.engine.tar import snapshot
from freezer.engine.tar.write import StoreOptions, TarBackup
from freezer.errors import DataError, ObjectExists, PassphraseError, SourceError
from freezer.mode.fs import FileSystemMode
from freezer.model.report import BackupOutcome, build_report
from freezer.storage.contract import Storage
from freezer.stream.compression import Codec, Level
from freezer.stream.digest import Digest, StreamSummary
from freezer.stream.pipeline import Pipeline
from freezer.tree.exclude import Exclusion
from freezer.units import format_duration, format_size

_ENGINE = "tar"
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Plan:
    """One level to be made: where it goes, what it stands on, and how it is stored."""

    key: BackupKey
    decision: LevelDecision
    base: Base | None
    snapshot: snapshot.Snapshot | None
    sealing: Sealing
    codec: Codec


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
        return result if result.failures else remove_after_backup(context, storage, result)
    finally:
        storage.close()


def _set_id(context: Context) -> SetId:
    return SetId.of(_ENGINE, context.settings.text("hostname"), context.invocation.backup_name)


def _run(context: Context, storage: Storage, set_id: SetId, tree: Tree) -> Result:
    catalogue = read_catalogue(storage, engine=_ENGINE, name=set_id.name)
    started = context.clock.now()
    plan = _plan(context, catalogue, set_id, tree, started)
    options = _store_options(context)
    now_ns = int(started * _NANO)
    with TarBackup(tree, plan.snapshot, options, now_ns=now_ns, progress=context.progress) as engine:
        summary = engine.scan()
        _guard_empty_source(context, catalogue, set_id, summary)
        stream, state = _store(context, storage, plan, engine)
    record = _record(context, plan, tree, summary, stream, state, started)
    try:
        storage.put_new(record_name(plan.key), document.encode(record))
    except ObjectExists:
        raise ObjectExists(
            f"another backup of {set_id.name} was made in the same second; this one was not kept",
            hint="run it again",
        ) from None
    return _result(context, plan, tree, summary, stream, state, record)


def _plan(context: Context, catalogue: Catalogue, set_id: SetId, tree: Tree, now: float) -> _Plan:
    """Decide level, cipher and compression, and read what an increment stands on."""
    settings = context.settings
    passphrase = load_passphrase(context)
    cipher = wanted_cipher(context, passphrase)
    incremental = context.invocation.incremental
    rules = LevelRules(
        incremental.incremental,
        settings.optional_integer("max_level"),
        settings.optional_integer("always_level"),
        settings.optional_number("restart_always_level"),
    )
    decision = next_level(catalogue, set_id, rules, now)
    if not incremental.incremental:
        decision = LevelDecision(0, None, None, incremental.reason)
    codec = Codec(settings.text("compression"))
    base, known, below = None, None, None
    if decision.base is not None:
        below = catalogue.record(decision.base)
        assert below is not None
        asked = settings.text("encryption") != "auto"
        reason = keeps_chain(below, cipher, asked=asked) or _other_source(below, decision, catalogue, tree, context)
        if reason is None:
            cipher = below.cipher
            archive = Archive(catalogue, decision.base, passphrase)
            known, reason = _read_snapshot(archive)
            base = _base(decision, storage_state=_stored_state(archive, catalogue))
            codec = _kept_codec(context, below, codec)
        if reason is not None:
            decision, base, known, below = LevelDecision(0, None, None, reason), None, None, None
    refuse_downgrade(context, catalogue, set_id, cipher)
    if cipher == CFB:
        context.notice(f"{CFB} is not authenticated: a deliberate change to this backup would not be noticed")
    time = next_time(catalogue, set_id, now)
    zero = time if decision.zero is None else decision.zero
    key = BackupKey(set_id, zero, decision.level, time)
    return _Plan(key, decision, base, known, make_sealing(cipher, passphrase, below), codec)


def _stored_state(archive: Archive, catalogue: Catalogue) -> bytes:
    assert archive.backup.state is not None
    return catalogue.storage.get(archive.backup.state.name)


def _base(decision: LevelDecision, *, storage_state: bytes) -> Base:
    assert decision.base is not None
    digest = Digest()
    digest.update(storage_state)
    return Base(level=decision.base.key.level, time=decision.base.key.time, state_sha256=digest.hexdigest())


def _read_snapshot(archive: Archive) -> tuple[snapshot.Snapshot | None, str | None]:
    """The snapshot, or why it cannot be built on."""
    try:
        return snapshot.decode(archive.state()), None
    except PassphraseError:
        raise
    except DataError as error:
        return None, f"the state of the newest level cannot be used: {error.message}"


def _other_source(
    below: Record, decision: LevelDecision, catalogue: Catalogue, tree: Tree, context: Context
) -> str | None:
    """Why the level below was made of something else; None as far as can be told."""
    assert decision.base is not None
    if below.freezer is None:
        return None
    before = Archive(catalogue, decision.base, load_passphrase(context)).names().source
    now = _source_text(tree)
    return f"the newest level was made of {before}, this one is of {now}" if before and before != now else None


def _kept_codec(context: Context, below: Record, wished: Codec) -> Codec:
    """A chain keeps its compression."""
    kept = Codec(below.compression or Codec.NONE)
    if kept != wished and context.settings.given("compression"):
        context.notice(
            f"the chain is compressed with {kept}; --compression {wished} applies from the next full backup on"
        )
    return kept


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


def _store(context: Context, storage: Storage, plan: _Plan, engine: TarBackup) -> tuple[StreamSummary, StoredState]:
    """Write the archive and the state."""
    settings = context.settings
    upload = storage.open_write(data_name(plan.key))
    try:
        with Pipeline(
            [upload],
            compression=plan.codec,
            level=Level(settings.text("compression_level")),
            seal=plan.sealing.sealer(plan.key, plan.base, "data"),
            segment_size=settings.integer("max_segment_size"),
            queue_size=settings.integer("queue_size"),
        ) as pipeline:
            state = engine.write(pipeline)
            stream = pipeline.finish()
        upload.commit()
    except BaseException:
        upload.abort()
        raise
    try:
        sealed = plan.sealing.seal(state, plan.key, plan.base, "state")
        storage.put(state_name(plan.key), sealed)
    except BaseException:
        storage.delete(data_name(plan.key))
        raise
    digest = Digest()
    digest.update(sealed)
    return stream, StoredState(size=digest.size, sha256=digest.hexdigest())


def _record(
    context: Context,
    plan: _Plan,
    tree: Tree,
    summary: Summary,
    stream: StreamSummary,
    state: StoredState,
    started: float,
) -> Record:
    names = Names(
        source=_source_text(tree),
        broken_links=tuple(summary.broken_links),
        excluded=tuple(summary.excluded),
        failed=tuple(summary.failures),
    ).shortened()
    sealed = plan.sealing.chain_key is not None
    details = Details(
        format=document.FORMAT,
        program=f"freezer {__version__}",
        hostname=context.settings.text("hostname"),
        backup_name=context.invocation.backup_name,
        level=plan.key.level,
        time=plan.key.time,
        zero=plan.key.zero,
        started=started,
        finished=context.clock.now(),
        cipher=plan.sealing.cipher,
        data=StoredData(size=stream.stored_size, sha256=stream.sha256, plain_size=stream.plain_size),
        state=state,
        base=plan.base,
        summary=document.Summary(
            files=summary.files,
            directories=summary.directories,
            links=summary.links,
            others=summary.others,
            bytes=summary.bytes,
            broken_links=summary.broken_link_count,
            excluded=summary.excluded_count,
            failed=len(summary.failures),
        ),
        backup_id=context.settings.optional_text("backup_id") or "",
        names=None if sealed else names,
        seal=plan.sealing.parameters(),
        private=(plan.sealing.seal(document.encode_names(names), plan.key, plan.base, "private") if sealed else None),
    )
    record = Record(
        engine_name=_ENGINE,
        compression=str(plan.codec),
        encryption=plan.sealing.cipher is not None,
        freezer=details,
    )
    mac = plan.sealing.authenticate(document.canonical_bytes(record), plan.key, plan.base)
    return document.with_mac(record, mac) if mac is not None else record


def _source_text(tree: Tree) -> str:
    full = tree.path if tree.name is None else os.path.join(tree.path, tree.name)
    return full.decode("utf-8", "backslashreplace")


def _result(
    context: Context,
    plan: _Plan,
    tree: Tree,
    summary: Summary,
    stream: StreamSummary,
    state: StoredState,
    record: Record,
) -> Result:
    details = record.freezer
    assert details is not None
    outcome = BackupOutcome(
        backup_name=context.invocation.backup_name,
        backup_media="fs",
        source=_source_text(tree),
        level=plan.key.level,
        level_reason=plan.decision.reason,
        time=plan.key.time,
        zero=plan.key.zero,
        started=details.started,
        finished=details.finished,
        compression=str(plan.codec),
        cipher=plan.sealing.cipher,
        version=__version__,
        client_os=platform.system().lower(),
        cli=context.command_line,
        files=summary.files,
        directories=summary.directories,
        links=summary.links,
        others=summary.others,
        broken_links=tuple(summary.broken_links),
        broken_links_total=summary.broken_link_count,
        excluded=tuple(summary.excluded),
        excluded_total=summary.excluded_count,
        failures=tuple(summary.failures),
        bytes_read=stream.plain_size,
        bytes_stored=stream.stored_size + state.size,
        consistency_checksum=_checksum(context, tree),
        backup_id=details.backup_id,
    )
    report = build_report(_option_values(context), outcome)
    return Result(
        document=report,
        report=report,
        properties=_shown(plan, summary, stream, details),
        lines=[_why(plan.key.level, plan.decision.reason)],
        failures=tuple(summary.failures),
    )


def _checksum(context: Context, tree: Tree) -> str:
    if not context.settings.flag("consistency_check"):
        return ""
    from freezer.agent.checksum import compute

    return compute(tree.path if tree.name is None else os.path.join(tree.path, tree.name))


def _option_values(context: Context) -> Mapping[str, object]:
    return dict(context.settings.values)


def _shown(plan: _Plan, summary: Summary, stream: StreamSummary, details: Details) -> Mapping[str, object]:
    """The summary for people."""
    seconds = max(details.finished - details.started, 1e-6)
    return {
        "backup": plan.key.id,
        "time": utc_text(plan.key.time),
        "level": plan.key.level,
        "files": f"{summary.files} in {summary.directories} directories, {format_size(summary.bytes)}",
        "stored in this level": f"{summary.stored_items} items, {format_size(summary.stored_bytes)}",
        "size": f"{format_size(stream.stored_size)} ({plan.codec}, {plan.sealing.cipher or 'not encrypted'})",
        "duration": f"{format_duration(seconds)} ({format_size(stream.plain_size / seconds)}/s)",
    }


def _why(level: int, reason: str) -> str:
    """One sentence on the level."""
    return f"{reason[0].upper()}{reason[1:]}." if reason.startswith("level ") else f"Level {level}: {reason}."


def _dry_run(context: Context, storage: Storage, tree: Tree) -> Result:
    """What the backup would be; nothing is written, not even the container."""
    set_id = _set_id(context)
    now = context.clock.now()
    if storage.exists():
        catalogue = read_catalogue(storage, engine=_ENGINE, name=set_id.name)
        plan = _plan(context, catalogue, set_id, tree, now)
        level, reason, known = plan.key.level, plan.decision.reason, plan.snapshot
    else:
        level, reason, known = 0, "there is no backup to build on", None
    options = _store_options(context)
    with TarBackup(tree, known, options, now_ns=int(now * _NANO), progress=context.progress) as engine:
        summary = engine.scan()
    plan_document = {
        "dry_run": True,
        "level": level,
        "level_reason": reason,
        "files": summary.files,
        "directories": summary.directories,
        "bytes": summary.bytes,
        "stored_items": summary.stored_items,
        "stored_bytes": summary.stored_bytes,
        "excluded": summary.excluded_count,
    }
    return Result(
        document=plan_document,
        properties={
            "would be level": level,
            "files": f"{summary.files} in {summary.directories} directories, {format_size(summary.bytes)}",
            "would store": f"{summary.stored_items} items, {format_size(summary.stored_bytes)}",
        },
        lines=[_why(level, reason), "Dry run: nothing was written."],
        failures=tuple(summary.failures),
    )
