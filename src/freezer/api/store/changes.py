"""What a change of a record tells, and whom.

A job that a client of another project serves (a central one) is told in that project, too, where its scheduler follows.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from freezer.api.store.contract import Change, Kind, Record
from freezer.decoding import json_decoder

MADE, CHANGED, REMOVED = "made", "changed", "removed"


class _Served(msgspec.Struct):
    client_id: str | None = None


class _Links(msgspec.Struct):
    home: str = ""


def changes_of(record: Record, deed: str) -> Iterator[Change]:
    """The changes to be told when ``deed`` happens to ``record``."""
    id = str(record.own["name"]) if record.kind is Kind.CLIENT else record.id
    change = Change(project_id=record.project_id, kind=record.kind.value, id=id, deed=deed, client=_client(record))
    yield change
    home = _home(record)
    if home not in ("", record.project_id):
        yield replace(change, project_id=home)


def taken_from(job: Record) -> Change:
    """What the scheduler is told that has served ``job`` until now: for it, the job is gone."""
    project_id = _home(job) or job.project_id
    return Change(project_id=project_id, kind=job.kind.value, id=job.id, deed=REMOVED, client=_client(job))


def _home(record: Record) -> str:
    """The project of a job's client if that is another one."""
    return json_decoder(_Links).decode(record.links).home if record.kind is Kind.JOB else ""


def _client(record: Record) -> str:
    """Whose scheduler a record concerns."""
    match record.kind:
        case Kind.CLIENT:
            return str(record.own["name"])
        case Kind.JOB | Kind.RUN:
            return json_decoder(_Served).decode(record.body).client_id or ""
        case _:
            return ""
