"""A session on a server whose clock can be set, and schedulers that take part in its rounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freezer.api.config import ApiSettings
from freezer.api.housekeeper.steps import take_round
from freezer.api.housekeeper.work import Housekeeping, Work
from freezer.api.server import make_application
from freezer.testing.clock import FakeClock
from support.api import Person, fresh_database, opened
from support.run_places import fence
from support.wsgi import Answer, InProcess

START = 1_798_761_600  # 2027-01-01T00:00:00Z
DAY = 86_400
DAILY = {"schedule_interval": "1 days", "schedule_start_date": "2027-01-01T00:00:00"}


@dataclass(frozen=True)
class Group:
    """A session ``id`` with ``jobs``, each of a client of its own, at ``START``; ``work`` is the housekeeper's."""

    person: Person
    clock: FakeClock
    work: Work
    id: str
    jobs: tuple[str, ...]

    def act(self, verb: str, **document: Any) -> Answer:
        return self.person.send("POST", f"/sessions/{self.id}/action", {verb: document})

    def start(self, job: str, due: int, tag: int = 0) -> Any:
        """As our schedulers do it."""
        answer = self.act("start", job_id=job, current_tag=tag, due=due)
        assert answer.status == 202, answer
        return answer.json()

    def ask(self, job: str, tag: int, holder: str = "h", **more: Any) -> Answer:
        document = {"job_id": job, "cause": "session", "session_tag": tag, "holder": holder, **more}
        return self.person.send("POST", "/runs", document)

    def claim(self, job: str, tag: int, **more: Any) -> Any:
        answer = self.ask(job, tag, **more)
        assert answer.status == 201, answer
        return answer.json()

    def begin(self, due: int = START) -> list[Any]:
        """All members start for that instant and hold their runs."""
        return [self.claim(job, self.start(job, due)["session_tag"]) for job in self.jobs]

    def told(self, run: Any, **told: Any) -> Any:
        answer = self.person.send("PATCH", f"/runs/{run['run_id']}", {**fence(run), **told})
        assert answer.status == 200, answer
        return answer.json()

    def at_barrier(self, job: str, phase: str, age: float = 0.0, tag: int = 1, **more: str) -> Any:
        answer = self.act("barrier", job_id=job, session_tag=tag, phase=phase, age=age, **more)
        assert answer.status == 202, answer
        return answer.json()

    def shown(self) -> Any:
        return self.person.get(f"/sessions/{self.id}")

    def results(self) -> list[str]:
        members = self.shown()["jobs"]
        return [members[job]["result"] for job in self.jobs]

    def outcome(self) -> tuple[str, str]:
        shown = self.shown()
        return shown["status"], shown["result"]

    def housekeep(self) -> dict[str, int | None]:
        return {name: count for name, count in take_round(self.work).items() if count != 0}

    def job(self, job: str) -> Any:
        return self.person.get(f"/jobs/{job}")


def group(directory: Path, members: int = 2, **session: Any) -> Group:
    """A new one."""
    clock = FakeClock(START)
    url = fresh_database(directory)
    person = Person(InProcess(make_application(ApiSettings(auth="none", database=url), clock)), "home")
    id = person.made("/sessions", {"schedule": DAILY, "hold_off": 60, **session})["session_id"]
    jobs = []
    for number in range(members):
        jobs.append(person.job(person.client(f"node{number}"), job_schedule=DAILY))
        assert person.send("PUT", f"/sessions/{id}/jobs/{jobs[-1]}").status == 204
    work = Work(opened(url, clock), clock, Housekeeping(), ())
    return Group(person, clock, work, id, tuple(jobs))
