"""The action ``copy``: backups from one storage to another.

Objects are not opened, so that no passphrase is needed. It goes backup by backup, those that others build on first: a
run that ends early leaves whole backups, and the next one goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from freezer.agent.context import Context
from freezer.agent.copying.moving import Mover
from freezer.agent.copying.plan import Copying, plan_copy
from freezer.agent.places.opening import opened
from freezer.agent.presence import has_repository
from freezer.agent.result import Result, Table
from freezer.agent.stored.choose import open_catalogue
from freezer.agent.stored.rows import chosen_rows
from freezer.clock import utc_text
from freezer.container.catalogue import Catalogue, read_catalogue
from freezer.container.layout import BackupKey, hold_name
from freezer.errors import ContainerError, FreezerError, StorageError, UsageError
from freezer.options.rules import copy_ends
from freezer.storage.contract import Storage
from freezer.units import counted, format_size


def run(context: Context) -> Result:
    """Plan, show, and unless ``--dry-run`` copy; what cannot be copied is left out and makes the result a failure."""
    source, target = copy_ends(context.settings)
    with opened(context, [source], reading=True) as sources, opened(context, [target], reading=False) as targets:
        return _copy(context, sources[0].storage, targets[0].storage)


def _copy(context: Context, source: Storage, target: Storage) -> Result:
    if source.describe() == target.describe():
        raise UsageError(f"{source.describe()} cannot be copied to itself")
    if has_repository(context, source):
        context.notice(f"the repository in {source.describe()} is not copied: only backups of other engines are")
    theirs = open_catalogue(source)
    rows = chosen_rows(context, theirs)
    dry_run = context.settings.flag("dry_run")
    if not dry_run:
        target.prepare()
    nothing = Catalogue(target, None, None, (), {}, ())
    there = read_catalogue(target) if not dry_run or target.exists() else nothing
    plan = plan_copy(theirs, there, rows)
    done = [] if dry_run else list(_carried_out(context, plan, theirs, there))
    return _result(context, plan, done, source, target)


def _carried_out(context: Context, plan: Sequence[Copying], source: Catalogue, target: Catalogue) -> Iterator[Copying]:
    """What became of each backup of the plan. A storage that fails is not asked again for the rest."""
    verify = context.settings.flag("verify")
    mover = Mover(context, source, target.storage, verify=verify)
    todo = [one for one in plan if one.step == "copy" or (verify and one.step == "there")]
    context.progress.phase("copy", total_bytes=sum(one.size for one in todo), total_items=len(todo))
    present = {backup.key for backup in target.backups} - {one.backup.key for one in plan if one.step != "there"}
    failed: str | None = None
    for one in plan:
        reason = failed
        if one in todo and failed is None:
            context.progress.current(one.backup.key.id)
            try:
                _carry_out(mover, one, present, source.storage, target.storage)
            except StorageError as error:
                reason, failed = error.message, "not reached: a storage had failed before"
            except FreezerError as error:
                reason = error.message
                present.discard(one.backup.key)
            else:
                present.add(one.backup.key)
            context.progress.advance(done_items=1)
        yield one if reason is None or one not in todo else one.refused(reason)
    context.progress.complete()


def _carry_out(mover: Mover, one: Copying, present: set[BackupKey], source: Storage, target: Storage) -> None:
    if one.there is not None:
        mover.compare(one.backup, one.there)
        return
    if one.base is not None and one.base not in present:
        raise ContainerError(f"the level {one.base.level} that it builds on has not been copied")
    name = hold_name(one.backup.key.set)
    with source.hold(name, shared=True), target.hold(name):
        mover.move(one.backup)


def _result(
    context: Context, plan: Sequence[Copying], done: Sequence[Copying], source: Storage, target: Storage
) -> Result:
    """What was planned or, unless it is a dry run, done."""
    dry_run = context.settings.flag("dry_run")
    steps = plan if dry_run else done
    copied = [one for one in steps if one.step == "copy"]
    refused = [one for one in steps if one.step == "refused"]
    size = sum(one.size for one in copied)
    document = {
        "from": source.describe(),
        "to": target.describe(),
        "dry_run": dry_run,
        "backups": [
            {"backup": one.backup.key.id, "step": one.step, "reason": one.reason, "bytes": one.size} for one in steps
        ],
        "copied_backups": 0 if dry_run else len(copied),
        "copied_bytes": 0 if dry_run else size,
    }
    rows = [
        (
            one.step,
            one.backup.key.id,
            utc_text(one.backup.key.time),
            one.backup.key.level,
            format_size(one.size),
            one.reason,
        )
        for one in steps
    ]
    there = sum(one.step == "there" for one in steps)
    what = f"{counted(len(copied), 'backup')} ({format_size(size)})"
    lines = [
        f"Dry run: {what} would be copied; nothing was written." if dry_run else f"Copied {what}; {there} were there."
    ]
    return Result(
        document=document,
        table=Table(("", "backup", "time", "level", "size", "reason"), rows, empty="there is no backup to copy"),
        lines=lines,
        error=StorageError(f"{len(refused)} of {len(steps)} backups cannot be copied") if refused else None,
    )
