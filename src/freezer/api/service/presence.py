"""When clients were last heard of, and how their schedulers are."""

from __future__ import annotations

import threading

from msgspec import UNSET

from freezer.api.refusals import forbidden, missing
from freezer.api.service.answers import Document
from freezer.api.service.caller import Caller
from freezer.api.store.contract import Kind, Record, Unit
from freezer.api.store.operations import Presence
from freezer.model.pauses import HealthForm

_WRITTEN_SECONDS = 60
_MOST_KNOWN = 20_000


class Attendance:
    """Which clients this process has written down lately: they ask more often than anybody wants to know."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written: dict[tuple[str | None, str], int] = {}

    def is_news(self, caller: Caller, name: str) -> bool:
        """Whether it shall be written down that client ``name`` asks; the next to ask then hears no."""
        key = (caller.scope.project_id, name)
        with self._lock:
            if caller.now - self._written.get(key, -_WRITTEN_SECONDS) < _WRITTEN_SECONDS:
                return False
            if len(self._written) >= _MOST_KNOWN:
                self._written.clear()
            self._written[key] = caller.now
            return True


def seen(unit: Unit, caller: Caller, name: str) -> None:
    """Write down that a client's scheduler asks."""
    heard(unit, unit.get(Kind.CLIENT, caller.scope, name), caller.now)


def heard(unit: Unit, client: Record | None, now: int) -> None:
    """Write down that a client's scheduler has done something; one that is not registered is not known."""
    if client is not None:
        unit.operations.keep_presence(Presence(project_id=client.project_id, client=client.id, seen=now))


def tell(unit: Unit, caller: Caller, name: str, form: HealthForm) -> None:
    """Write down what a scheduler says of itself."""
    client = _client(unit, caller, name)
    unit.operations.keep_presence(
        Presence(
            project_id=client.project_id,
            client=client.id,
            seen=caller.now,
            version=None if form.version is UNSET else form.version,
            clock_offset=None if form.time is UNSET else form.time - caller.now,
            spool=None if form.spool is UNSET else form.spool,
        )
    )


def health(unit: Unit, caller: Caller, name: str, silent_after: int) -> Document:
    """How a client is; ``silent_after``: seconds."""
    client = _client(unit, caller, name)
    known = next((each for each in unit.operations.presences(client.project_id) if each.client == client.id), None)
    pauses = unit.operations.pauses(client.project_id)
    mine = [each for each in pauses if each.kind == "project" or each.object == client.id]
    return {
        "client_id": client.own["name"],
        "seen": None if known is None else known.seen,
        "silent": known is not None and caller.now - known.seen > silent_after,
        "version": None if known is None else known.version,
        "clock_offset": None if known is None else known.clock_offset,
        "spool": None if known is None else known.spool,
        "paused": bool(mine),
        "draining": any(each.draining for each in mine),
    }


def _client(unit: Unit, caller: Caller, name: str) -> Record:
    client = unit.get(Kind.CLIENT, caller.scope, name)
    if client is None:
        raise missing("Client", name)
    if client.project_id != caller.scope.project_id:
        raise forbidden()
    return client
