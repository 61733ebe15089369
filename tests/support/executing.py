"""An executor of the scheduler with real agents, or with small programs in the place of them."""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from freezer.clock import SystemClock
from freezer.model.run_reports import ActionResult
from freezer.model.runs import Fence
from freezer.model.upkeep import Upkeep
from freezer.scheduler.contract import Document, Hold, Order, Outcome, Told, Wanted
from freezer.scheduler.execution.executor import LocalExecutor
from freezer.stint.folder import Folder

PATIENCE = 180.0
"""Seconds after which something that has to happen is taken not to happen any more."""


class Office:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.text = ""
        self.backups: list[Document] = []
        self.kept: list[Upkeep] = []

    def tell(self, hold: Hold, told: Told) -> None:
        self.told.append(told)

    def log(self, hold: Hold, text: str) -> None:
        self.text += text

    def backup(self, hold: Hold, document: Document) -> None:
        self.backups.append(document)

    def upkeep(self, hold: Hold, done: Upkeep) -> None:
        self.kept.append(done)

    def failures(self) -> list[str]:
        """The paths of all items that were left out, in the order in which they were told."""
        return [each.path for told in self.told for each in told.failures]

    def results(self) -> dict[int, ActionResult]:
        """What became of each action, as told last."""
        return {number: each for told in self.told for number, each in told.actions.items()}

    def states(self, action: int = 0) -> list[str]:
        """The states of an action in the order in which they were told."""
        return [told.actions[action].state for told in self.told if action in told.actions]


class Orders:
    """What a test says; ``until`` may be changed, too."""

    def __init__(self, until: float = math.inf) -> None:
        self.order: Order = ""
        self.deadline = until
        self._changed = threading.Event()

    def give(self, order: Order) -> None:
        self.order = order
        self._changed.set()

    def present(self) -> Order:
        return self.order

    def wait(self, seconds: float) -> Order:
        self._changed.wait(seconds)
        self._changed.clear()
        return self.order

    def until(self) -> float:
        return self.deadline


def program(tmp_path: Path, body: str) -> tuple[str, ...]:
    """A program in the place of the agent, in Python; ``folder`` is its run directory."""
    path = tmp_path / "stand-in.py"
    path.write_text(f"import os, signal, sys, time, pathlib\nfolder = pathlib.Path(sys.argv[2])\n{body}\n")
    return sys.executable, str(path)


def executor(tmp_path: Path, command: Sequence[str], **more: Any) -> LocalExecutor:
    return LocalExecutor(str(tmp_path / "runs"), SystemClock(), command=command, **more)


def action(name: str = "backup", **options: object) -> dict[str, object]:
    """An entry of ``job_actions``; keys of the entry itself begin with a capital."""
    entry = {key.lower(): value for key, value in options.items() if key[0].isupper()}
    plain = {key: value for key, value in options.items() if key[0].islower()}
    return {"freezer_action": {"action": name, **plain}, **entry}


def hold(
    *actions: Mapping[str, object],
    number: int = 1_795_000_000,
    fence: int = 1,
    done: Mapping[int, ActionResult] = {},
    schedule: Mapping[str, object] = {},
) -> Hold:
    job = {"job_id": "0" * 31 + "1", "job_actions": list(actions), "job_schedule": schedule}
    return Hold(Wanted(json.loads(json.dumps(job)), "schedule", number), Fence(1, fence), math.inf, done=done)


def wait_for(what: Callable[[], Any]) -> Any:
    """What ``what`` returns, as soon as it is something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def begin(executor: LocalExecutor, *args: object) -> tuple[threading.Thread, list[Outcome | None]]:
    outcomes: list[Outcome | None] = []
    thread = threading.Thread(target=lambda: outcomes.append(executor.execute(*args)), daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread, outcomes


def folders(executor: LocalExecutor, run: str) -> list[Folder]:
    return list(executor.stints.of(run).values())
