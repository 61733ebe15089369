"""A server whose leases can be made to run out, and people who execute jobs on it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freezer.api.config import ApiSettings
from freezer.api.scope import EVERYTHING
from freezer.api.server import make_application
from freezer.api.store.contract import Store
from freezer.model.runs import Fence
from support.api import Person, fresh_database, opened
from support.wsgi import Answer, InProcess


@dataclass(frozen=True)
class Place:
    """A server and the store behind it."""

    server: InProcess
    store: Store

    def worker(self, **more: str) -> Worker:
        """Somebody in a project of its own, who has a client."""
        person = Person(self.server, uuid.uuid4().hex, **more)
        person.client()
        return Worker(person)

    def lapse(self, run: Mapping[str, Any]) -> None:
        """Let the lease of a run be over."""
        fence = Fence(run["incarnation"], run["fence"])
        assert self.store.write(lambda unit: unit.leases.renew(EVERYTHING, run["run_id"], fence, -1))


@dataclass(frozen=True)
class Worker:
    """Somebody who executes jobs."""

    person: Person

    def due_job(self, **schedule: Any) -> tuple[str, int]:
        """A job that is due once, and when."""
        job = self.person.job(**({"job_schedule": schedule} if schedule else {}))
        return job, int(self.person.get(f"/jobs/{job}")["job_schedule"]["time_created"])

    def ask(self, job: str, due: int, holder: str = "h", **more: Any) -> Answer:
        """Claim the run that is due then."""
        return self.person.send(
            "POST", "/runs", {"job_id": job, "cause": "schedule", "due": due, "holder": holder, **more}
        )

    def claim(self, job: str, due: int, holder: str = "h", **more: Any) -> Any:
        """Hold it."""
        answer = self.ask(job, due, holder, **more)
        assert answer.status == 201, answer
        return answer.json()

    def begun(self, **more: Any) -> Any:
        """A run of a new job, held."""
        return self.claim(*self.due_job(), **more)

    def tell(self, run: Mapping[str, Any], **told: Any) -> Answer:
        """Report about it."""
        return self.person.send("PATCH", f"/runs/{run['run_id']}", {**fence(run), **told})

    def told(self, run: Mapping[str, Any], **told: Any) -> Any:
        answer = self.tell(run, **told)
        assert answer.status == 200, answer
        return answer.json()

    def renew(self, run: Mapping[str, Any], ttl: int = 60) -> Answer:
        return self.person.send("PUT", f"/runs/{run['run_id']}/lease", {**fence(run), "ttl": ttl})

    def write(self, run: Mapping[str, Any], sequence: int, *pieces: str) -> Answer:
        """Add to its log."""
        document = {**fence(run), "sequence": sequence, "pieces": list(pieces)}
        return self.person.send("POST", f"/runs/{run['run_id']}/log", document)

    def run(self, run: Mapping[str, Any]) -> Any:
        return self.person.get(f"/runs/{run['run_id']}")

    def schedule_of(self, run: Mapping[str, Any]) -> Any:
        return self.person.get(f"/jobs/{run['job_id']}")["job_schedule"]


def fence(run: Mapping[str, Any]) -> dict[str, Any]:
    """The try that a claim was answered with."""
    return {"incarnation": run["incarnation"], "fence": run["fence"]}


def place(directory: Path, **more: Any) -> Place:
    """A server without authentication on a new database."""
    url = fresh_database(directory)
    settings = ApiSettings(**{"auth": "none", "database": url, "connections": 20, **more})
    return Place(InProcess(make_application(settings)), opened(url))
