"""Which jobs an action is used by."""

from __future__ import annotations

from msgspec.structs import replace

from freezer.api.scope import Scope
from freezer.api.service.answers import document, links, text
from freezer.api.service.caller import Caller
from freezer.api.store.contract import Kind, Query, Record, Terms, Unit
from freezer.api.store.terms import linked, term, terms_of

_AT_ONCE = 100


def job_terms(unit: Unit, caller: Caller, record: Record) -> Terms:
    """What a job is found by: its own texts, those of its actions, and the ids of these and of its trust."""
    own = links(record)
    used = {"action_id": own["actions"], "trust": [own["trust"]] if own.get("trust") else []}
    return terms_of(Kind.JOB, document(unit, caller, record), used)


def retell(unit: Unit, caller: Caller, action_id: str) -> set[str]:
    """Bring the jobs that use an action up to date after it has changed or is gone; the uuids of their clients."""
    clients: set[str] = set()
    scope = Scope(caller.scope.project_id)
    query = Query(terms=(term(linked("action_id"), action_id),), limit=_AT_ONCE)
    gone = unit.get(Kind.ACTION, scope, action_id) is None
    marker: str | None = None
    while True:
        page = unit.find(Kind.JOB, scope, replace(query, marker=marker))
        for each in page.records:
            record = unit.get(Kind.JOB, scope, each.id, lock=True)
            if record is not None:
                told = _without(record, action_id) if gone else record
                unit.update(told, job_terms(unit, caller, told))
                clients.add(str(record.own["client"] or ""))
        if not page.more:
            return clients
        marker = page.records[-1].id


def _without(record: Record, action_id: str) -> Record:
    own = links(record)
    own["actions"] = [each for each in own["actions"] if each != action_id]
    return replace(record, links=text(own))
