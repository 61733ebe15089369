"""Which kind of scheduler works for a client: ours, which claims runs, or the original's, which just reports.

A run is executed once among schedulers that claim. The first claim makes its client *leasing*; a report of the
original's scheduler after that makes it *mixed*, and then nothing can be claimed for it until somebody has seen to it.
"""

from __future__ import annotations

import logging
from typing import Literal

from msgspec.structs import replace

from freezer.api.refusals import refused
from freezer.api.scope import Scope
from freezer.api.service.answers import Document, body, links, text
from freezer.api.service.caller import Caller
from freezer.api.service.clients import taken, terms
from freezer.api.store.contract import Kind, Record, Unit

_LOG = logging.getLogger(__name__)
LEASING, MIXED = "leasing", "mixed"
Scheduler = Literal["leasing", "legacy"]


def leasing_client(unit: Unit, job: Record) -> Record | None:
    """The client that ``job`` is for, if it is still there; 409 if it is mixed."""
    client = client_of(unit, job)
    if client is not None and links(client).get("scheduler") == MIXED:
        name = client.own["name"]
        raise refused(
            MIXED,
            f"client {name} has a scheduler that claims runs and one of the original's",
            hint=f"stop one of them, then: freezer client-scheduler {name} leasing",
        )
    return client


def claimed(unit: Unit, caller: Caller, client: Record | None) -> None:
    """A run of a job for ``client`` was claimed."""
    if client is not None and "scheduler" not in links(client):
        _mark(unit, client, {"scheduler": LEASING, "scheduler_since": caller.now})


def reported(unit: Unit, caller: Caller, job: Record) -> None:
    """One of the original's schedulers has reported about ``job``."""
    client = client_of(unit, job)
    if client is not None and links(client).get("scheduler") == LEASING:
        _mark(unit, client, {"scheduler": MIXED, "scheduler_since": caller.now})
        _LOG.warning("client %s: an original scheduler reports of job %s, others claim", client.own["name"], job.id)


def settle(unit: Unit, caller: Caller, name: str, scheduler: Scheduler) -> Record:
    """Somebody knows which kind of scheduler works for a client: claims are possible again."""
    known = taken(unit, caller, name)
    return _mark(unit, known, {"scheduler": LEASING, "scheduler_since": caller.now} if scheduler == LEASING else {})


def client_of(unit: Unit, job: Record) -> Record | None:
    """The client that ``job`` is for, if it is still there."""
    id = job.own["client"]
    found = unit.many(Kind.CLIENT, Scope(job.project_id, central=True), [str(id)]) if id else {}
    return found.get(str(id))


def _mark(unit: Unit, client: Record, told: Document) -> Record:
    scope = Scope(client.project_id, central=True)
    locked = unit.get(Kind.CLIENT, scope, str(client.own["name"]), lock=True)
    if locked is None or locked.id != client.id:
        return client
    own = {key: each for key, each in links(locked).items() if key not in {"scheduler", "scheduler_since"}}
    marked = replace(locked, links=text({**own, **told}))
    return unit.update(marked, terms(marked, body(marked)["client"]))
