"""A round of three nodes with real agents: commands hold the sources still, all at one time."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from freezer.client import Api
from freezer.client.identity import Standalone
from freezer.client.wire import Wire
from freezer.clock import SystemClock
from freezer.scheduler.contract import Outcome, Told, Wanted
from freezer.scheduler.execution.executor import LocalExecutor
from freezer.scheduler.office.leases import LeaseOffice
from freezer.scheduler.outbox import Outbox
from freezer.scheduler.sessions.executor import SessionExecutor
from freezer.scheduler.sessions.office import SessionOffice
from support.api import Person, serving
from support.executing import Orders
from support.listening import listening

_NOTE = """
import os, sys, time
while not all(map(os.path.exists, sys.argv[4:])):
    time.sleep(0.02)
with open(sys.argv[1], "a") as file:
    file.write(f"{sys.argv[2]} {time.clock_gettime(time.CLOCK_BOOTTIME)}\\n")
sys.exit(int(sys.argv[3]))
"""


@dataclass
class Node:
    """A machine with a scheduler, and a job that backs up a directory held still by commands. One that is ``stiff``
    fails to hold still, after the machines in ``after`` have begun to."""

    folder: Path
    person: Person
    api: Api
    number: int
    stiff: int = 0
    after: tuple[Node, ...] = ()

    def __post_init__(self) -> None:
        (self.folder / "data").mkdir(parents=True)
        (self.folder / "data" / "file").write_text("contents")
        (self.folder / "note.py").write_text(_NOTE)
        self.client = self.person.client(f"node{self.number}")

    def command(self, word: str, status: int = 0) -> str:
        script, history = self.folder / "note.py", self.folder / "history"
        others = [str(node.folder / "history") for node in self.after]
        return shlex.join([sys.executable, "-S", "-E", str(script), str(history), word, str(status), *others])

    def job(self, action: str = "backup", **more: object) -> str:
        where = "path_to_backup" if action == "backup" else "restore_abs_path"
        options = {
            "action": action,
            "backup_name": "b",
            "storage": "local",
            "container": str(self.folder / "container"),
            "hostname": "h",
            where: str(self.folder / ("data" if action == "backup" else "restored")),
            "pre_command": self.command("still", self.stiff),
            "post_command": self.command("go"),
            **more,
        }
        document = {"client_id": self.client, "job_actions": [{"freezer_action": options}]}
        return str(self.person.made("/jobs", document)["job_id"])

    def history(self) -> dict[str, float]:
        lines = (self.folder / "history").read_text().splitlines() if (self.folder / "history").exists() else []
        return {word: float(when) for word, when in (line.split() for line in lines)}

    def take_part(self, job: str, due: int) -> Outcome | None:
        """What its scheduler does about a run that is due."""
        clock = SystemClock()
        (state := self.folder / f"state-{due}").mkdir()
        leases = LeaseOffice(lambda _: self.api, Outbox(state / "outbox.db"), clock, holder=self.client, offline=None)
        office = SessionOffice(leases, lambda _: self.api, clock)
        agents = LocalExecutor(str(state / "runs"), clock)
        executor = SessionExecutor(agents, agents.stints.paths, lambda _: self.api, clock)
        hold = office.take(Wanted(self.api.jobs.get(job), "schedule", due))
        outcome = executor.execute(hold, office, Orders())
        assert outcome is not None
        office.tell(hold, Told(state=outcome.state, exit_code=outcome.exit_code, error=outcome.error))
        leases.delivery.deliver()
        return outcome


@contextmanager
def _nodes(directory: Path, count: int) -> Iterator[list[Node]]:
    with ExitStack() as stack:
        server = serving(directory)
        url = stack.enter_context(listening(server.application))
        person = Person(server, "default")
        api = stack.enter_context(Api(Wire(Standalone(url, "default"), SystemClock(), timeout=60.0)))
        yield [Node(directory / f"node{number}", person, api, number) for number in range(count)]


def _round(nodes: list[Node], action: str = "backup", *, barrier: int = 120, **more: object) -> tuple[str, list[Any]]:
    """One round of a new session: its id, and what became of each node's run."""
    person = nodes[0].person
    session = person.made("/sessions", {"schedule": {}, "hold_off": 60, "barrier": barrier})["session_id"]
    jobs = [node.job(action, **more) for node in nodes]
    for job in jobs:
        assert person.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204
    due = int(person.get(f"/jobs/{jobs[0]}")["job_schedule"]["time_created"])
    outcomes: list[Any] = [None] * len(nodes)

    def take_part(number: int) -> None:
        outcomes[number] = nodes[number].take_part(jobs[number], due + len(action))

    threads = [threading.Thread(target=take_part, args=(number,)) for number in range(len(nodes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return session, outcomes


def test_three_nodes_hold_still_at_one_time_and_what_they_stored_is_of_that_time(tmp_path: Path) -> None:
    with _nodes(tmp_path, 3) as nodes:
        session, outcomes = _round(nodes)
        assert [(each.state, each.error) for each in outcomes] == [("success", None)] * 3
        histories = [node.history() for node in nodes]
        assert max(each["still"] for each in histories) <= min(each["go"] for each in histories)
        shown = nodes[0].api.sessions.get(session)
        assert (shown["status"], shown["result"], shown["round"]["state"]) == ("completed", "success", "released")
        real = [each["still"] for each in histories]
        assert shown["round"]["spread"] == pytest.approx(max(real) - min(real), abs=5.0)

        _, outcomes = _round(nodes, "restore")
        assert [(each.state, each.error) for each in outcomes] == [("success", None)] * 3
        assert {(node.folder / "restored" / "file").read_text() for node in nodes} == {"contents"}
        histories = [node.history() for node in nodes]
        assert max(each["still"] for each in histories) <= min(each["go"] for each in histories)


def test_if_one_does_not_hold_still_the_others_let_go_and_nothing_is_stored(tmp_path: Path) -> None:
    with _nodes(tmp_path, 3) as nodes:
        nodes[1].stiff, nodes[1].after = 1, (nodes[0], nodes[2])
        session, outcomes = _round(nodes)
        assert [each.state for each in outcomes] == ["failed"] * 3
        assert "pre_command" in outcomes[1].error
        assert "did not hold still at one time" in outcomes[0].error
        assert all(node.history().keys() == {"still", "go"} for node in nodes)
        assert not any(list(node.folder.glob("container/metadata/*")) for node in nodes)
        shown = nodes[0].api.sessions.get(session)
        assert (shown["status"], shown["result"], shown["round"]["state"]) == ("completed", "fail", "broken")


def test_a_barrier_that_is_too_short_for_the_backup_is_a_failure_not_a_mixture(tmp_path: Path) -> None:
    with _nodes(tmp_path, 2) as nodes:
        slow = shlex.join([sys.executable, "-c", "import time; time.sleep(600)"])
        _, outcomes = _round(nodes, barrier=3, pre_command=slow)
        assert [each.state for each in outcomes] == ["failed"] * 2
        assert all(node.history().keys() == {"go"} for node in nodes)
