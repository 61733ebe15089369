"""Removing what is left of backups that were forgotten, or never were, long ago.

Only small objects: their packs are the collector's. What decides that an attempt is aborted stays for ever, so that one
who wakes after years is still told so; a tomb goes last, so that no delayed request brings back half a backup.
"""

from __future__ import annotations

import msgspec

from freezer.repository.names import Folder, is_numbered
from freezer.repository.protocol.standing import Standing
from freezer.repository.store import Repository

AFTER = 90 * 24 * 3600.0  # seconds since a tomb was put, or since an aborted attempt was announced


class Purge(msgspec.Struct, frozen=True):
    """Names of objects to be removed, in this order."""

    names: list[str]


def plan(repository: Repository, standing: Standing, *, after: float = AFTER) -> Purge:
    """What may go now. It is no later than the newest of what is looked at, so that a clock that is ahead takes nothing
    that others still compare with."""
    history = standing.history
    announced = {info.name.removeprefix(Folder.ATTEMPTS): info.modified for info in repository.list(Folder.ATTEMPTS)}
    stored_last = max((*announced.values(), *(tomb.modified for tomb in history.tombs.values())), default=0.0)
    before = min(repository.clock.now(), stored_last) - after
    tombed = sorted(
        attempt
        for attempt, tomb in history.tombs.items()
        if tomb.modified < before
        and attempt not in standing.spared
        and attempt not in history.aborted
        and attempt not in standing.undecided
    )
    aborted = sorted(attempt for attempt in history.aborted if announced.get(attempt, before) < before)
    stored = {name for folder in _FOLDERS for name in repository.names(folder)}
    holds = list(repository.names(Folder.HOLDS))
    names: list[str] = []
    for attempt in aborted:
        names += [folder + attempt for folder in (Folder.ROOTS, Folder.ATTEMPTS)]
    for attempt in tombed:
        names += [folder + attempt for folder in _FOLDERS]
        names += [name for name in holds if is_numbered(name, attempt)]
        names.append(Folder.TOMBS + attempt)
    return Purge([name for name in names if name in stored or name.startswith((Folder.HOLDS, Folder.TOMBS))])


def carry_out(repository: Repository, purge: Purge) -> None:
    for name in purge.names:
        repository.delete(name)


_FOLDERS = (Folder.ROOTS, Folder.ATTEMPTS, Folder.COMMITS, Folder.OK, Folder.ABORT, Folder.DONE)
"""What an attempt may have left, in the order in which it goes: a root before what says that it counts, or does not."""
