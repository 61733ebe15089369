"""The API as the office: who wants to execute a run holds a lease of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from freezer.client import Api
from freezer.client.runs import Lease
from freezer.clock import Clock
from freezer.decoding import convert
from freezer.errors import ApiConflict, ApiDenied, ApiError, ApiInvalid, ApiMissing, ApiUnavailable
from freezer.model.run_reports import ActionResult
from freezer.model.runs import DEFAULT_TTL, Cause, Claim, Fence
from freezer.model.upkeep import Upkeep
from freezer.scheduler.contract import Document, Hold, Left, Order, Refused, Service, Standing, Told, Wanted
from freezer.scheduler.office.delivery import (
    CLAIM,
    LOG,
    PROGRESS,
    REPORT,
    STANDING,
    Delivery,
    Line,
    add_backup,
    add_upkeep,
)
from freezer.scheduler.office.offline import Offline, label_of
from freezer.scheduler.office.reach import Reach
from freezer.scheduler.office.words import is_passing, pieces_of, report_of
from freezer.scheduler.outbox import Outbox

_NUMBERS: dict[Cause, str] = {"schedule": "due", "event": "event_number", "session": "session_tag"}
_logger = logging.getLogger(__name__)


class LeaseOffice:
    """``holder``: our name, the same after a restart. ``offline``: how runs are begun that the API cannot be asked for;
    None: they are not. ``of_project``: the API below a project's path. ``left``: the API's
    documents of runs that were begun and that nobody holds."""

    def __init__(
        self,
        of_project: Callable[[str], Api],
        outbox: Outbox,
        clock: Clock,
        *,
        holder: str,
        offline: Offline | None,
        left: Callable[[], Sequence[Document]] = tuple,
        ttl: int = DEFAULT_TTL,
    ) -> None:
        self._of_project = of_project
        self._outbox = outbox
        self._clock = clock
        self._holder = holder
        self._offline = offline
        self._left = left
        self._ttl = ttl
        self.reach = Reach(clock)
        self.delivery = Delivery(of_project, outbox, offline, self.reach)

    def services(self) -> tuple[Service, ...]:
        """The thread that delivers."""
        return (self.delivery.serve,)

    def take(self, wanted: Wanted, *, after: Fence | None = None) -> Hold:
        if not self._outbox.has_room():
            raise Refused("full", "there is no room to keep what a run has to tell", hint="make room on this disk")
        line = Line.of_run(wanted)
        if self.reach.is_away():
            return self._take_offline(wanted, None)
        try:
            self.delivery.deliver_line(line)
            lease, document = self._granted(wanted, self._given(line, after))
        except ApiUnavailable as error:
            return self._take_offline(wanted, error)
        except (ApiConflict, ApiDenied, ApiMissing, ApiInvalid) as error:
            raise _refusal(error) from error
        return Hold(wanted, lease.fence, lease.until, done=_done(document))

    def _granted(self, wanted: Wanted, after: Fence | None) -> tuple[Lease, Document]:
        """The lease that we ask for. We hold it already if we were killed, or the answer was lost, when it was given;
        then there is nobody who knows of that try."""
        runs = self._api(wanted).runs
        try:
            return self.reach.ask(lambda: runs.claim(self._claim(wanted, after)))
        except ApiConflict as error:
            if error.reason != "held" or after is not None:
                raise
            known = self.reach.ask(lambda: runs.get(wanted.run_id))
            if known.get("holder") != self._holder:
                raise
        ours = Fence(int(known["incarnation"]), int(known["fence"]))
        return self.reach.ask(lambda: runs.claim(self._claim(wanted, ours)))

    def renew(self, hold: Hold) -> tuple[Hold, Order]:
        line, fence = Line.of_run(hold.wanted), hold.fence
        if not fence.incarnation:
            given = None if self._offline is None else self._offline.meant(line.id, fence)
            if given is None:
                return hold, "lost"
            if not given.incarnation:
                return self._longer(hold), ""
            fence = given
        lease = Lease(line.id, fence, self._ttl, self._clock.boottime())
        try:
            renewed = self.reach.ask(lambda: self._api(hold.wanted).runs.renew(lease, self._ttl))
        except (ApiConflict, ApiMissing):
            return hold, "lost"
        except ApiUnavailable:
            return (hold if self._offline is None else self._longer(hold)), ""
        except ApiError as error:
            _logger.warning("run %s: %s", line.id, error)
            return hold, ""
        order: Order = "abort" if renewed.event == "abort" else "stop" if renewed.event == "stop" else ""
        return replace(hold, until=renewed.lease.until), order

    def tell(self, hold: Hold, told: Told) -> None:
        add, kind = (self._outbox.add_newest, PROGRESS) if is_passing(told) else (self._outbox.add, REPORT)
        label = label_of(hold.fence)
        add(
            Line.of_run(hold.wanted).name,
            kind,
            msgspec.json.encode(report_of(told)),
            label=label,
            count=f"report {label}",
        )
        if told.state is not UNSET:
            self._deliver(Line.of_run(hold.wanted))

    def _deliver(self, line: Line) -> None:
        """Have the end of a run told while we still hold it: when the lease has run out somebody else would begin it
        again. What cannot be told now waits in the outbox."""
        if not self.reach.is_away():
            with suppress(ApiError):
                self.delivery.deliver_line(line)

    def log(self, hold: Hold, text: str) -> None:
        line, label = Line.of_run(hold.wanted).name, label_of(hold.fence)
        for piece in pieces_of(text):
            self._outbox.add(line, LOG, piece.encode(), label=label, count=f"log {label}")

    def backup(self, hold: Hold, document: Document) -> None:
        add_backup(self._outbox, hold, document)

    def upkeep(self, hold: Hold, done: Upkeep) -> None:
        add_upkeep(self._outbox, hold, done, int(self._clock.now()))

    def missed(self, job: Document, first: int, last: int, count: int) -> None:
        """The API finds that out by itself, by the same arithmetic."""
        _logger.info("job %s: %d runs missed, due from %d to %d", job["job_id"], count, first, last)

    def noted(self, job: Document, standing: Standing) -> None:
        told = {"status": standing, "event_number": int(job.get("event_number") or 0)}
        self._outbox.add_newest(Line.of_job(job).name, STANDING, json.dumps(told).encode())

    def left(self) -> Sequence[Left]:
        """Runs of ours that were given back, and those that a scheduler of our pool has left."""
        try:
            return [
                Left(str(each["job_id"]), each["cause"], int(each["number"])) for each in self.reach.ask(self._left)
            ]
        except ApiError:
            return ()

    def _api(self, wanted: Wanted) -> Api:
        return self._of_project(str(wanted.job.get("project_id") or ""))

    def _claim(self, wanted: Wanted, after: Fence | None, *, offline: bool = False) -> Claim:
        told: dict[str, Any] = {_NUMBERS[wanted.cause]: wanted.number}
        if after is not None:
            told |= {"incarnation": after.incarnation, "fence": after.number}
        return Claim(
            job_id=wanted.job_id, cause=wanted.cause, holder=self._holder, ttl=self._ttl, offline=offline, **told
        )

    def _given(self, line: Line, fence: Fence | None) -> Fence | None:
        """The API's fence of a try, if it knows it."""
        if fence is None or fence.incarnation or self._offline is None:
            return fence
        given = self._offline.meant(line.id, fence)
        return given if given is not None and given.incarnation else None

    def _take_offline(self, wanted: Wanted, because: ApiUnavailable | None) -> Hold:
        if self._offline is None or wanted.cause == "session":
            raise Refused("away", f"run {wanted.run_id} cannot be begun before the API can be asked") from because
        fence = self._offline.begin(wanted.run_id)
        if fence is None:
            raise Refused("held", f"run {wanted.run_id} is executed by another scheduler of this machine")
        claim = self._claim(wanted, None, offline=True)
        self._outbox.add(Line.of_run(wanted).name, CLAIM, msgspec.json.encode(claim), label=label_of(fence))
        return self._longer(Hold(wanted, fence, 0.0, offline=True))

    def _longer(self, hold: Hold) -> Hold:
        return replace(hold, until=self._clock.boottime() + self._ttl)


def _done(run: Document) -> dict[int, ActionResult]:
    """What earlier tries told of the actions of a run."""
    told = run.get("actions") or {}
    return {int(number): convert(each, ActionResult) for number, each in told.items()}


def _refusal(error: ApiError) -> Refused:
    reason = "denied" if isinstance(error, ApiDenied) else error.reason or "unknown"
    return Refused(reason, error.message, hint=error.hint)
