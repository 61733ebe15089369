"""The original's API as the office: it gives no leases and knows no runs, but a job's state and its backups.

That each run is executed once is this machine's doing alone: what has become of runs is kept in the journal, as if
there were no API, and the job's state is told besides, in the words of the original.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from freezer.clock import Clock
from freezer.errors import DocumentError
from freezer.model.due import due
from freezer.model.runs import OVER, Fence
from freezer.model.upkeep import Upkeep
from freezer.scheduler.contract import Document, Hold, Left, Order, Refused, Standing, Told, Wanted
from freezer.scheduler.office.alone import Alone
from freezer.scheduler.office.delivery import PART, PATCH, Line, add_backup
from freezer.scheduler.office.patching import Patch
from freezer.scheduler.office.rounds import Rounds
from freezer.scheduler.outbox import Outbox

_RESULTS = {"success": "success", "partial": "success", "failed": "fail", "aborted": "aborted"}
_ENDING = ("stop", "abort")


class UpstreamOffice:
    """``alone``: what this machine keeps; ``rounds``: of sessions."""

    def __init__(self, alone: Alone, rounds: Rounds, outbox: Outbox, clock: Clock) -> None:
        self._alone = alone
        self._rounds = rounds
        self._outbox = outbox
        self._clock = clock

    def take(self, wanted: Wanted, *, after: Fence | None = None) -> Hold:
        if not self._outbox.has_room():
            raise Refused("full", "there is no room to keep what a run has to tell", hint="make room on this disk")
        hold = self._alone.take(wanted, after=after)
        part = self._rounds.join(wanted)
        now = int(self._clock.now())
        answered = ("start",) if wanted.cause == "event" else ()
        told = Patch(
            job_id=wanted.job_id,
            status="running",
            result="",
            time_started=now,
            time_ended=-1,
            answered=answered,
            session_tag=None if part is None else part.tag,
        )
        self._tell(wanted.job, told)
        return hold

    def renew(self, hold: Hold) -> tuple[Hold, Order]:
        return self._alone.renew(hold)

    def tell(self, hold: Hold, told: Told) -> None:
        self._alone.tell(hold, told)
        if told.state is UNSET or told.state not in OVER:
            return
        job, now = hold.wanted.job, int(self._clock.now())
        status: Standing = "scheduled" if _goes_on(job, now) else "completed"
        result = _RESULTS[told.state]
        patch = Patch(job_id=hold.wanted.job_id, status=status, result=result, time_ended=now, answered=("abort",))
        self._tell(job, patch)
        part = self._rounds.part(hold.wanted.run_id)
        if part is not None:
            ended = msgspec.json.encode(replace(part, result=result))
            self._outbox.add(Line.of_job(job).name, PART, ended)
            self._rounds.forget(hold.wanted.run_id)

    def log(self, hold: Hold, text: str) -> None:
        self._alone.log(hold, text)

    def backup(self, hold: Hold, document: Document) -> None:
        self._alone.backup(hold, document)
        add_backup(self._outbox, hold, document)

    def upkeep(self, hold: Hold, done: Upkeep) -> None:
        """The original has no place for it."""

    def missed(self, job: Document, first: int, last: int, count: int) -> None:
        self._alone.missed(job, first, last, count)

    def noted(self, job: Document, standing: Standing) -> None:
        self._alone.noted(job, standing)
        event = str((job.get("job_schedule") or {}).get("event") or "")
        self._tell(job, Patch(job_id=str(job["job_id"]), status=standing, to=event if event in _ENDING else ""))

    def left(self) -> Sequence[Left]:
        return ()

    def _tell(self, job: Document, told: Patch) -> None:
        self._outbox.add(Line.of_job(job).name, PATCH, msgspec.json.encode(told))


def _goes_on(job: Document, now: int) -> bool:
    try:
        return due(job, now) is not None
    except DocumentError:
        return False
