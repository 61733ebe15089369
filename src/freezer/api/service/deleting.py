"""Many objects removed at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from freezer.api.refusals import Refusal
from freezer.api.service import actions, backups, clients, jobs, sessions
from freezer.api.service.audit import noted
from freezer.api.service.caller import Caller
from freezer.api.store.contract import Unit

_MISSING = 404
REMOVERS: Mapping[str, Callable[[Unit, Caller, str], None]] = {
    "actions": actions.remove,
    "backups": backups.remove,
    "clients": clients.remove,
    "jobs": jobs.remove,
    "sessions": sessions.remove,
}
"""What can be removed, and how one of each is."""


class Deleted(msgspec.Struct, frozen=True):
    """The ids that were removed, and those that nothing has."""

    deleted: Sequence[str]
    missing: Sequence[str]


def remove_all(unit: Unit, caller: Caller, kind: str, ids: Sequence[str]) -> Deleted:
    """Remove all that there are of these; all or, if one must not be removed, none; each has its entry in the audit."""
    deleted: list[str] = []
    absent: list[str] = []
    for id in sorted(set(ids)):
        try:
            REMOVERS[kind](unit, caller, id)
        except Refusal as refusal:
            if refusal.status != _MISSING:
                raise
            absent.append(id)
        else:
            deed = None if caller.deed is None else replace(caller.deed, target=f"{kind}/{id}")
            deleted.append(noted(unit, replace(caller, deed=deed), id))
    return Deleted(deleted, absent)
