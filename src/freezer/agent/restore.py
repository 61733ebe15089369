"""The action ``restore``: one backup, with all the levels it needs, into one directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from freezer.agent.archive import Archive, is_ours
from freezer.agent.checksum import Expected, verify
from freezer.agent.checksum import parse as parse_checksum
from freezer.agent.choose import choose, open_archives, open_catalogue
from freezer.agent.context import Context
from freezer.agent.durable import make_durable
from freezer.agent.reading import CountedStorage, archive_bytes, begin_reading
from freezer.agent.result import Result
from freezer.agent.storages import open_storage
from freezer.clock import utc_text
from freezer.container.layout import hold_name
from freezer.engine.contract import Restored, Source
from freezer.engine.tar.extract import Extraction, Selection
from freezer.engine.tar.limits import Limits
from freezer.engine.tar.limits import most_plain as levels_most
from freezer.engine.tar.target import Listing, Seen
from freezer.errors import BackupNotFound, DataError, TargetError
from freezer.model.items import ItemFailure, printable
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Sandbox
from freezer.units import counted, format_duration, format_size

OpenLevels = Sequence[Callable[[], AbstractContextManager[Source]]]


def restore(context: Context) -> Result:
    """Restore the chosen backup (with ``--dry-run``: list what would be restored)."""
    settings = context.settings
    target = os.fsencode(settings.text("restore_abs_path"))
    checksum = settings.optional_text("consistency_checksum")
    expected = parse_checksum(checksum) if checksum else None
    storage = CountedStorage(open_storage(context), context.progress)
    try:
        catalogue = open_catalogue(storage)
        chain = choose(context, catalogue)
        if settings.flag("dry_run"):
            return _dry_run(context, open_archives(context, catalogue, chain))
        _check_target(context, target)
        with storage.hold(hold_name(chain[-1].key.set), shared=True):
            archives = open_archives(context, catalogue, chain)
            return _restore(context, archives, target, expected)
    finally:
        storage.close()


def newest_first(archives: Sequence[Archive]) -> OpenLevels:
    """What opens the levels, in the order in which they are extracted."""
    return [archive.open for archive in reversed(archives)]


def selection(context: Context) -> Selection:
    """The part of the backup that ``--only`` names."""
    return Selection([os.fsencode(path) for path in context.settings.texts("only")])


def limits_of(context: Context) -> Limits:
    """How much is believed of an archive."""
    whole = context.settings.integer
    return Limits(
        entries=whole("restore_max_entries"),
        depth=whole("restore_max_depth"),
        expansion=whole("restore_max_expansion"),
        record=whole("restore_max_record"),
        listing=whole("restore_max_listing"),
        extents=whole("restore_max_extents"),
    )


def most_plain(limits: Limits, archives: Sequence[Archive]) -> list[int | None]:
    """Plain bytes that are believed of each level, newest first; None where its authentication vouches for them."""
    return [
        None if archive.authenticated else levels_most(limits, archive_bytes([archive.backup]), archive.plain_size)
        for archive in reversed(archives)
    ]


def refuse_missed(chosen: Selection) -> None:
    """:class:`BackupNotFound` if a path that was asked for is not in the backup."""
    missed = chosen.missed()
    if missed:
        raise BackupNotFound(f"the backup does not hold {', '.join(map(printable, missed))}")


def look_through(context: Context, archives: Sequence[Archive]) -> tuple[list[Seen], Restored]:
    """What a restore would bring back, sorted by path, and its counts; nothing is written."""
    seen: list[Seen] = []
    chosen = selection(context)
    begin_reading(context, "read", archives)
    limits = limits_of(context)
    most = most_plain(limits, archives)
    extraction = Extraction(Listing(seen.append), chosen, context.progress, limits=limits, most_plain=most)
    result = extraction.run(newest_first(archives))
    context.progress.complete()
    refuse_missed(chosen)
    return sorted(seen, key=lambda item: item.path), result


def problems(archives: Sequence[Archive], result: Restored) -> list[ItemFailure]:
    """What makes a restore partial. Lists of other programs also name what they never store (sockets)."""
    found = list(result.problems())
    if is_ours(archives[-1].record):
        found += result.absent
        known = {failure.path for failure in found}
        # what the backup does not vouch for is worth a mention at every restore
        found += [item for item in archives[-1].names().failed if item.path not in known]
    return found


def _check_target(context: Context, target: bytes) -> None:
    """Upstream's rule: an existing target must be empty, or ``--overwrite`` given."""
    settings = context.settings
    if settings.flag("overwrite") or settings.is_set("overwrite_policy"):
        return
    try:
        occupied = bool(os.listdir(target))
    except FileNotFoundError:
        return
    except OSError as error:
        raise TargetError(f"{os.fsdecode(target)} cannot be restored to: {os.strerror(error.errno or 0)}") from None
    if occupied:
        raise TargetError(
            f"{os.fsdecode(target)} is not empty",
            hint="give --overwrite, another --restore-abs-path, or an --overwrite-policy",
        )


def _restore(context: Context, archives: Sequence[Archive], target: bytes, expected: Expected | None) -> Result:
    begun = context.clock.monotonic()
    result = _extract(context, archives, target)
    context.progress.phase("sync")
    make_durable(target)
    mismatch = None
    if expected is not None:
        context.progress.phase("verify")
        mismatch = verify(target, expected)
    seconds = max(context.clock.monotonic() - begun, 1e-6)
    found = problems(archives, result)
    return Result(
        document=_document(archives, result, found),
        properties=_shown(archives, result, seconds),
        lines=_remarks(archives, result),
        failures=found,
        error=DataError(mismatch) if mismatch is not None else None,
    )


def _extract(context: Context, archives: Sequence[Archive], target: bytes) -> Restored:
    settings, chosen, limits = context.settings, selection(context), limits_of(context)
    begin_reading(context, "restore", archives)
    with Sandbox(
        target,
        policy=Policy(settings.optional_text("overwrite_policy") or "always"),
        devices=True,
        same_owner=None if settings.flag("same_owner") else False,
        numeric_owner=settings.flag("numeric_owner"),
        clock=context.clock,
    ) as sandbox:
        extraction = Extraction(
            sandbox,
            chosen,
            context.progress,
            delete=settings.flag("delete"),
            limits=limits,
            most_plain=most_plain(limits, archives),
        )
        try:
            result = extraction.run(newest_first(archives))
        finally:
            told = len(sandbox.failures)
            sandbox.finish()
        result.failures += sandbox.failures[told:]  # of directories, which get their attributes last
    context.progress.complete()
    refuse_missed(chosen)
    return result


def _document(archives: Sequence[Archive], result: Restored, found: Sequence[ItemFailure]) -> dict[str, object]:
    return {
        "backup": archives[-1].backup.key.id,
        "levels": len(archives),
        "files": result.files,
        "directories": result.directories,
        "others": result.others,
        "bytes": result.bytes,
        "skipped": result.skipped,
        "deleted": result.deleted,
        "failed_items": [{"path": item.path, "reason": item.reason} for item in found],
        "never_stored": len(result.absent),
        "partial": bool(found),
    }


def _shown(archives: Sequence[Archive], result: Restored, seconds: float) -> dict[str, object]:
    """The summary for people."""
    backup = archives[-1].backup.key
    restored = [
        counted(result.files, "file"),
        counted(result.directories, "directory", "directories"),
        counted(result.others, "other"),
        format_size(result.bytes),
    ]
    return {
        "backup": f"{backup.id} of {utc_text(backup.time)} ({counted(len(archives), 'level')})",
        "restored": ", ".join(restored),
        "kept as they were": result.skipped,
        "duration": f"{format_duration(seconds)} ({format_size(result.bytes / seconds)}/s)",
    }


def _remarks(archives: Sequence[Archive], result: Restored) -> list[str]:
    lines = []
    if result.deleted:
        lines.append(f"{counted(result.deleted, 'item')} that the backup does not hold: deleted.")
    if result.absent and not is_ours(archives[-1].record):
        lines.append(
            f"{len(result.absent)} listed items were never stored by the program that made this backup "
            "(sockets, or what it could not read)."
        )
    if not archives[-1].authenticated:
        lines.append("This backup is not authenticated: damage to file contents is noticed only by its checksums.")
    return lines


def _dry_run(context: Context, archives: Sequence[Archive]) -> Result:
    seen, result = look_through(context, archives)
    files = [item for item in seen if item.type in ("file", "link")]
    document = {
        "dry_run": True,
        "backup": archives[-1].backup.key.id,
        "files": len(files),
        "directories": result.directories,
        "bytes": sum(item.size for item in files),
        "items": [printable(item.path) or "." for item in seen],
    }
    lines = [printable(item.path) or "." for item in seen]
    lines.append(
        f"Dry run: {counted(len(seen), 'item')}, {format_size(sum(item.size for item in files))}; nothing was written."
    )
    return Result(document=document, lines=lines)
