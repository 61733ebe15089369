"""A scheduler's daemon in this process, whose executions do nothing but what a test lets them do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from freezer.clock import Clock
from freezer.scheduler.contract import Hold, Office, Orders, Outcome, Update
from freezer.scheduler.daemon import Daemon, Parts
from freezer.scheduler.journal import Journal
from freezer.scheduler.office.alone import Alone
from freezer.scheduler.source.files import JobFiles

PATIENCE = 120.0
"""Seconds after which something that has to happen is taken not to happen any more."""

ACTION = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "storage": "local", "engine_name": "tar",
          "container": "/c", "backup_name": "b"}  # fmt: skip


def job(id: str, schedule: Mapping[str, object] | None = None, **more: Any) -> dict[str, Any]:
    """A job as a source tells it."""
    return {"job_id": id, "job_actions": [{"freezer_action": ACTION}], "job_schedule": dict(schedule or {}), **more}


class Stub:
    """An executor whose executions go on until :meth:`finish`, or end at once with ``outcome``."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        self.outcome = outcome
        self.begun: list[Hold] = []
        self.orders: dict[str, Orders] = {}
        self._ends: dict[str, Outcome | None] = {}
        self._changed = threading.Condition()

    def execute(self, hold: Hold, office: Office, orders: Orders) -> Outcome | None:
        with self._changed:
            self.begun.append(hold)
            self.orders[hold.wanted.job_id] = orders
            self._changed.notify_all()
            if self.outcome is not None:
                return self.outcome
            while hold.wanted.job_id not in self._ends and orders.present() not in {"leave", "lost", "abort"}:
                self._changed.wait(0.01)
            if orders.present() in {"leave", "lost"}:
                return None
            if orders.present() == "abort":
                return Outcome("aborted")
            return self._ends.pop(hold.wanted.job_id)

    def forget(self, run_id: str) -> None:
        """Nothing is kept."""

    def runs(self) -> frozenset[str]:
        return frozenset()

    def finish(self, job_id: str, outcome: Outcome | None = None) -> None:
        """Let the execution of that job end."""
        with self._changed:
            self._ends[job_id] = outcome or Outcome("success", 0)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[Hold]:
        """The executions, as soon as so many have begun."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.begun) >= count, PATIENCE), self.begun
            return list(self.begun)


class Settled:
    """A daemon whose threads are not started: a test lets it look, and waits until it is still."""

    def __init__(self, daemon: Daemon, executor: Stub) -> None:
        self.daemon = daemon
        self.executor = executor

    def look(self) -> float | None:
        """One round of the timing thread; then all runs that end at once have ended."""
        following = self.daemon.look()
        if self.executor.outcome is not None:
            self.still()
        return following

    def still(self) -> None:
        """Wait until no thread works any more."""
        for thread in list(self.daemon.workers()):
            thread.join(PATIENCE)
            assert not thread.is_alive()


@contextmanager
def on_files(
    folder: Path, state: Path, clock: Clock, executor: Stub, *, concurrent: int = 1
) -> Iterator[tuple[Settled, JobFiles]]:
    """A daemon for the job files in ``folder``, with its journal in ``state``."""
    journal = Journal(str(state))
    source = JobFiles(str(folder), journal, clock)
    office = Alone(journal, source.path_of, str(state / "logs"), clock)
    daemon = Daemon(Parts(source, office, executor), journal, clock, concurrent=concurrent)
    try:
        yield Settled(daemon, executor), source
    finally:
        daemon.end()
        daemon.leave()
        journal.close()


def reread(settled: Settled, source: JobFiles) -> None:
    """Tell the daemon what is in the directory now."""
    settled.daemon.heard(Update(source.read(), complete=True))


def write_job(folder: Path, name: str, document: object) -> Path:
    """A job file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def results(path: Path) -> dict[str, Any]:
    """What stands beside a job's file."""
    found: dict[str, Any] = json.loads(Path(f"{path}.status.json").read_text())
    return found
