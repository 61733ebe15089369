"""What a backup counts in the sums of its set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from freezer.api.store.contract import Scalar, Unit
from freezer.api.store.tallies import ALL_TIME, COMPLETE, PARTIAL, Tally
from freezer.model.backups import composed_hash, composed_id, location_of, names_of, set_id, sizes, time_stamp

_DAY = 86_400
_LONGEST = 255
_LAST_DAY = 2**31 - 1


def columns(shown: Mapping[str, Any]) -> dict[str, Scalar]:
    """The columns of a backup, from what is shown of it."""
    metadata = shown["backup_metadata"]
    there = shown["status"] == "available"
    return {
        "stamp": time_stamp(metadata),
        "composed": composed_hash(composed_id(metadata)),
        "belongs": set_id(*names_of(metadata)),
        "location": location_of(metadata),
        "counted": (PARTIAL if metadata.get("partial") is True else COMPLETE) if there else 0,
    }


def recount(unit: Unit, project_id: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
    """Bring the sums up to date: what was shown of a backup ``before`` and ``after``, None if it was not there.

    To be called when the backup itself is stored already.
    """
    gone, added = weight(project_id, before), weight(project_id, after)
    if gone == added:
        return
    unit.tallies.add([*map(_less, gone), *added])
    for mine in {each.set_id for each in gone}:
        unit.tallies.settle(project_id, mine)


def weight(project_id: str, shown: Mapping[str, Any] | None) -> list[Tally]:
    """What a backup adds to the sums, over all time and of its day."""
    if shown is None:
        return []
    own, metadata = columns(shown), shown["backup_metadata"]
    if not own["counted"]:
        return []
    hostname, backup_name = names_of(metadata)
    read, stored = sizes(metadata)
    made = max(int(own["stamp"] or 0), 0)
    complete = own["counted"] == COMPLETE
    whole = Tally(
        project_id=project_id,
        set_id=str(own["belongs"]),
        hostname=hostname[:_LONGEST],
        backup_name=backup_name[:_LONGEST],
        backups=1,
        partial=0 if complete else 1,
        bytes_read=read,
        bytes_stored=stored,
        last_success=made,
        last_complete=made if complete else 0,
    )
    day = min(made // _DAY, _LAST_DAY)
    return [whole, replace(whole, day=day)] if day > ALL_TIME else [whole]


def _less(tally: Tally) -> Tally:
    """What takes ``tally`` away again, the times apart."""
    return replace(
        tally,
        backups=-tally.backups,
        partial=-tally.partial,
        bytes_read=-tally.bytes_read,
        bytes_stored=-tally.bytes_stored,
        last_success=0,
        last_complete=0,
    )
