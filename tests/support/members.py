"""Schedulers of many nodes that take part in the rounds of one session, each over a line of its own; what they and
their agents do is up to a plan."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from freezer.client import Api
from freezer.client.identity import Standalone
from freezer.client.wire import Wire
from freezer.clock import SystemClock
from freezer.errors import ApiUnavailable
from freezer.scheduler.contract import Hold, Office, Orders, Outcome, Refused, Told, Wanted
from freezer.scheduler.office.leases import LeaseOffice
from freezer.scheduler.outbox import Outbox
from freezer.scheduler.sessions.executor import SessionExecutor
from freezer.scheduler.sessions.office import SessionOffice
from freezer.stint.barrier import FolderBarrier
from freezer.testing.clock import FakeClock
from support.executing import Orders as Given
from support.executing import wait_for
from support.listening import listening
from support.offices import Line
from support.rounds import START, Group

Phase = Literal["due", "claimed", "quiescing", "ready", "storing", "telling"]
PHASES: tuple[Phase, ...] = ("due", "claimed", "quiescing", "ready", "storing", "telling")
Failure = Literal["dies", "fails", "is cut off"]
FAILURES: tuple[Failure, ...] = ("dies", "fails", "is cut off")


class Died(BaseException):
    """The machine is gone."""


@dataclass
class Member:
    """One node; ``plan``: where what befalls it. ``still`` has since when its source held still, and until when;
    ``stored``: when it began to be stored."""

    group: Group
    job: str
    api: Api
    line: Line
    folder: Path
    plan: tuple[Phase, Failure] | None = None
    still: list[float] = field(default_factory=list)
    stored: list[float] = field(default_factory=list)
    befell: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | None = None

    def __post_init__(self) -> None:
        self.clock = SystemClock()
        self.outbox = Outbox(self.folder / "outbox.db", reserve=4096)
        # its leases are of an API whose clock is the test's: what it does itself takes place in real time
        self.leases = LeaseOffice(lambda _: self.api, self.outbox, FakeClock(), holder=self.job, offline=None)

    def reach(self, phase: Phase) -> None:
        """What befalls it there."""
        if self.plan is None or self.plan[0] != phase:
            return
        self.befell.set()
        if self.plan[1] == "dies":
            self.line.away = True
            raise Died
        if self.plan[1] == "is cut off":
            self.line.away = True

    def fails(self, phase: Phase) -> bool:
        return self.plan == (phase, "fails")

    def take_part(self, due: int) -> None:
        """All that a scheduler does about a run that is due."""
        try:
            self.reach("due")
            if self.fails("due"):
                return
            office = SessionOffice(self.leases, lambda _: self.api, self.group.clock)
            hold = office.take(Wanted(self.api.jobs.get(self.job), "schedule", due))
            self.reach("claimed")
            executor = SessionExecutor(self, self._folders, lambda _: self.api, self.clock, patience=1.0)
            self.outcome = Outcome("failed") if self.fails("claimed") else executor.execute(hold, office, Given())
            self.reach("telling")
            if self.outcome is not None:
                state = "failed" if self.fails("telling") else self.outcome.state
                office.tell(hold, Told(state=state, error=self.outcome.error))
                self.leases.delivery.deliver()
        except Died:
            self.line.away = True
        except (Refused, ApiUnavailable):
            pass
        finally:
            self.befell.set()

    def _folders(self, _run: str) -> Mapping[str, str]:
        return {each.name: str(each) for each in self.folder.glob("stint-*")}

    def execute(self, hold: Hold, _office: Office, _orders: Orders) -> Outcome | None:
        """As an agent does it."""
        assert hold.barrier
        here = self.folder / f"stint-{uuid.uuid4().hex}"
        here.mkdir()
        barrier = FolderBarrier(str(here), hold.barrier)
        self.reach("quiescing")
        if self.fails("quiescing"):
            return Outcome("failed", 1, "the command failed")
        late = True
        self.still.append(self.clock.boottime())
        try:
            barrier.ready(self.still[0])
            self.reach("ready")
            if self.fails("ready"):
                return Outcome("failed", 1, "the agent was killed")
            # one that is cut off hears nothing until its limit has passed
            answer = "too late" if self.line.away else wait_for(lambda: _said(barrier.answer()))
            if answer != "released":
                return Outcome("failed", 1, answer)
            late = False
            self.stored.append(self.clock.boottime())
            self.reach("storing")
            return Outcome("failed", 1, "the disk is full") if self.fails("storing") else Outcome("success", 0)
        finally:
            self.still.append(self.clock.boottime())
            barrier.gone(self.still[1], late=late)

    def forget(self, run_id: str) -> None:
        """Nothing is kept."""

    def runs(self) -> frozenset[str]:
        return frozenset()


def _said(answer: str | None) -> str | None:
    return None if answer is None else answer or "released"


@contextmanager
def members(group: Group, folder: Path) -> Iterator[list[Member]]:
    """One for each job of the session."""
    with ExitStack() as stack:
        made = []
        for number, job in enumerate(group.jobs):
            line = Line(group.person.call.application)
            url = stack.enter_context(listening(line))
            wire = Wire(Standalone(url, group.person.project), FakeClock(), timeout=20.0)
            api = stack.enter_context(Api(wire))
            (own := folder / f"node{number}").mkdir()
            made.append(Member(group, job, api, line, own))
        yield made


def go_through(taking_part: list[Member], due: int = START, meanwhile: Callable[[], None] = lambda: None) -> None:
    """All take part in the round that is due then; ``meanwhile`` is called again and again until all are done."""
    threads = [threading.Thread(target=each.take_part, args=(due,)) for each in taking_part]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(0.05)
        meanwhile()
