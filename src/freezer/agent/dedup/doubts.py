"""What speaks against a backup, as far as checks have found out."""

from __future__ import annotations

from freezer.agent.dedup.opening import Opened
from freezer.errors import DataError, ObjectNotFound
from freezer.repository.protocol.backups import Backup
from freezer.units import counted
from freezer.upkeep.verification import Verification


def doubt(found: Opened, backup: Backup, checks: Verification) -> str | None:
    """Why the backup may not be restorable entirely; None if nobody has found anything that was not mended since. A
    root is read only if something was found since the backup was last seen to be intact."""
    if backup.attempt in checks.damaged:
        return "a check found that something of it is lost"
    since = checks.intact.get(backup.attempt, 0)
    bad = {pack for pack, when in checks.quarantined.items() if when > since}
    if not bad:
        return None
    try:
        damaged = bad.intersection(backup.root(found.repository, found.cache).needs)
    except (DataError, ObjectNotFound) as error:
        return error.message
    return f"it relies on {counted(len(damaged), 'object')} that a check found damaged" if damaged else None
