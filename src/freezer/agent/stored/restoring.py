"""A backup of engine tar, with all the levels it needs, into one directory."""

from __future__ import annotations

from collections.abc import Sequence

from freezer.agent.context import Context
from freezer.agent.places.place import Place
from freezer.agent.restored import document_of, summary_of
from freezer.agent.result import Result
from freezer.agent.stored.archive import Archive, is_ours
from freezer.agent.stored.choose import choose, open_archives, open_catalogue, storage_to_read
from freezer.agent.stored.extraction import (
    limits_of,
    look_through,
    most_plain,
    newest_first,
    problems,
    refuse_missed,
    selection,
)
from freezer.agent.stored.reading import CountedStorage, begin_reading
from freezer.agent.stored.target import check_target, open_sandbox
from freezer.clock import utc_text
from freezer.container.layout import hold_name
from freezer.engine.contract import Restored
from freezer.engine.tar.restore.extract import Extraction
from freezer.errors import DataError
from freezer.model.items import printable
from freezer.tree.checksum import Expected, verify
from freezer.tree.checksum import parse as parse_checksum
from freezer.tree.durable import make_durable
from freezer.units import counted, format_size


def restore_levels(context: Context, places: list[Place], target: bytes) -> Result:
    """Restore the chosen backup (with ``--dry-run``: list what would be restored)."""
    settings = context.settings
    checksum = settings.optional_text("consistency_checksum")
    expected = parse_checksum(checksum) if checksum else None
    storage = CountedStorage(storage_to_read(context, places), context.progress)
    catalogue = open_catalogue(storage)
    chain = choose(context, catalogue)
    if settings.flag("dry_run"):
        return _dry_run(context, open_archives(context, catalogue, chain))
    check_target(context, target)
    with storage.hold(hold_name(chain[-1].key.set), shared=True):
        archives = open_archives(context, catalogue, chain)
        return _restore(context, archives, target, expected)


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
    found, key = problems(archives, result), archives[-1].backup.key
    levels = len(archives)
    return Result(
        document=document_of(result, found, backup=key.id, levels=levels, never_stored=result.absent.total),
        properties=summary_of(result, seconds, backup=f"{key.id} of {utc_text(key.time)} ({counted(levels, 'level')})"),
        lines=_remarks(archives, result),
        failures=found,
        error=DataError(mismatch) if mismatch is not None else None,
    )


def _extract(context: Context, archives: Sequence[Archive], target: bytes) -> Restored:
    chosen, limits = selection(context), limits_of(context)
    begin_reading(context, "restore", archives)
    with open_sandbox(context, target) as sandbox:
        extraction = Extraction(
            sandbox,
            chosen,
            context.progress,
            delete=context.settings.flag("delete"),
            limits=limits,
            most_plain=most_plain(limits, archives),
        )
        try:
            result = extraction.run(newest_first(archives))
        finally:
            sandbox.finish()  # may add to the failures: directories get their attributes last
    context.progress.complete()
    refuse_missed(chosen)
    return result


def _remarks(archives: Sequence[Archive], result: Restored) -> list[str]:
    lines = []
    if result.deleted:
        lines.append(f"{counted(result.deleted, 'item')} that the backup does not hold: deleted.")
    if result.absent and not is_ours(archives[-1].record):
        lines.append(
            f"{result.absent.total} listed items were never stored by the program that made this backup "
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
