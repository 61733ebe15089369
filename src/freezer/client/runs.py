"""Runs: what is executed, by whom, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import UNSET

from freezer.client.collection import Collection, Document
from freezer.client.wire import Wire, segments
from freezer.clock import Clock
from freezer.model.run_reports import Pieces, Report
from freezer.model.runs import DEFAULT_TTL, Claim, Fence, Renewal

_BEGINNING = "0.0.0"


@dataclass(frozen=True, slots=True)
class Lease:
    """A run that we hold by the try ``fence``, for ``ttl`` seconds that count ``since`` a reading of
    :meth:`freezer.clock.Clock.boottime` before we asked."""

    run_id: str
    fence: Fence
    ttl: int
    since: float

    @property
    def until(self) -> float:
        """The reading of that clock after which somebody else may hold it."""
        return self.since + self.ttl


@dataclass(frozen=True, slots=True)
class Renewed:
    """The lease from now on, and the ``event`` that users ask of the job: ``abort``, ``stop`` or an empty text."""

    lease: Lease
    event: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """Pieces of a log, in order; ``cursor`` is where the next page begins, ``over``: there will be none."""

    texts: tuple[str, ...]
    cursor: str
    over: bool


class Runs(Collection):
    """The runs of a project."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        super().__init__(wire, "runs", "run", "run_id")
        self._clock = clock

    def claim(self, wanted: Claim) -> tuple[Lease, Document]:
        """Hold a run, which is told as well; :class:`freezer.errors.ApiConflict` with a ``reason`` if we may not:
        ``held``, ``over``, ``busy``, ``not_asked``, ``mixed``, ``paused``."""
        since = self._clock.boottime()
        answer = self._object(self.wire.ask("POST", self._path(), "claim of a run", body=_plain(wanted)))
        fence = Fence(int(answer["incarnation"]), int(answer["fence"]))
        return Lease(str(answer["run_id"]), fence, int(answer.get("ttl", wanted.ttl)), since), answer

    def renew(self, lease: Lease, ttl: int = DEFAULT_TTL) -> Renewed:
        """Hold it for ``ttl`` seconds more; :class:`freezer.errors.ApiConflict` if somebody else does by now."""
        since = self._clock.boottime()
        wanted = Renewal(incarnation=lease.fence.incarnation, fence=lease.fence.number, ttl=ttl)
        path = segments(self.name, lease.run_id, "lease")
        answer = self._object(self.wire.ask("PUT", path, self._what(lease.run_id), body=_plain(wanted)))
        return Renewed(replace(lease, ttl=ttl, since=since), str(answer.get("event", "")))

    def report(self, run_id: str, told: Report) -> Document:
        """Tell what became of a run, which is told back. One with a sequence is asked again if the answer is lost."""
        again = told.sequence is not UNSET
        path, what = segments(self.name, run_id), self._what(run_id)
        return self._object(self.wire.ask("PATCH", path, what, body=_plain(told), harmless=again))

    def write_log(self, run_id: str, pieces: Pieces) -> int:
        """Add to the log; the number of the last piece of this try that the API has."""
        path = segments(self.name, run_id, "log")
        answer = self.wire.ask("POST", path, self._what(run_id), body=_plain(pieces), harmless=True)
        return int(self._object(answer)["sequence"])

    def read_log(self, run_id: str, after: str = _BEGINNING) -> LogPage:
        """The log behind a cursor."""
        path = segments(self.name, run_id, "log")
        answer = self._object(self.wire.ask("GET", path, self._what(run_id), query={"after": after}))
        texts = tuple(str(piece["text"]) for piece in answer["pieces"])
        return LogPage(texts, str(answer["cursor"]), bool(answer["over"]))

    def stands(self, job_id: str, status: str, event_number: int | None = None) -> None:
        """Say what becomes of a job that is not running: ``scheduled``, ``stop`` or ``completed``. ``event_number``: of
        the event that is answered by that."""
        body = {"status": status, **({} if event_number is None else {"event_number": event_number})}
        self.wire.ask("PUT", segments("jobs", job_id, "standing"), f"job {job_id}", body=body)

    def free(self, client: str) -> list[Document]:
        """Runs of a client's jobs that were begun, are not over, and are held by nobody: ``run_id``, ``project_id``,
        ``job_id``, ``cause``, ``number``. Claimed in their own project."""
        answer = self._object(self.wire.ask("GET", segments("clients", client, "free-runs"), "list of free runs"))
        found: list[Document] = answer["runs"]
        return found

    def latest(self, job_id: str) -> Document | None:
        """The run of a job that was made last."""
        found = self.find(limit=1, job_id=job_id, sort="-created")
        return found[0] if found else None


def _plain(form: Any) -> Mapping[str, Any]:
    document: Mapping[str, Any] = msgspec.to_builtins(form)
    return document
