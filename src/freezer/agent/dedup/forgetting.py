"""Letting backups go: by rules within one set, or one by its id. Their space is given back by a prune."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from freezer.agent.context import Context
from freezer.agent.dedup.choosing import all_backups, backup_of, composed_of, set_of
from freezer.agent.dedup.keeping import plan_forgetting
from freezer.agent.dedup.opening import Opened
from freezer.agent.result import Result, Table
from freezer.clock import utc_text
from freezer.errors import UsageError
from freezer.model.upkeep import Upkeep
from freezer.options.rules import asks_to_remove
from freezer.repository.protocol import forgetting
from freezer.repository.protocol.backups import Backup
from freezer.retention.plan import Verdict
from freezer.units import counted
from freezer.upkeep import verification

_NANO = 1_000_000_000


def forget(context: Context, container: str, found: Opened) -> Result:
    """What the options ask for: rules, or an id."""
    settings = context.settings
    if settings.is_set("restore_backup_id"):
        if asks_to_remove(settings):
            raise UsageError("--id names one backup, and rules choose among many: only one of them can be given")
        return _forget_one(context, container, found)
    if not asks_to_remove(settings):
        raise UsageError("forget needs --id, or a rule that says what goes, such as --keep-daily 7")
    return forget_by_rules(context, container, found)


def forget_by_rules(context: Context, container: str, found: Opened, *, both: bool = False) -> Result:
    """Plan, show, and carry out unless it is a dry run. ``both``: in the columns of backups that have levels."""
    tags = set(context.settings.texts("tag"))
    backups = [each for each in set_of(context, all_backups(context, found)) if tags.issubset(each.summary.tags)]
    checks = verification.load(found.repository, found.cache, context.notice)
    verdicts = plan_forgetting(context, found, backups, checks)
    dry_run = context.settings.flag("dry_run")
    gone = [verdict for verdict in verdicts if not verdict.keep]
    if not dry_run:
        context.progress.phase("forget", total_items=len(gone))
        for verdict in gone:
            forgetting.forget(found.repository, verdict.item.id, verdict.reason, found.cache, context.notice)
            context.progress.advance(done_items=1)
    return Result(
        document=_document(verdicts, dry_run=dry_run),
        table=_table(context, backups, verdicts, both=both),
        lines=[_line(len(gone), dry_run=dry_run)],
        upkeep=Upkeep() if dry_run else _removed(container, backups, {verdict.item.id for verdict in gone}),
    )


def _removed(container: str, backups: Sequence[Backup], gone: Collection[str]) -> Upkeep:
    return Upkeep(removed=tuple(composed_of(container, each) for each in backups if each.attempt in gone))


def _forget_one(context: Context, container: str, found: Opened) -> Result:
    backup = backup_of(context, found)
    dry_run = context.settings.flag("dry_run")
    if not dry_run:
        forgetting.forget(found.repository, backup.attempt, "asked for by its id", found.cache, context.notice)
    document = {
        "keep": [],
        "remove": [{"backup": backup.attempt, "reason": "asked for by its id"}],
        "dry_run": dry_run,
    }
    upkeep = Upkeep() if dry_run else _removed(container, [backup], {backup.attempt})
    return Result(document=document, lines=[_line(1, dry_run=dry_run)], upkeep=upkeep)


def _document(verdicts: Sequence[Verdict], *, dry_run: bool) -> dict[str, object]:
    def rows(*, keep: bool) -> list[dict[str, object]]:
        return [{"backup": each.item.id, "reason": each.reason} for each in verdicts if each.keep is keep]

    return {"keep": rows(keep=True), "remove": rows(keep=False), "dry_run": dry_run}


def _table(context: Context, backups: Sequence[Backup], verdicts: Sequence[Verdict], *, both: bool) -> Table:
    times = {backup.attempt: utc_text(backup.started / _NANO) for backup in backups}
    level = (0,) if both else ()
    rows = [
        ("keep" if each.keep else "remove", each.item.id, *level, times[each.item.id], each.reason) for each in verdicts
    ]
    name = f"{context.invocation.backup_name} of host {context.settings.text('hostname')}"
    columns = ("", "backup", *(("level",) if both else ()), "time", "reason")
    return Table(columns, rows, empty=f"there is no backup {name}")


def _line(count: int, *, dry_run: bool) -> str:
    what = counted(count, "backup")
    if dry_run:
        return f"Dry run: {what} would be forgotten; nothing was changed."
    return f"Forgot {what}. `freezer-agent prune` gives the space back." if count else "Nothing was forgotten."
