"""Lets jobs of sessions take part in rounds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from freezer.client import Api
from freezer.clock import Clock
from freezer.errors import ApiConflict, ApiError, ApiInvalid, ApiMissing, ApiUnavailable
from freezer.model.runs import Fence
from freezer.model.upkeep import Upkeep
from freezer.scheduler.contract import Document, Hold, Left, Office, Order, Refused, Standing, Told, Wanted

_LOG = logging.getLogger(__name__)


class SessionOffice:
    """The office ``inner`` of our API, for jobs of sessions as well. Ends of rounds need no word of ours: a run that is
    over has ended its part."""

    def __init__(self, inner: Office, of_project: Callable[[str], Api], clock: Clock) -> None:
        self._inner = inner
        self._of_project = of_project
        self._clock = clock

    def take(self, wanted: Wanted, *, after: Fence | None = None) -> Hold:
        """As the contract has it; of a job in a session the hold may be of a round instead of what was wanted. A job
        whose session cannot be asked runs by itself: a backup that is not of the round is better than none."""
        if not _session_of(wanted):
            return self._inner.take(wanted, after=after)
        if wanted.cause == "session":
            hold = self._inner.take(wanted, after=after)
            return replace(hold, barrier=self._barrier(wanted))
        try:
            told, barrier = self._joined(wanted)
        except (ApiUnavailable, ApiMissing, ApiInvalid) as error:
            _LOG.warning("job %s runs without its session: %s", wanted.job_id, error.message)
            return self._inner.take(wanted, after=after)
        return replace(self._inner.take(told, after=after), barrier=barrier)

    def _joined(self, wanted: Wanted) -> tuple[Wanted, int]:
        """The run of the round that ``wanted`` belongs to, and its barrier."""
        due = wanted.number if wanted.cause == "schedule" else int(self._clock.now())
        session = _session_of(wanted)
        try:
            told = self._api(wanted).sessions.start(session, wanted.job_id, 0, due)
        except ApiConflict as error:
            raise Refused(error.reason or "unknown", error.message, hint=error.hint) from error
        if told.result != "success" or told.tag is None:
            raise Refused("over", f"the round of session {session} that was due then is over; this is round {told.tag}")
        return Wanted(wanted.job, "session", told.tag), told.barrier

    def _barrier(self, wanted: Wanted) -> int:
        try:
            return int(self._api(wanted).sessions.get(_session_of(wanted)).get("barrier") or 0)
        except ApiMissing:
            return 0
        except ApiError as error:
            raise Refused("away", f"session {_session_of(wanted)} cannot be asked: {error.message}") from error

    def _api(self, wanted: Wanted) -> Api:
        return self._of_project(str(wanted.job.get("project_id") or ""))

    def renew(self, hold: Hold) -> tuple[Hold, Order]:
        return self._inner.renew(hold)

    def tell(self, hold: Hold, told: Told) -> None:
        self._inner.tell(hold, told)

    def log(self, hold: Hold, text: str) -> None:
        self._inner.log(hold, text)

    def backup(self, hold: Hold, document: Document) -> None:
        self._inner.backup(hold, document)

    def upkeep(self, hold: Hold, done: Upkeep) -> None:
        self._inner.upkeep(hold, done)

    def missed(self, job: Document, first: int, last: int, count: int) -> None:
        self._inner.missed(job, first, last, count)

    def noted(self, job: Document, standing: Standing) -> None:
        self._inner.noted(job, standing)

    def left(self) -> Sequence[Left]:
        return self._inner.left()


def _session_of(wanted: Wanted) -> str:
    return str(wanted.job.get("session_id") or "")
