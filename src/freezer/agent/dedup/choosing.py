"""Which backup of a repository is meant."""

from __future__ import annotations

from collections.abc import Sequence

from freezer.agent.context import Context
from freezer.agent.dedup.opening import Opened
from freezer.agent.dedup.witness import seen
from freezer.clock import utc_text
from freezer.errors import BackupNotFound, UsageError
from freezer.model.backups import composed
from freezer.repository.protocol.backups import Backup
from freezer.units import counted

_NANO = 1_000_000_000
_SHOWN = 10


def all_backups(context: Context, found: Opened) -> Sequence[Backup]:
    """Every backup of the repository, oldest first."""
    return seen(context, found).backups()


def set_of(context: Context, backups: Sequence[Backup]) -> list[Backup]:
    """Those of this host and backup name."""
    host, name = context.settings.text("hostname"), context.invocation.backup_name
    return [each for each in backups if (each.summary.host, each.summary.backup_name) == (host, name)]


def wanted(context: Context, backups: Sequence[Backup]) -> list[Backup]:
    """Those that ``list`` and ``check`` are about: all, or of the host, the name and the tags that are asked for."""
    settings = context.settings
    host = settings.text("hostname") if settings.given("hostname") and not settings.flag("all_hosts") else None
    name = context.invocation.backup_name if settings.given("backup_name") else None
    tags = set(settings.texts("tag"))
    return [
        each
        for each in backups
        if host in (None, each.summary.host)
        and name in (None, each.summary.backup_name)
        and tags.issubset(each.summary.tags)
    ]


def composed_of(container: str, backup: Backup) -> str:
    """The id by which an API knows the backup."""
    summary = backup.summary
    return composed(container, f"{summary.host}_{summary.backup_name}", backup.started // _NANO)


def backup_of(context: Context, found: Opened) -> Backup:
    """The one backup that is meant: by its id, or the newest of this host and name, no later than the date and with
    the tags that are asked for. :class:`BackupNotFound` says what there is instead."""
    return choose(context, found, all_backups(context, found))


def choose(context: Context, found: Opened, backups: Sequence[Backup]) -> Backup:
    """The same among ``backups``."""
    settings = context.settings
    level = settings.optional_integer("restore_level")
    if level:
        raise BackupNotFound(f"backups in {found.repository.describe()} have no levels: there is none of level {level}")
    id = settings.optional_text("restore_backup_id")
    if id is not None:
        return _by_id(found, backups, id.lower())
    own, tags, date = set_of(context, backups), set(settings.texts("tag")), settings.date("restore_from_date")
    if not own:
        raise _no_such_name(context, found, backups)
    tagged = [each for each in own if tags.issubset(each.summary.tags)]
    if not tagged:
        raise BackupNotFound(
            f"no backup of {context.invocation.backup_name} has {counted(len(tags), 'tag')} {', '.join(sorted(tags))}"
        )
    early = [each for each in tagged if date is None or each.started < (date.seconds + 1) * _NANO]
    if not early:
        raise BackupNotFound(
            f"no backup of {context.invocation.backup_name} is that old; the oldest is from "
            f"{utc_text(tagged[0].started / _NANO)}"
        )
    return early[-1]


def _by_id(found: Opened, backups: Sequence[Backup], id: str) -> Backup:
    fitting = [each for each in backups if each.attempt.startswith(id)]
    if not fitting:
        raise BackupNotFound(f"{found.repository.describe()} has no backup whose id begins with {id}")
    if len(fitting) > 1:
        raise UsageError(
            f"{len(fitting)} backups have ids that begin with {id}",
            hint=", ".join(each.attempt for each in fitting[:_SHOWN]),
        )
    return fitting[0]


def _no_such_name(context: Context, found: Opened, backups: Sequence[Backup]) -> BackupNotFound:
    host, name = context.settings.text("hostname"), context.invocation.backup_name
    known = dict.fromkeys(f"{each.summary.backup_name} of host {each.summary.host}" for each in reversed(backups))
    there = "; there are: " + ", ".join(list(known)[:_SHOWN]) if known else ": it is empty"
    return BackupNotFound(f"{found.repository.describe()} has no backup {name} of host {host}{there}")
