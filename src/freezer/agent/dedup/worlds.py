"""Which kinds of backups a container holds, and looking at all of them.

A world that cannot be looked at, because a passphrase is missing or belongs to the other, is a warning as long as the
other one has what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from freezer.agent.context import Context
from freezer.agent.dedup.choosing import backup_of
from freezer.agent.dedup.opening import Opened, open_to_read
from freezer.agent.presence import asks_for_dedup
from freezer.agent.result import Result, Table
from freezer.agent.stored.choose import open_catalogue
from freezer.clock import utc_text
from freezer.errors import BackupNotFound, FreezerError, PassphraseError
from freezer.repository.protocol.backups import Backup
from freezer.storage.contract import Storage

if TYPE_CHECKING:
    from freezer.container.catalogue import Catalogue

T = TypeVar("T")

_NANO = 1_000_000_000


def in_both(
    context: Context,
    storage: Storage,
    ours: Callable[[Opened, bool], Result],
    theirs: Callable[[Catalogue], Result],
    *,
    opening: Callable[[Context, Storage], Opened] = open_to_read,
) -> Result:
    """``ours`` of the repository and ``theirs`` of the other backups as one result. ``ours`` is told whether there are
    both."""
    catalogue = None if _only_dedup(context) else _catalogue(storage)
    if catalogue is None or not _has_backups(catalogue):
        return ours(opening(context, storage), False)
    other = theirs(catalogue)
    try:
        found = opening(context, storage)
    except PassphraseError as error:
        return msgspec.structs.replace(other, warnings=[*other.warnings, f"not looked at: {error.message}"])
    return _merged(other, ours(found, True))


def chosen_in_repository(context: Context, storage: Storage) -> tuple[Opened, Backup] | None:
    """The backup that is meant, if it is one of the repository; None if it is another engine's.

    Of both worlds the newer backup is taken, as within one.
    """
    if _only_dedup(context):
        found = open_to_read(context, storage)
        return found, backup_of(context, found)
    catalogue = _catalogue(storage)
    theirs, why_not = _tried(lambda: _time_of_level(context, catalogue))
    ours, problem = _tried(lambda: _own(context, storage))
    if ours is None:
        if theirs is None and problem is not None:
            raise problem if isinstance(problem, PassphraseError) or not _has_backups(catalogue) else why_not or problem
        if isinstance(problem, PassphraseError):
            context.notice(f"not looked at: {problem.message}")
        return None
    if theirs is None:
        return ours
    newer = ours[1].started // _NANO >= theirs
    taken, time = ("repository", ours[1].started // _NANO) if newer else ("engine tar", theirs)
    context.notice(
        f"such backups are in the repository and of engine tar here; the newest is taken, that of the {taken} "
        f"from {utc_text(time)}: --engine decides otherwise"
    )
    return ours if newer else None


def _own(context: Context, storage: Storage) -> tuple[Opened, Backup]:
    found = open_to_read(context, storage)
    return found, backup_of(context, found)


def _tried(look: Callable[[], T]) -> tuple[T | None, FreezerError | None]:
    try:
        return look(), None
    except (BackupNotFound, PassphraseError) as error:
        return None, error


def _only_dedup(context: Context) -> bool:
    return asks_for_dedup(context) or bool(context.settings.texts("tag"))


def _catalogue(storage: Storage) -> Catalogue:

    return open_catalogue(storage)


def _time_of_level(context: Context, catalogue: Catalogue) -> int:
    """When the backup of engine tar was made that is meant: seconds since 1970."""
    from freezer.agent.stored.choose import choose

    return choose(context, catalogue)[-1].key.time


def _has_backups(catalogue: Catalogue) -> bool:
    return bool(catalogue.backups or catalogue.broken)


def _merged(theirs: Result, ours: Result) -> Result:
    """Rows follow one another; of documents that are objects, ours stands in theirs under ``repository``."""
    document: object
    if isinstance(theirs.document, Sequence) and isinstance(ours.document, Sequence):
        document = [*theirs.document, *ours.document]
    else:
        document = {**dict(theirs.document), "repository": ours.document}  # type: ignore[arg-type]
    return Result(
        document=document,
        table=_tables(theirs.table, ours.table),
        lines=[*theirs.lines, *ours.lines],
        warnings=[*theirs.warnings, *ours.warnings],
        failures=[*theirs.failures, *ours.failures],
        error=theirs.error or ours.error,
        upkeep=theirs.upkeep.plus(ours.upkeep),
    )


def _tables(theirs: Table | None, ours: Table | None) -> Table | None:
    if theirs is None or ours is None:
        return theirs or ours
    return msgspec.structs.replace(theirs, rows=[*theirs.rows, *ours.rows])
