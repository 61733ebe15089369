"""One backup of a repository, or a part of it, into one directory."""

from __future__ import annotations

from collections.abc import Sequence

from freezer.agent.context import Context
from freezer.agent.dedup.looking import items, open_index, refuse_missed, selection_of
from freezer.agent.dedup.opening import Opened
from freezer.agent.dedup.worlds import chosen_in_repository
from freezer.agent.restored import document_of, summary_of
from freezer.agent.result import Result
from freezer.agent.stored.target import check_target, open_sandbox
from freezer.clock import utc_text
from freezer.engine.contract import Restored
from freezer.engine.dedup.restore.run import How, restore
from freezer.engine.dedup.restore.verifying import Checks
from freezer.engine.dedup.restore.verifying import verify as compare
from freezer.errors import DataError
from freezer.model.items import ItemFailure, printable
from freezer.repository.documents import Root
from freezer.repository.protocol.backups import Backup
from freezer.repository.trees import Type
from freezer.storage.contract import Storage
from freezer.tree.checksum import parse as parse_checksum
from freezer.tree.checksum import verify
from freezer.tree.durable import make_durable
from freezer.tree.system import geteuid
from freezer.units import counted, format_size

_NANO = 1_000_000_000


def restore_if_chosen(context: Context, storage: Storage, target: bytes) -> Result | None:
    """The result of restoring the chosen backup; None if it is no backup of the repository."""
    chosen = chosen_in_repository(context, storage)
    if chosen is None:
        return None
    found, backup = chosen
    root = backup.root(found.repository)
    if context.settings.flag("dry_run"):
        return _dry_run(context, found, backup, root)
    check_target(context, target)
    return _restore(context, found, backup, root, target)


def _restore(context: Context, found: Opened, backup: Backup, root: Root, target: bytes) -> Result:
    settings, begun = context.settings, context.clock.monotonic()
    checksum = settings.optional_text("consistency_checksum")
    expected = parse_checksum(checksum) if checksum else None
    selection = selection_of(context, root)
    opened = open_index(context, found, root)
    whole = selection.all
    context.progress.phase(
        "restore",
        total_bytes=backup.summary.bytes if whole else None,
        total_items=backup.summary.files if whole else None,
    )
    how = How(delete=settings.flag("delete"), verify=settings.flag("verify"))
    with open_sandbox(context, target) as sandbox:
        try:
            result = restore(opened, root, sandbox, selection, context.progress, how)
        finally:
            sandbox.finish()  # may add to the failures: directories get their attributes last
    context.progress.complete()
    refuse_missed(selection)
    context.progress.phase("sync")
    make_durable(target)
    if settings.flag("verify"):
        checks = Checks(owners=settings.flag("same_owner") and geteuid() == 0, numeric=settings.flag("numeric_owner"))
        context.progress.phase(
            "verify",
            total_bytes=backup.summary.bytes if whole else None,
            total_items=result.files + result.directories + result.others + result.skipped,
        )
        result.failures.extend(compare(opened, root, target, selection, context.progress, checks).failures)
        context.progress.complete()
    mismatch = None
    if expected is not None:
        context.progress.phase("verify")
        mismatch = verify(target, expected)
    seconds = max(context.clock.monotonic() - begun, 1e-6)
    found_problems = _problems(backup, result, whole=whole)
    return Result(
        document=document_of(
            result, found_problems, backup=backup.attempt, levels=1, never_stored=backup.summary.failures
        ),
        properties=summary_of(result, seconds, backup=f"{backup.attempt} of {utc_text(backup.started / _NANO)}"),
        lines=_remarks(result),
        failures=found_problems,
        error=DataError(mismatch) if mismatch is not None else None,
    )


def _problems(backup: Backup, result: Restored, *, whole: bool) -> Sequence[ItemFailure]:
    """What makes the restore partial; what the backup itself had to leave out is worth a mention at every restore."""
    found = list(result.problems())
    if whole and backup.summary.failures:
        what = counted(backup.summary.failures, "item")
        found.append(ItemFailure("(the backup)", f"{what} could not be read when it was made, and are not in it"))
    return found


def _remarks(result: Restored) -> list[str]:
    if not result.deleted:
        return []
    return [f"{counted(result.deleted, 'item')} that the backup does not hold: deleted."]


def _dry_run(context: Context, found: Opened, backup: Backup, root: Root) -> Result:
    selection = selection_of(context, root)
    context.progress.phase("read")
    seen = sorted(items(open_index(context, found, root), root, selection), key=lambda item: item.path)
    context.progress.complete()
    refuse_missed(selection)
    files = [item.entry for item in seen if item.entry.type == Type.FILE]
    size = sum(entry.size for entry in files)
    names = [printable(item.path) or "." for item in seen]
    return Result(
        document={
            "dry_run": True,
            "backup": backup.attempt,
            "files": len(files),
            "directories": sum(item.entry.type == Type.DIRECTORY for item in seen),
            "bytes": size,
            "items": names,
        },
        lines=[*names, f"Dry run: {counted(len(seen), 'item')}, {format_size(size)}; nothing was written."],
    )
