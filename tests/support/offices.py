"""Schedulers' offices on a real API, which can be away, answer after the fact, or forget leases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freezer.client import Api
from freezer.client.identity import Standalone
from freezer.client.wire import Wire
from freezer.model.runs import Cause
from freezer.scheduler.contract import Document, Hold, Wanted
from freezer.scheduler.office.leases import LeaseOffice
from freezer.scheduler.office.offline import Offline
from freezer.scheduler.outbox import Outbox
from freezer.testing.clock import FakeClock
from support.api import Person
from support.listening import listening
from support.run_places import Place, place

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass
class Line:
    """The way to ``application``. ``away``: nobody gets through; ``lost``: so many answers get lost; ``paths``: what
    was asked for, with its method."""

    application: WSGIApplication
    away: bool = False
    lost: int = 0
    paths: list[str] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        self.paths.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        if self.away:
            return _gone(start)
        if self.lost and environ["REQUEST_METHOD"] != "GET":
            self.lost -= 1
            for _ in self.application(environ, lambda *_: None):  # type: ignore[arg-type,return-value]
                pass
            return _gone(start)
        return self.application(environ, start)


def _gone(start: StartResponse) -> Iterable[bytes]:
    start("502 Bad Gateway", [("Content-Length", "0")])
    return [b""]


@dataclass
class Node:
    """A scheduler's side of an API: ``person`` is who acts for its project."""

    place: Place
    person: Person
    line: Line
    api: Api
    clock: FakeClock
    folder: Path
    url: str

    def office(self, holder: str = "node/1", *, offline: bool = True) -> LeaseOffice:
        """The office of a scheduler with that name; what it has to tell outlives it."""
        outbox = self.outbox(holder)
        ground = Offline(outbox, self.folder / "ground", holder) if offline else None
        return LeaseOffice(lambda _: self.api, outbox, self.clock, holder=holder, offline=ground)

    def outbox(self, holder: str = "node/1") -> Outbox:
        """The same."""
        return Outbox(self.folder / f"{holder.replace('/', '-')}.db", reserve=4096)

    def job(self, **more: object) -> Document:
        """A job of this node."""
        return self.api.jobs.get(self.person.job(**more))

    def wanted(self, job: Document | None = None, cause: Cause = "schedule", number: int | None = None) -> Wanted:
        """A run that should be executed now; by default that of a new job, which is due once."""
        job = job or self.job()
        return Wanted(job, cause, job["job_schedule"]["time_created"] if number is None else number)

    def run(self, hold: Hold) -> Any:
        """What the API has of a run."""
        return self.api.runs.get(hold.wanted.run_id)

    def log_of(self, hold: Hold) -> str:
        """What the API has of its log."""
        return "".join(self.api.runs.read_log(hold.wanted.run_id).texts)


@contextmanager
def node(folder: Path, **settings: Any) -> Iterator[Node]:
    """A node with an API of its own, with these settings, whose client is registered."""
    folder.mkdir(exist_ok=True)
    at = place(folder, **settings)
    line = Line(at.server.application)
    clock = FakeClock()
    person = Person(at.server, "default")
    person.client()
    with listening(line) as url, Api(Wire(Standalone(url, "default"), clock, timeout=20.0)) as api:
        yield Node(at, person, line, api, clock, folder, url)
