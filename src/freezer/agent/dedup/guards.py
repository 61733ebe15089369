"""What a new backup is compared with the last one for: whether the source is there, and clock and name are right."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.dedup.opening import Opened
from freezer.clock import utc_text
from freezer.engine.dedup.backup.result import Made
from freezer.errors import SourceError
from freezer.model.items import printable
from freezer.repository.documents import SourceKind
from freezer.repository.protocol.backups import Backup
from freezer.units import counted

_NANO = 1_000_000_000
_SOON = 60 * _NANO  # that clocks may differ by without a word


def mention_oddities(context: Context, found: Opened, newest: Backup) -> None:
    """Say what is strange about the newest backup of this host and name: that it claims to be later than now, or was
    not made by us."""
    name, host = newest.summary.backup_name, newest.summary.host
    if newest.started > found.repository.now() + _SOON:
        context.notice(
            f"the clock says {utc_text(context.clock.now())}, but the newest backup of {name} is from "
            f"{utc_text(newest.started / _NANO)}: a restore takes that one for the newest"
        )
    agent = found.repository.agent
    if agent is not None and newest.agent != agent.id:
        context.notice(
            f"the newest backup of {name} of host {host} was made by another installation: if that is no earlier one "
            "of this machine, two machines have one name"
        )


def refuse_empty_source(context: Context, made: Made, before: Backup | None) -> None:
    """:class:`SourceError` if everything is gone that the last backup had, or more than may be: a disk is probably not
    mounted, or what writes to standard input has failed."""
    if context.settings.flag("allow_empty_source") or before is None or not before.summary.files:
        return
    summary = made.summary
    if made.source.kind is SourceKind.STREAM:
        if before.summary.bytes and not summary.bytes:
            raise SourceError(
                f"{printable(made.source.path)} has no bytes, but its last backup had some",
                hint="has the program failed that writes them? --allow-empty-source backs it up as it is",
            )
    elif not (summary.files or summary.links or summary.others) and summary.directories <= 1:
        raise SourceError(
            f"{context.settings.text('path_to_backup')} is empty, but its last backup was not",
            hint="is its disk mounted? --allow-empty-source backs it up as it is",
        )
    elif summary.files < before.summary.files * (1 - context.settings.share("max_shrink")):
        raise SourceError(
            f"{context.settings.text('path_to_backup')} has {counted(summary.files, 'file')}, its last backup had "
            f"{before.summary.files}: it shrank by more than --max-shrink allows",
            hint="is everything mounted? --allow-empty-source backs it up as it is",
        )
