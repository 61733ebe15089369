"""How levels are extracted, whatever into: what is chosen of them, how much is believed, what counts as missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from freezer.agent.context import Context
from freezer.agent.stored.archive import Archive, is_ours
from freezer.agent.stored.reading import archive_bytes, begin_reading
from freezer.engine.contract import Restored, Source
from freezer.engine.tar.archive.limits import Limits
from freezer.engine.tar.archive.limits import most_plain as levels_most
from freezer.engine.tar.restore.extract import Extraction, Selection
from freezer.engine.tar.restore.target import Listing, Seen
from freezer.errors import BackupNotFound
from freezer.model.failures import rest
from freezer.model.items import ItemFailure, printable

OpenLevels = Sequence[Callable[[], AbstractContextManager[Source]]]


def newest_first(archives: Sequence[Archive]) -> OpenLevels:
    """What opens the levels, in the order in which they are extracted."""
    return [archive.open for archive in reversed(archives)]


def selection(context: Context) -> Selection:
    """The part of the backup that ``--only`` names."""
    return Selection([os.fsencode(path) for path in context.settings.texts("only")])


def limits_of(context: Context) -> Limits:
    """How much is believed of an archive."""
    whole = context.settings.integer
    return Limits(
        entries=whole("restore_max_entries"),
        depth=whole("restore_max_depth"),
        expansion=whole("restore_max_expansion"),
        record=whole("restore_max_record"),
        listing=whole("restore_max_listing"),
        extents=whole("restore_max_extents"),
    )


def most_plain(limits: Limits, archives: Sequence[Archive]) -> list[int | None]:
    """Plain bytes that are believed of each level, newest first; None where its authentication vouches for them."""
    return [
        None if archive.authenticated else levels_most(limits, archive_bytes([archive.backup]), archive.plain_size)
        for archive in reversed(archives)
    ]


def refuse_missed(chosen: Selection) -> None:
    """:class:`BackupNotFound` if a path that was asked for is not in the backup."""
    missed = chosen.missed()
    if missed:
        raise BackupNotFound(f"the backup does not hold {', '.join(map(printable, missed))}")


def look_through(context: Context, archives: Sequence[Archive]) -> tuple[list[Seen], Restored]:
    """What a restore would bring back, sorted by path, and its counts; nothing is written."""
    seen: list[Seen] = []
    chosen = selection(context)
    begin_reading(context, "read", archives)
    limits = limits_of(context)
    most = most_plain(limits, archives)
    extraction = Extraction(Listing(seen.append), chosen, context.progress, limits=limits, most_plain=most)
    result = extraction.run(newest_first(archives))
    context.progress.complete()
    refuse_missed(chosen)
    return sorted(seen, key=lambda item: item.path), result


def problems(archives: Sequence[Archive], result: Restored) -> list[ItemFailure]:
    """What makes a restore partial. Lists of other programs also name what they never store (sockets)."""
    found = list(result.problems())
    if is_ours(archives[-1].record):
        found += [*result.absent, *rest(result.absent)]
        known = {failure.path for failure in found}
        # what the backup does not vouch for is worth a mention at every restore
        found += [item for item in archives[-1].names().failed if item.path not in known]
    return found


def unexplained(archives: Sequence[Archive], result: Restored) -> list[ItemFailure]:
    """What makes a restore partial and was not known when the backup was made. Its record names the items that failed
    then; of very many it has the number, and no more than that many may be missing."""
    names, record = archives[-1].names(), archives[-1].record
    known = {item.path for item in names.failed}
    details = record.freezer if record is not None else None
    failed = details.summary.failed if details is not None else 0
    if failed > len(names.failed) and result.absent.total <= failed:
        known.update(item.path for item in (*result.absent, *rest(result.absent)))
    return [item for item in problems(archives, result) if item.path not in known]
