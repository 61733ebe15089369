"""The action ``prune``: space that no backup of a repository needs."""

from __future__ import annotations

from collections.abc import Sequence

from freezer.agent.context import Context
from freezer.agent.dedup.opening import Opened, open_to_read, open_to_write, opened_storage
from freezer.agent.result import Result, Table
from freezer.repository import reserve
from freezer.repository.protocol import collector, reaper
from freezer.repository.protocol.collector import Collected, Plan
from freezer.repository.protocol.deciding import decider_of
from freezer.repository.protocol.judging import PackPlan, Step
from freezer.repository.reserve import RoomMaker
from freezer.units import counted, format_size
from freezer.upkeep.removal import DAY

_REAP_AFTER = 7.0  # days


def run(context: Context) -> Result:
    """Give up what nobody finished, plan, show, and unless ``--dry-run`` carry out, also where the storage is full."""
    with opened_storage(context) as storage:
        if context.settings.flag("dry_run"):
            return _prune(context, open_to_read(context, storage))
        result = _prune(context, open_to_write(context, RoomMaker(storage)))
        reserve.lay(storage, context.clock)
        return result


def _prune(context: Context, found: Opened) -> Result:
    settings, repository, dry_run = context.settings, found.repository, context.settings.flag("dry_run")
    decider = decider_of(repository)
    asked = settings.optional_number("reap_after")
    days = _REAP_AFTER if asked is None else asked
    due = reaper.overdue(repository, decider, context.notice, limit=days * DAY)
    reaped = [] if dry_run else reaper.reap(decider, due, context.notice)
    context.progress.phase("plan")
    plan = collector.plan(
        repository,
        decider,
        cache=found.cache,
        max_unused=settings.share("max_unused"),
        budget=settings.optional_integer("prune_budget"),
        notice=context.notice,
        progress=context.progress,
    )
    left = repository.storage.sweep(context.clock.now() - DAY, dry_run=True)  # by writers that died
    given_up = [each.attempt for each in due] if dry_run else reaped
    document = _document(plan, dry_run=dry_run) | {"given_up": given_up, "leftovers": len(left)}
    if dry_run:
        freed, moved = format_size(plan.freed), format_size(plan.moved)
        line = f"Dry run: {freed} would be freed, {moved} rewritten; nothing was changed."
        return Result(document=document, table=_table(plan), lines=[*_given_up(len(due), "would be given up"), line])
    done = collector.carry_out(repository, plan, notice=context.notice)
    if left:
        repository.storage.sweep(context.clock.now() - DAY)
    document["done"] = _done(done)
    freed = format_size(done.deleted_bytes - done.moved_bytes)
    line = f"Deleted {counted(len(done.deleted), 'object')}; {format_size(done.moved_bytes)} rewritten, {freed} freed."
    return Result(document=document, table=_table(plan), lines=[*_given_up(len(reaped), "given up"), line])


def _given_up(count: int, what: str) -> Sequence[str]:
    return [f"{counted(count, 'unfinished backup')} {what}."] if count else []


def _document(plan: Plan, *, dry_run: bool) -> dict[str, object]:
    return {
        "packs": [
            {"pack": each.name, "step": str(each.step), "bytes": each.size, "live": each.live, "reason": each.reason}
            for each in _changing(plan)
        ],
        "kept": sum(each.step is Step.KEEP for each in plan.packs),
        "freed_bytes": plan.freed,
        "moved_bytes": plan.moved,
        "dry_run": dry_run,
    }


def _done(done: Collected) -> dict[str, object]:
    return {
        "deleted_packs": len(done.deleted),
        "deleted_bytes": done.deleted_bytes,
        "moved_bytes": done.moved_bytes,
        "rescued_bundles": done.rescued,
        "deleted_parts": len(done.parts),
        "deleted_records": len(done.purged),
    }


def _changing(plan: Plan) -> Sequence[PackPlan]:
    return [each for each in plan.packs if each.step is not Step.KEEP]


def _table(plan: Plan) -> Table:
    rows = [
        (str(each.step), each.name, format_size(each.size), format_size(each.live), each.reason)
        for each in _changing(plan)
    ]
    kept = counted(sum(each.step is Step.KEEP for each in plan.packs), "object")
    return Table(("", "object", "size", "needed", "reason"), rows, empty=f"nothing to do: all of {kept} stay")
