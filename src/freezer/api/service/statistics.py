"""Statistics: how much is backed up, how old the newest backups are, and how old they may become.

The *objective* of a set is how old its newest backup may become. It is what somebody has said, otherwise the longest
pause of the job that makes the set: the time between two runs of its schedule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from freezer.api.refusals import missing
from freezer.api.service.caller import Caller
from freezer.api.service.objectives import clients_by_host, objectives
from freezer.api.store.contract import Unit
from freezer.api.store.tallies import Tally
from freezer.clock import utc_text

_DAY = 86_400
_AT_ONCE = 1000
MOST_SETS = 10_000
"""Sets of a project that its statistics look at; the newest objectives of more are not told."""


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What was backed up on a day (UTC) and is still there."""

    day: str
    backups: int
    partial: int
    bytes_read: int
    bytes_stored: int


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """``backups`` that are there, ``partial`` those of them that lack items, their bytes; when the newest was made, and
    the newest that lacks nothing: seconds since 1970, null for never."""

    backups: int
    partial: int
    bytes_read: int
    bytes_stored: int
    last_success: int | None
    last_complete: int | None


class BackupSet(Sums, frozen=True, kw_only=True):
    """The backups of one name on one host. ``age`` of the newest and ``objective``, how old it may become, in seconds;
    ``late`` if it is older; null where that is not known. ``days``: if they were asked for."""

    set_id: str
    hostname: str
    backup_name: str
    age: int | None
    objective: int | None
    objective_from: str | None
    late: bool | None
    days: Sequence[Day] | UnsetType = UNSET


class HostSums(Sums, frozen=True, kw_only=True):
    """All sets of one host, and how many of them are ``late``; ``client_id``: the client that is registered there."""

    hostname: str
    client_id: str | None
    sets: int
    late: int


class ProjectSums(Sums, frozen=True, kw_only=True):
    """All sets of a project, how many of them are ``late``, and what was backed up day by day."""

    sets: int
    late: int
    days: Sequence[Day]


class Hosts(msgspec.Struct, frozen=True):
    """The hosts of a project, by name."""

    hosts: Sequence[HostSums]


class Sets(msgspec.Struct, frozen=True, kw_only=True):
    """A page of sets, by id; ``marker``: after which the next page begins, null if there is none."""

    sets: Sequence[BackupSet]
    marker: str | None = None


def sets(
    unit: Unit, caller: Caller, *, after: str = "", limit: int, hostname: str | None = None, days: int = 0
) -> Sets:
    """The sets of a project behind the one with the id ``after``; with their last ``days``."""
    found = unit.tallies.sets(caller.project_id, after, limit + 1, hostname)
    page = found[:limit]
    known = objectives(unit, caller)
    trends = _trends(unit, caller, [each.set_id for each in page], days) if days else None
    told = [_set(each, known, caller.now, trends) for each in page]
    return Sets(sets=told, marker=page[-1].set_id if len(found) > limit else None)


def _trends(unit: Unit, caller: Caller, set_ids: Sequence[str], days: int) -> Mapping[str, Sequence[Day]]:
    result: dict[str, list[Day]] = {each: [] for each in set_ids}
    for tally in unit.tallies.days(caller.project_id, caller.now // _DAY - days + 1, set_ids):
        result[tally.set_id].append(_day(tally))
    return result


def _set(
    tally: Tally,
    known: Mapping[tuple[str, str], int],
    now: int,
    trends: Mapping[str, Sequence[Day]] | None = None,
) -> BackupSet:
    from_job = known.get((tally.hostname, tally.backup_name))
    objective = from_job if tally.objective is None else tally.objective
    age = max(now - tally.last_success, 0) if tally.last_success else None
    return BackupSet(
        set_id=tally.set_id,
        hostname=tally.hostname,
        backup_name=tally.backup_name,
        age=age,
        objective=objective,
        objective_from=None if objective is None else "set" if tally.objective is not None else "schedule",
        late=None if objective is None else age is None or age > objective,
        days=UNSET if trends is None else trends[tally.set_id],
        **_sums(tally),
    )


def _sums(tally: Tally) -> dict[str, Any]:
    return {
        "backups": tally.backups,
        "partial": tally.partial,
        "bytes_read": tally.bytes_read,
        "bytes_stored": tally.bytes_stored,
        "last_success": tally.last_success or None,
        "last_complete": tally.last_complete or None,
    }


def _day(tally: Tally) -> Day:
    return Day(
        day=utc_text(tally.day * _DAY)[:10],
        backups=tally.backups,
        partial=tally.partial,
        bytes_read=tally.bytes_read,
        bytes_stored=tally.bytes_stored,
    )


def set_objective(unit: Unit, caller: Caller, set_id: str, seconds: int | None) -> None:
    """Say how old the newest backup of a set may become; None: what its job's schedule says."""
    if not unit.tallies.set_objective(caller.project_id, set_id, seconds):
        raise missing("Backup set", set_id)


def project(unit: Unit, caller: Caller, days: int) -> ProjectSums:
    """The sums of a project."""
    all_sets = _all(unit, caller)
    since = caller.now // _DAY - days + 1
    return ProjectSums(
        sets=len(all_sets),
        late=sum(each.late is True for each in all_sets),
        days=[_day(each) for each in unit.tallies.days(caller.project_id, since)],
        **_sums(unit.tallies.total(caller.project_id)),
    )


def _all(unit: Unit, caller: Caller) -> Sequence[BackupSet]:
    known = objectives(unit, caller)
    result: list[BackupSet] = []
    while len(result) < MOST_SETS:
        found = unit.tallies.sets(caller.project_id, result[-1].set_id if result else "", _AT_ONCE)
        result.extend(_set(each, known, caller.now) for each in found)
        if len(found) < _AT_ONCE:
            break
    return result


def hosts(unit: Unit, caller: Caller) -> Hosts:
    """The sums of the hosts of a project, by name; clients that nothing was backed up of, too."""
    clients = clients_by_host(unit, caller)
    mine: dict[str, list[BackupSet]] = {host: [] for host in clients}
    for each in _all(unit, caller):
        mine.setdefault(each.hostname, []).append(each)
    return Hosts([_host(host, mine[host], clients.get(host)) for host in sorted(mine)])


def _host(hostname: str, found: Sequence[BackupSet], client_id: str | None) -> HostSums:
    return HostSums(
        hostname=hostname,
        client_id=client_id,
        sets=len(found),
        late=sum(each.late is True for each in found),
        backups=sum(each.backups for each in found),
        partial=sum(each.partial for each in found),
        bytes_read=sum(each.bytes_read for each in found),
        bytes_stored=sum(each.bytes_stored for each in found),
        last_success=max((each.last_success or 0 for each in found), default=0) or None,
        last_complete=max((each.last_complete or 0 for each in found), default=0) or None,
    )
