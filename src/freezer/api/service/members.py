"""The members of a session: its jobs, each with how far it is in the present round.

A session is always locked before its jobs.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from freezer.api.scope import Scope
from freezer.api.service import rounds
from freezer.api.service.answers import Document, decode, render, text
from freezer.api.service.caller import Caller
from freezer.api.store.contract import Kind, Record, Unit
from freezer.api.store.terms import terms_of


def store(unit: Unit, caller: Caller, known: Record, shown: Document, own: Document | None = None) -> Record:
    """Keep what has changed about a session, and about its links."""
    record = replace(known, body=text(shown), links=known.links if own is None else text(own))
    document: dict[str, Any] = decode(render(unit, caller, [record])[0])
    return unit.update(record, terms_of(Kind.SESSION, document))


def forget(unit: Unit, caller: Caller, session_id: str, job_id: str) -> None:
    """Take a job that is about to be removed out of its session, so that the session does not wait for it."""
    known = unit.get(Kind.SESSION, Scope(caller.scope.project_id), session_id, lock=True)
    if known is None:
        return
    shown: Document = decode(known.body)
    members = shown.get("jobs") or {}
    if members.pop(job_id, None) is not None:
        rounds.settle(shown, caller.now)
        store(unit, caller, known, shown)
