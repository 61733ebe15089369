"""What has changed in a project, for those who follow it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freezer.api.refusals import missing
from freezer.api.service.caller import Caller
from freezer.api.store.contract import Change, Kind, Unit

MOST_CHANGES = 500


class Told(msgspec.Struct, frozen=True):
    """A change: the ``kind`` of object with this ``id`` was ``made``, ``changed`` or ``removed``; ``client_id``: whose
    scheduler it concerns, null if nobody's in particular."""

    number: int
    kind: str
    id: str
    deed: str
    client_id: str | None


class News(msgspec.Struct, frozen=True):
    """Changes, oldest first; ``last``: the number to go on from. ``reset``: what lies between is not known any more,
    so that lists must be read again. ``more``: ask again at once."""

    changes: Sequence[Told]
    last: int
    reset: bool = False
    more: bool = False


def concerned(unit: Unit, caller: Caller, client: str | None) -> str | None:
    """Whose changes are to be told: those of ``client``, None for all; a node is told of its own client alone."""
    bound = caller.scope.client
    if bound is None:
        return client
    own = unit.many(Kind.CLIENT, caller.scope, [bound]).get(bound)
    if own is None or client not in (None, own.own["name"]):
        raise missing("Client", client or bound)
    return str(own.own["name"])


def news(unit: Unit, caller: Caller, since: int | None, client: str | None) -> News:
    """What has changed behind number ``since``; None: nothing, but from which number on there will be news."""
    feed = unit.feed(caller.project_id)
    if since is None or since == feed.last:
        return News((), feed.last)
    if not feed.forgotten <= since <= feed.last:
        return News((), feed.last, reset=True)
    found = [_told(each) for each in unit.changes(caller.project_id, since, client, MOST_CHANGES + 1)]
    if len(found) > MOST_CHANGES:
        return News(found[:MOST_CHANGES], found[MOST_CHANGES - 1].number, more=True)
    newest = found[-1].number if found else since
    return News(found, max(feed.last, newest))


def _told(change: Change) -> Told:
    return Told(change.number, change.kind, change.id, change.deed, change.client or None)
