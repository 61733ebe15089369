"""Removal by age and by number: the action ``admin``, and what follows a complete backup that was given its options."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freezer.agent.context import Context
from freezer.agent.places.place import Place
from freezer.agent.result import Result, Table
from freezer.clock import utc_text
from freezer.container.catalogue import read_catalogue
from freezer.container.layout import SetId
from freezer.errors import FreezerError, StorageError
from freezer.model.upkeep import Upkeep
from freezer.options.resolve import Settings
from freezer.retention.rules import Rules
from freezer.storage.contract import Storage
from freezer.units import counted, format_size
from freezer.upkeep.removal import DAY, RemovalPlan, execute, plan_removal

_ENGINE = "tar"


def remove_after_backup(context: Context, places: Sequence[Place], result: Result) -> Result:
    """``result`` of a backup that is complete in ``places``, after the removal there that its options ask for."""
    upkeep = result.upkeep
    lines, errors = [*result.lines], [result.error] if result.error is not None else []
    for place in places:
        label = "" if place.alone else f"{place.name}: "
        try:
            done = remove(context, place)
            lines += [label + line for line in done.lines]
            upkeep = upkeep.plus(done.upkeep)
        except FreezerError as error:
            # the backup is made, and is reported
            errors.append(error if place.alone else StorageError(label + error.message, hint=error.hint))
    if len(errors) > 1:
        errors = [StorageError("; ".join(error.message for error in errors), hint=errors[0].hint)]
    return msgspec.structs.replace(result, lines=lines, error=errors[0] if errors else None, upkeep=upkeep)


def removal_rules(settings: Settings, now: float) -> Rules:
    """What the options ask for."""
    days = settings.optional_number("remove_older_than")
    date = settings.date("remove_before_date") or settings.date("remove_from_date")
    within = settings.optional_number("keep_within")
    older_than = now - days * DAY if days is not None else float(date.seconds) if date is not None else None
    return Rules(
        older_than=older_than,
        last=settings.optional_integer("keep_last"),
        hourly=settings.optional_integer("keep_hourly"),
        daily=settings.optional_integer("keep_daily"),
        weekly=settings.optional_integer("keep_weekly"),
        monthly=settings.optional_integer("keep_monthly"),
        yearly=settings.optional_integer("keep_yearly"),
        within=within * DAY if within is not None else None,
        tags=frozenset(settings.texts("keep_tag")),
    )


def remove(context: Context, place: Place) -> Result:
    """Plan the removal, show it, and carry it out unless ``--dry-run``."""
    settings, storage, now = context.settings, place.storage, context.clock.now()
    name = _set_name(context, storage)
    catalogue = read_catalogue(storage, engine=_ENGINE, name=name)
    rules = removal_rules(settings, now)
    plan = plan_removal(catalogue, rules, now=now, allow_empty=settings.flag("allow_empty"))
    document: dict[str, object] = {
        "keep": [{"backup": key.id, "reason": reason} for key, reason in plan.keep],
        "remove": [
            {
                "backup": removal.key.id,
                "reason": removal.reason,
                "bytes": removal.size,
                "complete": removal.committed and removal.key not in catalogue.broken,
            }
            for removal in plan.remove
        ],
        "dry_run": settings.flag("dry_run"),
    }
    if settings.flag("dry_run"):
        line = (
            f"Dry run: {counted(len(plan.remove), 'backup or leftover', 'backups and leftovers')} would go, freeing "
            f"{format_size(plan.size)}; nothing was removed."
        )
        return Result(document=document, table=_table(plan, name), lines=[line])
    done = execute(storage, plan, context.progress)
    document |= {"removed_backups": done.backups, "removed_leftovers": done.leftovers, "removed_bytes": done.bytes}
    what = f"{counted(done.backups, 'backup')} and {counted(done.leftovers, 'leftover')}"
    line = f"Removed {what} ({format_size(done.bytes)})."
    keys = [removal.key for removal in plan.remove if removal.committed]
    gone = tuple(place.composed(key.set.name, key.time, key.level) for key in keys)
    return Result(document=document, table=_table(plan, name), lines=[line], upkeep=Upkeep(removed=gone))


def _set_name(context: Context, storage: Storage) -> str:
    """The set that is meant: its expanded name, or the template itself where upstream filed backups under that."""
    settings = context.settings
    hostname = settings.text("hostname")
    name = SetId.of(_ENGINE, hostname, context.invocation.backup_name).name
    raw = f"{hostname}_{settings.text('backup_name')}"
    if raw != name and not storage.list(f"metadata/{_ENGINE}/{name}/") and storage.list(f"metadata/{_ENGINE}/{raw}/"):
        return raw
    return name


def _table(plan: RemovalPlan, name: str) -> Table:
    rows = [("keep", key.id, key.level, utc_text(key.time), reason) for key, reason in plan.keep]
    rows += [
        ("remove", removal.key.id, removal.key.level, utc_text(removal.key.time), removal.reason)
        for removal in plan.remove
    ]
    return Table(("", "backup", "level", "time", "reason"), rows, empty=f"there is no backup of {name}")
