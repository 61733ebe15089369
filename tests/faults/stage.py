"""A scenario that can be played again and again, each time with something else going wrong, and judged."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from world import World, call, change, restored, settle

from support.manifest import compare, make_manifest
from support.runs import Run


@dataclass(frozen=True)
class Scenario:
    """An action on a container with so many backups. ``words`` follow the action's own."""

    action: str
    backups: int
    words: Sequence[str] = ()

    def argv(self, world: World) -> list[str]:
        if self.action == "backup":
            return world.backup_words(*self.words)
        if self.action == "restore":
            return world.restore_words(world.folder / "target")
        return [self.action, *world.stored(*self.words)]


SCENARIOS = {
    "first backup": Scenario("backup", 0),
    "increment": Scenario("backup", 2),
    "backup and removal": Scenario("backup", 5, ("--keep-last", "1")),
    "removal": Scenario("admin", 6, ("--keep-last", "1")),
    "restore": Scenario("restore", 3),
    "check": Scenario("check", 3, ("--read-data",)),
}


class Stage:
    """A scenario and the container as it was before, kept aside."""

    def __init__(self, folder: Path, scenario: Scenario, files: int = 24) -> None:
        self.world = World(folder / "world", ["-M", "16K"])
        self.scenario = scenario
        chance = random.Random(7)
        for _ in range(scenario.backups):
            change(self.world.source, chance, size=3000, files=files)
            self.world.backup()
        change(self.world.source, chance, size=3000, files=files)
        self.world.container.mkdir(exist_ok=True)
        self._kept = folder / "kept"
        shutil.copytree(self.world.container, self._kept)
        self._owed = dict(self.world.owed)
        self._may_go: set[str] = set()
        if "--keep-last" in scenario.words:
            plan = call("admin", *self.world.stored(*scenario.words, "--dry-run", "--json")).json
            self._may_go = {removal["backup"] for removal in plan["remove"]}
            if scenario.action == "backup":
                self._may_go = set(self.world.owed)

    @property
    def argv(self) -> list[str]:
        return self.scenario.argv(self.world)

    @property
    def target(self) -> Path:
        return self.world.folder / "target"

    def reset(self) -> None:
        """Everything as it was before the first play."""
        shutil.rmtree(self.world.container)
        shutil.copytree(self._kept, self.world.container)
        shutil.rmtree(self.target, ignore_errors=True)
        self.world.owed = dict(self._owed)

    def judge(self, run: Run | None, *, perhaps_done: bool = False) -> str:
        """Fail unless what ``run`` (None: it died) says is so and nothing acknowledged is lost; how it ended.

        ``perhaps_done``: it may have done everything although it said that it failed.
        """
        if run is not None and run.code not in (0, 3):
            assert run.told_clearly(), run
        said_done = run is not None and run.code in (0, 3)
        listed = self.world.listed()
        for id_ in self._may_go - listed:
            del self.world.owed[id_]
        new = listed - self.world.owed.keys()
        if self.scenario.action == "backup":
            expected = {1} if said_done else {0, 1} if run is None or perhaps_done or self._may_go else {0}
            assert len(new) in expected, (new, run)
        else:
            assert not new
        if run is not None and run.code == 3:
            self._judge_partial(run, new)
        else:
            assert settle(self.world, read_all=True) == []
            if said_done and self.scenario.action == "restore":
                assert compare(list(self._owed.values())[-1], make_manifest(self.target)) == []
        self._judge_next_run()
        return "died" if run is None else f"exit {run.code}"

    def _judge_partial(self, run: Run, new: set[str]) -> None:
        """Everything that is not as it should be has to be named."""
        if self.scenario.action == "backup":
            [made] = new
            self.world.owed[made] = make_manifest(self.world.source)
            wrong = restored(self.world, made, ignore_exit=True)
            del self.world.owed[made]
        else:
            wrong = compare(list(self._owed.values())[-1], make_manifest(self.target))
        assert unnamed(wrong, run) == [], run

    def _judge_next_run(self) -> None:
        next_run = call(*self.world.backup_words())
        assert next_run.code == 0, next_run.err
        if self._may_go:
            assert call("admin", *self.world.stored(*self.scenario.words)).code == 0
        listed = self.world.listed()
        newest = max(listed, key=lambda id_: int(id_.split("_")[-2]))
        self.world.owed[newest] = make_manifest(self.world.source)
        assert restored(self.world, newest) == []


def unnamed(wrong: Sequence[str], run: Run) -> list[str]:
    """Those of the differences that a partial ``run`` has told nothing of. Times of directories do not count, as they
    change with what is missing."""
    named = [line.removeprefix("freezer-agent: warning: ").partition(": ")[0] for line in run.err.splitlines()]
    named += re.findall(r"\.freezer-tmp-\w+", run.err)  # where a directory is that did not get its name
    return [line for line in wrong if not _is_about(line, named) and "mtime_ns" not in line]


def _is_about(difference: str, names: Sequence[str]) -> bool:
    """Whether a sentence of :func:`compare` is about one of ``names`` or something below it."""
    quoted = re.search(r"'(.*?)'", difference)
    return quoted is not None and any(quoted[1] == name or quoted[1].startswith(f"{name}/") for name in names)
