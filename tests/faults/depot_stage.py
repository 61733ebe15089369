"""An action on a repository that can be played again and again, each time with something else going wrong, and judged:
nothing acknowledged is lost, nothing half is listed, a failure is one clear line, and the next run needs no help."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from depot import Depot
from grounds import Grounds
from stage import unnamed
from world import call, change, restored, settle

from support.manifest import compare, make_manifest
from support.runs import Run

SIZE = 3000


@dataclass(frozen=True)
class Scenario:
    """An action on a repository with so many backups, of which so many were forgotten already."""

    action: str
    backups: int
    forgotten: int = 0
    words: Sequence[str] = ()


SCENARIOS = {
    "init": Scenario("init", 0),
    "first backup": Scenario("backup", 0),
    "next backup": Scenario("backup", 2),
    "forget": Scenario("forget", 3, words=("--keep-last", "1")),
    "prune": Scenario("prune", 4, 3, ("--max-unused", "0%")),
    "check": Scenario("check", 2, words=("--read-data",)),
    "restore": Scenario("restore", 2),
}


class DepotStage:
    """A scenario, with the repository and what this machine remembers of it as they were before, kept aside. All is
    below ``folder``. ``grounds``: where the container is, if it is not a directory there."""

    def __init__(self, folder: Path, scenario: Scenario, grounds: Grounds | None = None, files: int = 24) -> None:
        self.scenario = scenario
        at = None if grounds is None else grounds(folder / "container")
        self.depot = Depot(folder, made=scenario.action != "init", at=at)
        self.target, self._kept = folder / "target", folder / "kept"
        chance = random.Random(7)
        for _ in range(scenario.backups):
            change(self.depot.source, chance, SIZE, files)
            self.depot.backup()
        self.depot.forget(sorted(self.depot.owed)[: scenario.forgotten])
        change(self.depot.source, chance, SIZE, files)
        self._owed = dict(self.depot.owed)
        self._as_it_was = self.depot.ground.kept()
        for name, path in self._remembered().items():
            path.mkdir(exist_ok=True)
            shutil.copytree(path, self._kept / name)

    @property
    def world(self) -> Depot:
        return self.depot

    @property
    def argv(self) -> list[str]:
        action, more = self.scenario.action, self.scenario.words
        if action == "backup":
            return self.depot.backup_words(*more)
        if action == "restore":
            return self.depot.restore_words(self.target)
        if action == "init":
            return [action, *self.depot.stored(*self.depot.ground.founding)]
        return [action, *self.depot.stored(*more)]

    def reset(self) -> None:
        """Everything as it was before the first play."""
        self._as_it_was()
        for name, path in self._remembered().items():
            shutil.rmtree(path, ignore_errors=True)
            shutil.copytree(self._kept / name, path)
        shutil.rmtree(self.target, ignore_errors=True)
        self.depot.owed = dict(self._owed)

    def judge(self, run: Run | None) -> str:
        """Fail unless what ``run`` (None: it died) says is so and all is as promised; how it ended."""
        depot, action = self.depot, self.scenario.action
        done = run is not None and run.code == 0
        if run is not None and not done:
            assert run.code in (1, 3), run
            assert run.code == 3 or run.told_clearly(), run
        if action == "init":
            self._judge_init(done)
        listed = depot.listed()
        if action == "forget":
            kept = max(self._owed)
            assert kept in listed
            assert not done or listed == {kept}
            for id_ in self._owed.keys() - listed:
                del depot.owed[id_]
        new = listed - depot.owed.keys()
        if action == "backup":
            # The decision is read back after it was put: who cannot read it does not say that the backup is made.
            assert len(new) in ({1} if run is not None and run.code in (0, 3) else {0, 1}), (new, run)
        else:
            assert not new
        if run is not None and run.code == 3:
            self._judge_partial(run, new)
        assert settle(depot, read_all=True) == []
        if done and action == "restore":
            newest = self.depot.oldest_first(self._owed)[-1]
            wrong = compare(self._owed[newest], make_manifest(self.target))
            assert wrong == [], (newest, wrong)
        self._judge_next_runs()
        return "died" if run is None else f"exit {run.code}"

    def _judge_partial(self, run: Run, new: set[str]) -> None:
        """Everything that is not as it should be has to be named. A partial backup is let go then."""
        depot = self.depot
        if self.scenario.action == "backup":
            [made] = new
            depot.owed[made] = make_manifest(depot.source)
            wrong = restored(depot, made, ignore_exit=True)
            depot.forget([made])
        else:
            assert self.scenario.action == "restore", run
            wrong = compare(self._owed[max(self._owed)], make_manifest(self.target))
        assert unnamed(wrong, run) == [], run

    def _judge_init(self, done: bool) -> None:
        """There is a repository now, or there is none and one can be made."""
        again = call("init", *self.depot.stored(*self.depot.ground.founding))
        assert again.code == (1 if done else again.code)
        assert again.code == 0 or "has a repository already" in again.error
        assert call("list", *self.depot.stored()).code == 0

    def _judge_next_runs(self) -> None:
        """A backup works, what nobody needs can be collected, and what is left is right."""
        depot = self.depot
        newest = depot.backup()
        depot.call("prune", "--max-unused", "0%")
        assert restored(depot, newest) == []
        assert settle(depot, may_be_new=False) == []
        assert depot.garbage() == []

    def _remembered(self) -> dict[str, Path]:
        return {"remembered": Path.home() / ".local", "cached": Path.home() / ".cache"}
