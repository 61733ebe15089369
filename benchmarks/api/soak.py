"""Many schedulers that poll and report, for as long as one likes: answers, times, and the server's memory."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.api.cases import poll
from benchmarks.api.filling import ask
from benchmarks.api.load import Line, Request, Unexpected, cpu_seconds, memory
from benchmarks.api.places import HEADERS, ROOT, Served

POLLERS = 200
EVERY = 15.0
UPDATES = 20
_UPDATERS = 4
_LOOK = 2.0
_WARM = 0.2


@dataclass
class Found:
    """Seconds of each answer, what was no good answer, and the server's own memory in bytes at every look."""

    polls: list[float] = field(default_factory=list)
    updates: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    cpu: float = 0.0

    def percentile(self, share: float) -> float:
        """The time that this share of all answers did not take longer than."""
        times = sorted([*self.polls, *self.updates])
        return times[min(len(times) - 1, int(len(times) * share))]

    def growth(self) -> float:
        """Memory at the end against that after the first fifth, when everything has been used once."""
        settled = self.memory[int(len(self.memory) * _WARM) :]
        tenth = max(1, len(settled) // 10)
        return (sum(settled[-tenth:]) / tenth) / (sum(settled[:tenth]) / tenth)


def fill(server: Served) -> list[str]:
    """A client and a job for each of those that poll; the ids of the jobs."""
    jobs = []
    action = {"action": "backup", "mode": "fs", "path_to_backup": "/srv", "storage": "swift", "engine_name": "tar"}
    for number in range(POLLERS):
        ask(server, "POST", "/clients", {"client_id": f"node{number}"})
        job = {"client_id": f"node{number}", "job_schedule": {"schedule_interval": "1 days"},
               "job_actions": [{"freezer_action": action}]}  # fmt: skip
        jobs.append(str(ask(server, "POST", "/jobs", job)["job_id"]))
    return jobs


def run(server: Served, jobs: list[str], seconds: float, every: float = EVERY) -> Found:
    """Let 200 clients poll, each ``every`` so many seconds, and 20 jobs be reported about each second."""
    found, end = Found(), time.monotonic() + seconds
    chance = random.Random(6)
    workers = [_poller(server, found, number, chance.uniform(0, every), every, end) for number in range(POLLERS)]
    workers += [_updater(server, found, jobs[number::_UPDATERS], end) for number in range(_UPDATERS)]
    before = cpu_seconds(server.process)
    threads = [threading.Thread(target=each, daemon=True) for each in workers]
    for each in threads:
        each.start()
    while any(each.is_alive() for each in threads):
        found.memory.append(memory(server.process, kind="Pss_Anon"))
        time.sleep(_LOOK)
    found.cpu = cpu_seconds(server.process) - before
    return found


def _poller(server: Served, found: Found, number: int, first: float, every: float, end: float) -> Callable[[], None]:
    request = Request("GET", lambda _: f"{ROOT}/jobs/?limit=10&offset=0&all_projects=False", 200,
                      lambda _: poll(number), HEADERS)  # fmt: skip

    def check(body: bytes) -> None:
        if [job["client_id"] for job in json.loads(body)["jobs"]] != [f"node{number}"]:
            raise Unexpected(f"node{number} was told of {body[:200]!r}")

    return lambda: _keep_asking(server, request, found.polls, found.errors, first, every, end, check)


def _updater(server: Served, found: Found, jobs: list[str], end: float) -> Callable[[], None]:
    def report(number: int) -> object:
        status = ("running", "completed")[number // len(jobs) % 2]
        return {"job_schedule": {"status": "scheduled" if status == "completed" else status, "time_started": number},
                "session_id": "", "session_tag": 0}  # fmt: skip

    request = Request("PATCH", lambda n: f"{ROOT}/jobs/{jobs[n % len(jobs)]}", 200, report, HEADERS)
    every = _UPDATERS / UPDATES
    return lambda: _keep_asking(server, request, found.updates, found.errors, 0.0, every, end, lambda _: None)


def _keep_asking(
    server: Served, request: Request, times: list[float], errors: list[str], first: float, every: float, end: float,
    check: Callable[[bytes], None],
) -> None:  # fmt: skip
    line, due, number = Line(server.port), time.monotonic() + first, 0
    while due < end:
        time.sleep(max(0.0, due - time.monotonic()))
        begun = time.monotonic()
        try:
            status, body = line.ask(request.bytes(number))
            if status != request.status:
                raise Unexpected(f"{request.method}: {status} {body[:200]!r}")
            check(body)
        except (OSError, ValueError, Unexpected) as error:
            errors.append(str(error))
            line.close()
        times.append(time.monotonic() - begun)
        due, number = due + every, number + 1
    line.close()
