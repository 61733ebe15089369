"""Telling the API what is in the outbox: each entry once, in the order of its line.

An answer that says that nobody wants to know (the run is somebody else's by now, the job is gone, the document cannot
be) removes the entry. A failure that may pass keeps it, and with it all that is behind it in its line.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from freezer.client import Api
from freezer.client.inventory import Inventory
from freezer.decoding import json_decoder
from freezer.errors import ApiConflict, ApiDenied, ApiError, ApiInvalid, ApiMissing, ApiUnavailable
from freezer.model.inventory import Holding
from freezer.model.run_reports import Pieces, Report
from freezer.model.runs import Claim, Fence
from freezer.model.upkeep import Upkeep
from freezer.scheduler.contract import Document, Hold, Host, Wanted
from freezer.scheduler.office.offline import Offline, fence_of, label_of
from freezer.scheduler.office.patching import Patch, patch
from freezer.scheduler.office.reach import Reach
from freezer.scheduler.office.rounds import Part, end
from freezer.scheduler.outbox import Entry, Outbox

CLAIM, REPORT, PROGRESS, LOG, BACKUP, STANDING = "claim", "report", "progress", "log", "backup", "standing"
UPKEEP = "upkeep"
PATCH, PART = "patch", "part"
STATE = (REPORT, PROGRESS, LOG)
"""What only the present holder of a run may tell."""

_AT_ONCE = 20
_LOOKS_EVERY_SECONDS = 1.0
_FORBIDDEN = 403
_UNSETTLED = 2 * 86400.0  # seconds before a list was told in which a backup may have begun that it lacks by right
_WAITS_FOR_OTHERS = frozenset({"held", "busy"})
_OVER = frozenset({"success", "partial", "failed", "aborted"})
_logger = logging.getLogger(__name__)


class Line(msgspec.Struct, frozen=True):
    """What a line is about: the object ``id`` (of a run, or a job) of a project."""

    project: str
    id: str

    @classmethod
    def of(cls, name: str) -> Line:
        """The line of that name."""
        project, _, id = name.partition(" ")
        return cls(project, id)

    @classmethod
    def of_run(cls, wanted: Wanted) -> Line:
        """The line of a run."""
        return cls(str(wanted.job.get("project_id") or ""), wanted.run_id)

    @classmethod
    def of_job(cls, job: Document) -> Line:
        """The line of a job."""
        return cls(str(job.get("project_id") or ""), str(job["job_id"]))

    @property
    def name(self) -> str:
        return f"{self.project} {self.id}"


class Delivery:
    """Delivers what ``outbox`` has; ``of_project`` gives the API below a project's path."""

    def __init__(self, of_project: Callable[[str], Api], outbox: Outbox, offline: Offline | None, reach: Reach) -> None:
        self._of_project = of_project
        self._outbox = outbox
        self._offline = offline
        self._reach = reach
        self._changed = threading.Condition()
        self._busy: set[Line] = set()
        self._telling: Mapping[str, Callable[[Line, Sequence[Entry]], None]] = {
            CLAIM: self._claim,
            REPORT: self._report,
            PROGRESS: self._report,
            LOG: self._log,
            BACKUP: self._backup,
            UPKEEP: self._upkeep,
            STANDING: self._standing,
            PATCH: self._patch,
            PART: self._part,
        }

    def serve(self, host: Host) -> None:
        """Deliver, as long as ``host`` goes on."""
        while host.going():
            host.wait(self._reach.pause() if self.deliver() else _LOOKS_EVERY_SECONDS)

    def deliver(self) -> bool:
        """Deliver what can be; whether something is left that will have to be tried again."""
        left = False
        for name in self._outbox.lines():
            try:
                left = not self._deliver_line(Line.of(name)) or left
            except ApiUnavailable:
                return True
            except ApiDenied as error:
                if error.status != _FORBIDDEN:
                    return True
                left = True
        return left

    def deliver_line(self, line: Line) -> None:
        """Deliver one line now, as far as possible."""
        if self._outbox.first(line.name):
            self._deliver_line(line)

    @contextmanager
    def _alone(self, line: Line) -> Iterator[None]:
        """While this lasts nobody else delivers this line."""
        with self._changed:
            while line in self._busy:
                self._changed.wait()
            self._busy.add(line)
        try:
            yield
        finally:
            with self._changed:
                self._busy.remove(line)
                self._changed.notify_all()

    def _deliver_line(self, line: Line) -> bool:
        """Deliver a line; whether nothing of it is left."""
        with self._alone(line):
            return self._deliver_alone(line)

    def _deliver_alone(self, line: Line) -> bool:
        while entries := self._next(line):
            try:
                self._telling[entries[0].kind](line, entries)
            except (ApiUnavailable, ApiDenied):
                raise
            except (ApiConflict, ApiMissing, ApiInvalid) as error:
                if entries[0].kind == CLAIM and error.reason in _WAITS_FOR_OTHERS:
                    return False
                self._refused(line, entries, error)
            except ApiError as error:
                _logger.warning("%s %s: %s", entries[0].kind, line.id, error)
                return False
            self._outbox.told(entries)
        return True

    def _next(self, line: Line) -> Sequence[Entry]:
        """The first entry of a line, and those behind it that go into the same request."""
        entries = self._outbox.first(line.name, _AT_ONCE)
        first = entries[0] if entries else None
        if first is None or first.kind != LOG:
            return entries[:1]
        same = 1
        while same < len(entries) and (entries[same].kind, entries[same].label) == (LOG, first.label):
            same += 1
        return entries[:same]

    def _refused(self, line: Line, entries: Sequence[Entry], error: ApiError) -> None:
        first = entries[0]
        if first.kind == CLAIM:
            _logger.warning("run %s was executed while the API was away, and is not ours: %s", line.id, error)
            if self._offline is not None:
                self._offline.lost(line.id, fence_of(first.label))
        elif isinstance(error, ApiConflict) and first.kind in STATE:
            _logger.info("run %s: %s", line.id, error)
        else:
            _logger.error("%s of %s is not accepted, and given up: %s", first.kind, line.id, error)
            return
        self._outbox.drop(line.name, first.label, STATE)
        self._outbox.finish(line.name)

    def _claim(self, line: Line, entries: Sequence[Entry]) -> None:
        api, fence = self._of_project(line.project), fence_of(entries[0].label)
        claim = json_decoder(Claim).decode(entries[0].body)
        assert self._offline is not None
        before = self._offline.meant(line.id, Fence(0, fence.number - 1)) if fence.number > 1 else None
        if before is not None:
            claim = replace(claim, incarnation=before.incarnation, fence=before.number)
        lease, _ = self._reach.ask(lambda: api.runs.claim(claim))
        self._offline.granted(line.id, fence, lease.fence)

    def _report(self, line: Line, entries: Sequence[Entry]) -> None:
        entry, fence = entries[0], self._meant(line, entries[0])
        if fence is None:
            return
        told = json_decoder(Report).decode(entry.body)
        report = replace(told, incarnation=fence.incarnation, fence=fence.number, sequence=entry.sequence)
        api = self._of_project(line.project)
        self._reach.ask(lambda: api.runs.report(line.id, report))
        if report.state in _OVER:
            self._outbox.finish(line.name)
            if self._offline is not None and not fence_of(entry.label).incarnation:
                self._offline.forget(line.id)

    def _log(self, line: Line, entries: Sequence[Entry]) -> None:
        fence = self._meant(line, entries[0])
        if fence is None:
            return
        told = Pieces(
            incarnation=fence.incarnation,
            fence=fence.number,
            sequence=entries[0].sequence,
            pieces=[each.body.decode() for each in entries],
        )
        api = self._of_project(line.project)
        self._reach.ask(lambda: api.runs.write_log(line.id, told))

    def _meant(self, line: Line, entry: Entry) -> Fence | None:
        fence = fence_of(entry.label)
        return fence if self._offline is None else self._offline.meant(line.id, fence)

    def _backup(self, line: Line, entries: Sequence[Entry]) -> None:
        """As the original: a report with an id changes that record, and those named as removed are."""
        document: dict[str, Any] = json.loads(entries[0].body)
        api = self._of_project(line.project)
        known, gone = document.get("backup_id"), document.pop("deleted_freezer_backup_ids", [])
        for each in gone:
            self._reach.ask(partial(_removed, api, str(each)))
        if known:
            try:
                self._reach.ask(lambda: api.backups.update(str(known), _change(document)))
            except ApiMissing:
                del document["backup_id"]
                known = None
        if not known and document:
            key = f"{line.id}-{entries[0].place}-{entries[0].label}"
            self._reach.ask(lambda: api.backups.create(document, key=key))

    def _upkeep(self, line: Line, entries: Sequence[Entry]) -> None:
        """Every part of it may be told twice."""
        told = json_decoder(Kept).decode(entries[0].body)
        inventory = self._of_project(line.project).inventory
        self._reach.ask(lambda: inventory.verified(told.done, at=told.at, by=told.by))
        self._reach.ask(lambda: inventory.removed(told.done.removed))
        for each in told.done.held:
            self._reach.ask(partial(_agreed, inventory, each))

    def _standing(self, line: Line, entries: Sequence[Entry]) -> None:
        told: dict[str, Any] = json.loads(entries[0].body)
        api = self._of_project(line.project)
        self._reach.ask(lambda: api.runs.stands(line.id, told["status"], told["event_number"]))

    def _patch(self, line: Line, entries: Sequence[Entry]) -> None:
        api, told = self._of_project(line.project), json_decoder(Patch).decode(entries[0].body)
        self._reach.ask(lambda: patch(api, told))

    def _part(self, line: Line, entries: Sequence[Entry]) -> None:
        api, told = self._of_project(line.project), json_decoder(Part).decode(entries[0].body)
        self._reach.ask(lambda: end(api, told))


def add_backup(outbox: Outbox, hold: Hold, document: Document) -> None:
    """Let a report of the agent be told, as one of that run."""
    told = {**document, "job_id": hold.wanted.job_id, "run_id": hold.wanted.run_id}
    outbox.add(Line.of_run(hold.wanted).name, BACKUP, json.dumps(told).encode(), label=label_of(hold.fence))


class Kept(msgspec.Struct, frozen=True):
    """What an agent has done for backups, ``at`` seconds since 1970, ``by`` the scheduler of a client."""

    done: Upkeep
    at: int
    by: str | None


def add_upkeep(outbox: Outbox, hold: Hold, done: Upkeep, now: int) -> None:
    """Let it be told, as done by the client of that run's job."""
    told = Kept(done, now, hold.wanted.job.get("client_id"))
    outbox.add(Line.of_run(hold.wanted).name, UPKEEP, msgspec.json.encode(told), label=label_of(hold.fence))


def _change(document: Mapping[str, Any]) -> dict[str, Any]:
    """A report as a change of the record that it names."""
    metadata = {key: value for key, value in document.items() if key not in {"backup_id", "status"}}
    told = {"status": document["status"]} if document.get("status") else {}
    return {**told, "backup_metadata": metadata}


def _agreed(inventory: Inventory, held: Holding) -> None:
    try:
        done = inventory.reconcile(held.place, held.backups, before=held.at - _UNSETTLED)
    except ApiDenied as error:
        if error.status != _FORBIDDEN:
            raise
        _logger.info("what %s holds is not told: %s", held.place.container, error.message)  # as a node's role
        return
    if done.adopted or done.gone or done.returned:
        counts = len(done.adopted), len(done.gone), len(done.returned)
        _logger.info("records of %s: %d adopted, %d gone, %d returned", held.place.container, *counts)


def _removed(api: Api, id: str) -> None:
    try:
        api.backups.delete(id)
    except ApiMissing:
        _logger.info("backup %s is gone already", id)
