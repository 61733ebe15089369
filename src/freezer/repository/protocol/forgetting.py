"""Forgetting backups, and keeping them from being forgotten.

A tomb is for ever; what it leaves over is removed by a collector (:mod:`~freezer.repository.protocol.purging`). A
*hold* keeps a backup until a time, or until it is released.
"""

from __future__ import annotations

from freezer.clock import utc_text
from freezer.errors import BackupNotFound, ContainerError, ObjectExists
from freezer.progress import Notice
from freezer.repository.cache import Cache
from freezer.repository.config import Decider
from freezer.repository.documents import Hold, Tomb
from freezer.repository.names import PREFIX, Folder, Kind, is_numbered, number_of, numbered
from freezer.repository.protocol import records
from freezer.repository.store import Repository

FOR_EVER = 0
_SECOND = 1_000_000_000
_COMMITS = {Decider.CREATE_ONCE: (Folder.COMMITS,), Decider.MARKERS: (Folder.DONE,), Decider.API: (Folder.ROOTS,)}
"""Where something is of every committed attempt. (What the API has committed its caller knows.)"""


def holds(repository: Repository, cache: Cache | None, notice: Notice) -> dict[str, Hold]:
    """The holds that are in force now, by attempt."""
    now = repository.now()
    return {
        attempt: hold
        for attempt, (_, hold) in _latest(repository, cache, notice).items()
        if not hold.released and (hold.until == FOR_EVER or hold.until > now)
    }


def hold(repository: Repository, attempt: str, until: int, label: str, notice: Notice) -> None:
    """Keep a backup until that time (nanoseconds since 1970), or :data:`FOR_EVER`; the last word counts.
    :class:`BackupNotFound` if it is forgotten already."""
    _put(repository, Hold(attempt, until, label), notice)
    if repository.exists(f"{Folder.TOMBS}{attempt}"):
        raise BackupNotFound(f"the backup {attempt} is forgotten already: too late to hold it")


def release(repository: Repository, attempt: str, label: str, notice: Notice) -> None:
    """End all holds on a backup."""
    _put(repository, Hold(attempt, FOR_EVER, label, released=True), notice)


def forget(repository: Repository, attempt: str, reason: str, cache: Cache | None, notice: Notice) -> None:
    """Put a tomb on a committed backup; nothing is deleted. :class:`ContainerError` if a hold prevents it,
    :class:`BackupNotFound` if there is no commit: a tomb that is there before would forget what is still to come."""
    if not any(repository.exists(folder + attempt) for folder in _COMMITS[repository.config.decider]):
        raise BackupNotFound(f"there is no backup {attempt}")
    in_force = holds(repository, cache, notice).get(attempt)
    if in_force is not None:
        end = "for ever" if in_force.until == FOR_EVER else f"until {utc_text(in_force.until // _SECOND)}"
        raise ContainerError(f"the backup {attempt} is held {end} ({in_force.label or 'without a label'})")
    repository.put(Kind.TOMB, f"{Folder.TOMBS}{attempt}", Tomb(attempt, repository.now(), reason))


def _put(repository: Repository, hold: Hold, notice: Notice) -> None:
    """Store a hold under the first number that is free: each is written once, and the highest counts."""
    while True:
        number, _ = _latest(repository, None, notice).get(hold.attempt, (-1, None))
        name = f"{Folder.HOLDS}{numbered(hold.attempt, number + 1)}"
        try:
            repository.storage.put_new(PREFIX + name, repository.pack_object(Kind.HOLD, name, hold))
        except ObjectExists:
            continue  # somebody else was quicker
        return


def _latest(repository: Repository, cache: Cache | None, notice: Notice) -> dict[str, tuple[int, Hold]]:
    """The last word on each attempt, with its number."""
    latest: dict[str, tuple[int, Hold]] = {}
    for name, record in records.read_all(repository, cache, Folder.HOLDS, Kind.HOLD, Hold, notice).items():
        attempt = record.document.attempt
        if is_numbered(name, attempt) and number_of(name) > latest.get(attempt, (-1, None))[0]:
            latest[attempt] = (number_of(name), record.document)
    return latest
