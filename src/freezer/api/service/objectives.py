"""How old the newest backup of a set may become by the schedules of jobs, and which client is on which host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from freezer.api.service.answers import Document, body, decode, render
from freezer.api.service.caller import Caller
from freezer.api.store.contract import Kind, Query, Record, Unit
from freezer.api.store.terms import term
from freezer.errors import DocumentError
from freezer.model.due import period

_AT_ONCE = 500
_MOST = 5000
"""Jobs, and clients, of a project that are looked at."""


def objectives(unit: Unit, caller: Caller) -> Mapping[tuple[str, str], int]:
    """Host and backup name → seconds between two runs of the job that makes this backup; the shortest of several."""
    hosts = {client: host for host, client in clients_by_host(unit, caller).items()}
    result: dict[tuple[str, str], int] = {}
    query = Query(terms=(term("action", "backup"),))
    for job in _jobs(unit, caller, query):
        seconds = _period(job, caller.now)
        for action in job["job_actions"] if seconds else ():
            wanted = action["freezer_action"]
            host = wanted.get("hostname") or hosts.get(job["client_id"]) or _host_of(job["client_id"])
            made = (str(host), str(wanted.get("backup_name") or ""))
            result[made] = min(seconds or 0, result.get(made, seconds or 0))
    return result


def _jobs(unit: Unit, caller: Caller, query: Query) -> Iterator[Document]:
    for records in _pages(unit, caller, Kind.JOB, query):
        for text in render(unit, caller, records):
            yield decode(text, type=dict[str, Any])


def _pages(unit: Unit, caller: Caller, kind: Kind, query: Query) -> Iterator[list[Record]]:
    marker: str | None = None
    for _ in range(_MOST // _AT_ONCE):
        page = unit.find(kind, caller.scope, replace(query, marker=marker, limit=_AT_ONCE))
        if page.records:
            yield list(page.records)
        if not page.more:
            return
        last = page.records[-1]
        marker = str(last.own["name"]) if kind is Kind.CLIENT else last.id


def _period(job: Document, now: int) -> int | None:
    try:
        return period(job, now)
    except DocumentError:  # a schedule that was imported and means nothing
        return None


def clients_by_host(unit: Unit, caller: Caller) -> Mapping[str, str]:
    """The clients of a project by the host that they are on."""
    result: dict[str, str] = {}
    for records in _pages(unit, caller, Kind.CLIENT, Query()):
        for each in records:
            client = body(each)["client"]
            result.setdefault(client["hostname"] or _host_of(client["client_id"]), client["client_id"])
    return result


def _host_of(client_id: str) -> str:
    """The host in the name that schedulers give to clients, ``project_host``; or all of it."""
    return client_id.rpartition("_")[2]
