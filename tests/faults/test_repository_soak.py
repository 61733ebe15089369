"""Many at once in one repository: agents that back up, and others that forget, prune and check, each on a machine of
its own, stopped, continued and killed at random instants. In the end every backup that somebody was told of, or that is
listed, restores to exactly what it was made of, and what nobody needs is gone."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
from depot import PACKS, Depot
from grounds import Ground, Grounds
from world import call, change, restored

from freezer.repository.names import time_of
from support.crowd import Crowd, Member
from support.manifest import Manifest, make_manifest
from support.runs import Run
from support.sweeps import Trials

LIFE = 1000  # operations in one repository, before a new one is begun
KILLED, STOPPED = 0.08, 0.3  # of all runs
SLEEPS = (0.3, 2.0, 10.0)  # times what a backup takes: others do many things in that time
SIZE = 60_000
UPKEEP = ("forget", "forget", "forget", "prune", "prune", "check", "list")
KEPT = 2  # backups of a name that rules leave
_COMMON = 3  # of the files of a source that are the same in all of them, so that agents rely on each other's chunks
_TICK = 0.001  # seconds by which the time in a name may be too early

pytestmark = pytest.mark.slow


class Begun(NamedTuple):
    """A run of a backup: since when (seconds since 1970), and what the source is meanwhile."""

    since: float
    source: Manifest


class Made(NamedTuple):
    """A backup: whose it is, and what of."""

    name: str
    source: Manifest


@dataclass
class Actor:
    """Somebody with a machine of his own: what it remembers is below ``home``. ``begun``: his backups so far.

    ``fate``: what happens to his run when that has lasted ``instant`` seconds; ``disturbed``: whether it has happened;
    ``wakes``: when a stopped one goes on."""

    name: str
    home: Path
    depot: Depot | None = None
    member: Member | None = None
    action: str = ""
    fate: str = ""
    instant: float = 0.0
    wakes: float = 0.0
    disturbed: bool = False
    begun: list[Begun] = field(default_factory=list)

    @property
    def environment(self) -> Mapping[str, str]:
        return {**os.environ, "HOME": str(self.home)}

    def run_of(self, attempt: str) -> Begun:
        """The run that announced it."""
        return [run for run in self.begun if run.since <= time_of(attempt) + _TICK][-1]


class Soak:
    """``owed``: every backup that was made; ``may_go``: those that somebody has begun to forget; ``ruled``: names of
    which rules keep the newest only; ``usual``: seconds that runs of each action take."""

    def __init__(
        self, folder: Path, ground: Ground, crew: tuple[int, int], programs: Crowd, chance: random.Random
    ) -> None:
        self.chance, self.programs = chance, programs
        self.counted: Counter[str] = Counter()
        self.first = Depot(folder / "first", at=ground)
        self.owed: dict[str, Made] = {}
        self.may_go: set[str] = set()
        self.ruled: set[str] = set()
        self.usual: defaultdict[str, float] = defaultdict(lambda: 0.2)
        self.common = chance.randbytes(_COMMON * SIZE)
        agents, others = crew
        self.agents = [self._agent(folder / f"agent{number}") for number in range(agents)]
        self.actors = self.agents + [Actor(f"upkeep{number}", folder / f"upkeep{number}") for number in range(others)]
        for actor in self.actors:
            actor.home.mkdir(exist_ok=True)

    def _agent(self, folder: Path) -> Actor:
        depot = Depot(folder, made=False, at=self.first.ground)
        for number in range(_COMMON):
            (depot.source / f"common{number}").write_bytes(self.common[number * SIZE : (number + 1) * SIZE])
        change(depot.source, self.chance, SIZE, files=8)
        return Actor(folder.name, folder / "home", depot)

    def run(self, operations: int) -> None:
        """So many, with as many at once as there are actors."""
        while self.counted["operations"] < operations or any(actor.member for actor in self.actors):
            for actor in self.chance.sample(self.actors, len(self.actors)):
                if actor.member is None:
                    if self.counted["operations"] < operations:
                        self._begin(actor)
                        self._tempt(actor)
                elif not actor.member.runs:
                    self._end(actor)
                else:
                    self._disturb(actor)
            time.sleep(0.005)

    def _begin(self, actor: Actor) -> None:
        self.counted["operations"] += 1
        if actor.depot is not None:
            if self.chance.random() < 0.7:
                change(actor.depot.source, self.chance, SIZE, files=8)
            actor.action = "backup"
            actor.begun.append(Begun(time.time(), make_manifest(actor.depot.source)))
            words = actor.depot.backup_words("-N", actor.name, "--hostname", actor.name)
        else:
            actor.action = self.chance.choice(UPKEEP)
            words = self._upkeep_words(actor.action)
        actor.member = self.programs.start(words, actor.environment)

    def _tempt(self, actor: Actor) -> None:
        """Draw what is to happen to a run."""
        actor.disturbed = False
        dice = self.chance.random()
        actor.fate = "killed" if dice < KILLED else "stopped" if dice < KILLED + STOPPED else ""
        actor.instant = self.chance.uniform(0, self.usual[actor.action])

    def _upkeep_words(self, action: str) -> list[str]:
        stored = self.first.stored
        if action == "prune":
            return ["prune", *stored("--max-unused", self.chance.choice(["0%", "25%"]))]
        if action == "check":
            return self.first.check_words(*self.chance.choice([(), ("--read-data",)]))
        if action == "forget" and self.chance.random() < 0.5:
            known = sorted(self.owed.keys() - self.may_go)
            if len(known) > 2:
                gone = self.chance.choice(known)
                self.may_go.add(gone)
                return ["forget", *stored("--id", gone)]
        elif action == "forget":
            name = self.chance.choice(self.agents).name
            self.ruled.add(name)
            rules = ("--keep-last", KEPT, "--keep-verified", "0")
            return ["forget", *stored(*rules, "-N", name, "--hostname", name)]
        return ["list", *stored()]

    def _disturb(self, actor: Actor) -> None:
        member, now = actor.member, time.monotonic()
        assert member is not None
        if actor.wakes:
            if now > actor.wakes:
                actor.wakes = 0.0
                member.go_on()
        elif actor.fate and member.seconds > actor.instant:
            self.counted[actor.fate] += 1
            if actor.fate == "killed":
                member.kill()
            else:
                member.stop()
                actor.wakes = now + self.chance.choice(SLEEPS) * self.usual["backup"]
            actor.fate, actor.disturbed = "", True

    def _end(self, actor: Actor) -> None:
        member, actor.member, actor.wakes = actor.member, None, 0.0
        assert member is not None
        seconds, run = member.seconds, member.end()
        if not actor.disturbed:
            self.usual[actor.action] += (seconds - self.usual[actor.action]) / 5
        self.counted[f"{actor.action}: exit {run.code}"] += 1
        if run.code not in (0, -9):
            print(actor.name, actor.action, run.err, run.out if actor.action == "check" else "")
            assert run.told_clearly(), run
        if actor.action == "backup":
            self._judge_backup(actor, run)
        if actor.action == "check":
            assert run.code in (0, -9), (run.out, run.err)

    def _judge_backup(self, actor: Actor, run: Run) -> None:
        """It is listed if it says that it was made; if it was killed, it may be. Where markers decide it may also have
        completed what a killed one had begun to decide."""
        new = self.listed(actor.name) - self.owed.keys()
        own = {id_ for id_ in new if actor.run_of(id_) is actor.begun[-1]}
        assert len(own) in ({1} if run.code == 0 else {0, 1} if run.code == -9 else {0}), (new, run)
        assert new == own or self.first.ground.markers, (new, run)
        self.counted["completed for a killed one"] += len(new - own)
        self.owed.update({id_: Made(actor.name, actor.run_of(id_).source) for id_ in new})

    def listed(self, name: str) -> set[str]:
        rows = self.first.call("list", "-N", name, "--hostname", name, "--json").json
        return {row["id"] for row in rows}

    def everybodys(self) -> set[str]:
        return {id_ for actor in self.agents for id_ in self.listed(actor.name)}

    def settle(self) -> None:
        """Nobody is at work any more: what there is is right, and what is garbage goes."""
        listed = self.everybodys()
        lost = {id_ for id_ in self.owed.keys() - listed - self.may_go if not self._let_go_by_rules(id_)}
        self.counted.update({"backups made": len(self.owed), "backups left": len(listed), "lost": len(lost)})
        assert not lost
        assert listed <= self.owed.keys()
        check = call(*self.first.check_words("--read-data"))
        assert check.code == 0, (check.out, check.err)
        self.first.owed = {id_: self.owed[id_].source for id_ in listed}
        assert [line for id_ in sorted(listed) for line in restored(self.first, id_)] == []
        for actor in self.agents:  # takes over what its dead runs have left
            self._begin(actor)
            assert actor.member is not None
            assert actor.member.end().code == 0
        before = self._stored_bytes()
        for id_ in self.everybodys():
            self.first.call("forget", "--id", id_)
        self.first.call("prune", "--max-unused", "0%")
        self.counted.update({"bytes before all was forgotten": before, "bytes left": self._stored_bytes()})
        assert self.first.names(*PACKS, "index") == []

    def _let_go_by_rules(self, id_: str) -> bool:
        """Whether rules let it go: there are others of its name that are newer."""
        name = self.owed[id_].name
        newer = [other for other, made in self.owed.items() if made.name == name and other > id_]
        return name in self.ruled and len(newer) >= KEPT

    def _stored_bytes(self) -> int:
        return sum(info.size for folder in PACKS for info in self.first.ground.objects(folder))


@pytest.mark.parametrize(
    ("grounds", "few", "many"),
    [("local", 60, 10_000), ("ssh", 20, 10_000), ("s3", 20, 500)],
    indirect=["grounds"],
)
def test_many_at_once(
    tmp_path: Path,
    grounds: Grounds,
    programs: Crowd,
    trials: Trials,
    chance: random.Random,
    counted: Counter[str],
    few: int,
    many: int,
) -> None:
    """In the long form as many agents as a department has."""
    crew, left = (trials(4, 20), trials(2, 4)), trials(few, many)
    while left:
        folder = tmp_path / f"soak{left}"
        soak = Soak(folder, grounds(folder / "container"), crew, programs, chance)
        try:
            soak.run(min(left, LIFE))
            soak.settle()
        finally:
            counted.update(soak.counted)
        left -= min(left, LIFE)
        shutil.rmtree(folder)
