"""The action ``restore``: one backup, with all the levels it needs, into one directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from freezer.agent.archive import Archive, is_ours
from freezer.agent.choose import choose, open_archives, open_catalogue
from freezer.agent.context import Context
from freezer.agent.result import Result
from freezer.agent.storages import open_storage
from freezer.clock import utc_text
from freezer.container.layout import hold_name
from freezer.engine.contract import Restored, Source
from freezer.engine.tar.extract import Extraction, Selection
from freezer.engine.tar.target import Listing, Seen
from freezer.errors import BackupNotFound, CommandError, TargetError
from freezer.model.items import ItemFailure, printable
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Sandbox
from freezer.units import format_duration, format_size

OpenLevels = Sequence[Callable[[], AbstractContextManager[Source]]]


def restore(context: Context) -> Result:
    """Restore the chosen backup (with ``--dry-run``: list what would be restored)."""
    settings = context.settings
    target = os.fsencode(settings.text("restore_abs_path"))
    storage = open_storage(context)
    try:
        catalogue = open_catalogue(storage)
        chain = choose(context, catalogue)
        if settings.flag("dry_run"):
            return _dry_run(context, open_archives(context, catalogue, chain))
        _check_target(context, target)
        with storage.hold(hold_name(chain[-1].key.set), shared=True):
            archives = open_archives(context, catalogue, chain)
            return _restore(context, archives, target)
    finally:
        storage.close()


def newest_first(archives: Sequence[Archive]) -> OpenLevels:
    """What opens the levels, in the order in which they are extracted."""
    return [archive.open for archive in reversed(archives)]


def selection(context: Context) -> Selection:
    """The part of the backup that ``--only`` names."""
    return Selection([os.fsencode(path) for path in context.settings.texts("only")])


def refuse_missed(chosen: Selection) -> None:
    """:class:`BackupNotFound` if a path that was asked for is not in the backup."""
    missed = chosen.missed()
    if missed:
        raise BackupNotFound(f"the backup does not hold {', '.join(map(printable, missed))}")


def problems(archives: Sequence[Archive], result: Restored) -> list[ItemFailure]:
    """What makes a restore partial. Lists of other programs also name what they never store (sockets)."""
    found = list(result.problems())
    if is_ours(archives[-1].record):
        found += result.absent
        known = {failure.path for failure in found}
        found += [item for item in archives[-1].names().failed if item.path not in known and _is_missing(item)]
    return found


def _is_missing(item: ItemFailure) -> bool:
    """Items whose content the backup does not vouch for are worth a mention at every restore."""
    return bool(item.reason)


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


def _restore(context: Context, archives: Sequence[Archive], target: bytes) -> Result:
    settings, begun = context.settings, context.clock.monotonic()
    records = [archive.record for archive in archives]
    total = sum(record.freezer.summary.bytes for record in records[-1:] if record and record.freezer)
    context.progress.phase("restore", total_bytes=total or None)
    chosen = selection(context)
    policy = Policy(settings.optional_text("overwrite_policy") or "always")
    same_owner = None if settings.flag("same_owner") else False
    with Sandbox(
        target,
        policy=policy,
        devices=True,
        same_owner=same_owner,
        numeric_owner=settings.flag("numeric_owner"),
        clock=context.clock,
    ) as sandbox:
        extraction = Extraction(sandbox, chosen, context.progress, delete=settings.flag("delete"))
        try:
            result = extraction.run(newest_first(archives))
        finally:
            sandbox.finish()
    refuse_missed(chosen)
    _verify_checksum(context, target)
    found = problems(archives, result)
    backup = archives[-1].backup.key
    seconds = max(context.clock.monotonic() - begun, 1e-6)
    document: dict[str, object] = {
        "backup": backup.id,
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
    shown = {
        "backup": f"{backup.id} of {utc_text(backup.time)} ({len(archives)} levels)",
        "restored": f"{result.files} files, {result.directories} directories, {result.others} others, "
        f"{format_size(result.bytes)}",
        "kept as they were": result.skipped,
        "duration": f"{format_duration(seconds)} ({format_size(result.bytes / seconds)}/s)",
    }
    lines = []
    if result.deleted:
        lines.append(f"{result.deleted} items that the backup does not hold were deleted.")
    if result.absent and not is_ours(archives[-1].record):
        lines.append(
            f"{len(result.absent)} listed items were never stored by the program that made this backup "
            "(sockets, or what it could not read)."
        )
    if not archives[-1].authenticated:
        lines.append("This backup is not authenticated: damage to file contents is noticed only by its checksums.")
    return Result(document=document, properties=shown, lines=lines, failures=found)


def _verify_checksum(context: Context, target: bytes) -> None:
    expected = context.settings.optional_text("consistency_checksum")
    if not expected:
        return
    from freezer.agent.checksum import verify

    reason = verify(target, expected)
    if reason:
        raise CommandError(reason)


def _dry_run(context: Context, archives: Sequence[Archive]) -> Result:
    seen: list[Seen] = []
    chosen = selection(context)
    result = Extraction(Listing(seen.append), chosen, context.progress).run(newest_first(archives))
    refuse_missed(chosen)
    files = [item for item in seen if item.type in ("file", "link")]
    document = {
        "dry_run": True,
        "backup": archives[-1].backup.key.id,
        "files": len(files),
        "directories": result.directories,
        "bytes": sum(item.size for item in files),
        "items": [printable(item.path) or "." for item in seen],
    }
    lines = [*(printable(item.path) or "." for item in sorted(seen, key=lambda item: item.path))]
    lines.append(f"Dry run: {len(seen)} items, {format_size(sum(item.size for item in files))}; nothing was written.")
    return Result(document=document, lines=lines)
