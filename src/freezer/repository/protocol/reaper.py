"""Aborting attempts of which nothing has been heard for long, so that what they hold is not kept for ever.

Who is aborted although it lives loses nothing but time: it fails when it wants to commit, and what it stored is taken
over by the next attempt.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from freezer.errors import DataError, ObjectNotFound
from freezer.progress import Notice
from freezer.repository.documents import Attempt
from freezer.repository.names import Folder, Kind
from freezer.repository.protocol.deciding import Decider
from freezer.repository.store import Repository

LIMIT = 7 * 24 * 3600.0
"""Seconds since its announcement after which an attempt is reaped, unless told."""


class Overdue(msgspec.Struct, frozen=True):
    """An attempt to be reaped: announced so many seconds ago. ``announcement`` is None if that cannot be read."""

    attempt: str
    age: float
    announcement: Attempt | None


def overdue(repository: Repository, decider: Decider, notice: Notice, *, limit: float = LIMIT) -> list[Overdue]:
    """Undecided attempts that were announced more than ``limit`` seconds ago: the storage says when, our clock what
    time it is now. A clock that goes wrong costs nobody more than another try."""
    now = repository.clock.now()
    announced = {info.name.removeprefix(Folder.ATTEMPTS): info.modified for info in repository.list(Folder.ATTEMPTS)}
    old = frozenset(attempt for attempt, since in announced.items() if now - since > limit)
    return [
        Overdue(attempt, now - announced[attempt], _announcement(repository, attempt, notice))
        for attempt in sorted(decider.open_among(old))
    ]


def reap(decider: Decider, attempts: Iterable[Overdue], notice: Notice) -> list[str]:
    """Abort them; which really were. One that was decided meanwhile, or cannot be decided, stays as it is."""
    reaped = []
    for each in attempts:
        days = each.age / 86400
        try:
            if decider.abort(each.attempt, f"nothing was heard of it for {days:.1f} days"):
                reaped.append(each.attempt)
        except DataError as error:
            notice(error.message)
    return reaped


def _announcement(repository: Repository, attempt: str, notice: Notice) -> Attempt | None:
    try:
        return repository.get(Kind.ATTEMPT, f"{Folder.ATTEMPTS}{attempt}", Attempt).document
    except (DataError, ObjectNotFound) as error:
        notice(error.message)
        return None
