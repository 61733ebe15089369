"""Jobs as the original's API lists them, completed so that the rest of the scheduler need not know.

Its events have no numbers. So each time that a job begins to ask for something the number that we keep for it grows,
and stays until the event is gone from the job's document. And a job that is put into a session loses the time when it
was made: it counts as made when we first see it so, and again when its schedule changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from freezer.clock import Clock
from freezer.decoding import json_decoder
from freezer.model.schedule import PREFIX
from freezer.scheduler.source.api import Memory

_NOTE = "event "


class _Kept(msgspec.Struct, frozen=True):
    """The number of a job's last event, and the event while it stands in the document; when the job was made, if that
    does not stand there, and what its schedule was then."""

    number: int = 0
    event: str = ""
    created: int = 0
    plan: str = ""


class Completed:
    """Completes the documents of jobs; ``memory`` keeps what was told of them."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock
        self._known: dict[str, _Kept] | None = None

    def __call__(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        """``job`` with the number of its last event, and the time when it was made."""
        known, id = self._all(), str(job["job_id"])
        before = known.get(id, _Kept())
        schedule = job.get("job_schedule") or {}
        now = self._made(_asked(before, str(schedule.get("event") or "")), schedule)
        if now != before:
            self._memory.keep_notes({_NOTE + id: msgspec.json.encode(now)})
            known[id] = now
        made = schedule if schedule.get("time_created") else {**schedule, "time_created": now.created}
        return {**job, "job_schedule": made, "event_number": now.number}

    def _made(self, kept: _Kept, schedule: Mapping[str, Any]) -> _Kept:
        if schedule.get("time_created"):
            return kept
        plan = repr(sorted((key, value) for key, value in schedule.items() if key.startswith(PREFIX)))
        if kept.created and kept.plan == plan:
            return kept
        return replace(kept, created=int(self._clock.now()), plan=plan)

    def _all(self) -> dict[str, _Kept]:
        if self._known is None:
            notes = self._memory.notes(_NOTE)
            self._known = {name.removeprefix(_NOTE): json_decoder(_Kept).decode(body) for name, body in notes.items()}
        return self._known


def _asked(kept: _Kept, event: str) -> _Kept:
    return kept if event == kept.event else replace(kept, number=kept.number + bool(event), event=event)


def unfinished(client: str) -> dict[str, Any]:
    """The search by which the original's schedulers ask for their jobs."""
    return {"match_not": [{"status": "completed"}], "match": [{"client_id": client}]}
