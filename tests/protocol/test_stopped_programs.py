"""Programs that are stopped after any of their storage operations, while others do what they like, and then go on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from freezer.errors import TransientError
from freezer.repository.names import Folder
from freezer.repository.protocol.backups import Backup
from freezer.repository.protocol.collector import Collected
from freezer.storage.contract import Storage
from protocol.actors import Actor
from protocol.stage import Files, Stage
from support.sweeps import Trials

pytestmark = pytest.mark.slow

OLD: Files = {b"one": b"abc", b"two": b"ddd"}
NEW: Files = {b"one": b"abe", b"two": b"df"}
DECIDERS = pytest.mark.parametrize("markers", [False, True], ids=["create-once", "markers"])


class Scene:
    """An old backup, which is forgotten, and a younger one of another name, which stays."""

    def __init__(self, *, markers: bool) -> None:
        self.stage = Stage(markers=markers)
        self.writer, self.owner = self.stage.agent(), self.stage.agent()
        owner = self.stage.enter(self.owner)
        self.old = self.stage.back_up(owner, OLD)
        self.stage.clock.advance(1)
        self.stage.back_up(owner, {b"other": b"ac"}, "other")
        self.stage.clock.advance(1)

    def backup(self, files: Files = NEW) -> Actor[Backup]:
        return self._start(lambda storage: self.stage.back_up(self.stage.enter(self.writer, storage), files))

    def prune(self, max_unused: float = 0.0) -> Actor[Collected]:
        return self._start(
            lambda storage: self.stage.prune(self.stage.enter(self.owner, storage), max_unused=max_unused)
        )

    def reap(self) -> Actor[list[str]]:
        return self._start(lambda storage: self.stage.reap(self.stage.enter(self.owner, storage)))

    def _start(self, play: Callable[[Storage], Any]) -> Actor[Any]:
        self.stage.clock.advance(1)
        return Actor(self.stage.storage, play)

    def forget(self) -> None:
        self.stage.forget(self.stage.enter(self.owner), self.old.attempt)

    def end(self, backup: Actor[Backup]) -> bool:
        """Whether the backup was made; then it is there, otherwise it failed with one line."""
        self.stage.check()
        attempts = {each.attempt for each in self.stage.backups()}
        if backup.result is None:
            assert backup.failure is not None
            return False
        assert backup.result.attempt in attempts
        return True

    def clean_up(self) -> None:
        """A later run needs no help, and afterwards there is no garbage."""
        agent = self.stage.enter(self.writer)
        self.stage.clock.advance(1)
        self.stage.back_up(agent, NEW)
        self.stage.reap(agent)
        self.stage.prune(agent, max_unused=0.0)
        self.stage.check()
        for backup in self.stage.backups():
            self.stage.forget(agent, backup.attempt)
        self.stage.prune(agent)
        assert self.stage.is_empty()
        assert self.stage.notices == []


def operations(program: Actor[Any]) -> int:
    count = 0
    while not program.ended:
        program.step()
        count += 1
    return count


def every(step: int, count: int) -> Iterable[int]:
    return range(0, count + 1, step)


@DECIDERS
def test_a_backup_stopped_anywhere_while_all_else_is_pruned_away_commits_intact_or_fails(
    markers: bool, trials: Trials
) -> None:
    count = operations(Scene(markers=markers).backup())
    made = 0
    for stop in every(1, count):
        scene = Scene(markers=markers)
        backup = scene.backup()
        for _ in range(stop):
            backup.step()
        scene.forget()
        scene.prune().run()
        scene.stage.check()
        backup.run()
        made += scene.end(backup)
        scene.clean_up()
    assert made == count + 1  # its source is there, so it always can be completed


@DECIDERS
def test_the_same_if_it_is_taken_for_dead_as_well(markers: bool, trials: Trials) -> None:
    count = operations(Scene(markers=markers).backup())
    made = 0
    for stop in every(trials(2, 1), count):
        scene = Scene(markers=markers)
        backup = scene.backup()
        for _ in range(stop):
            backup.step()
        scene.forget()
        scene.reap().run()
        scene.prune().run()
        backup.run()
        made += scene.end(backup)
        scene.clean_up()
    assert 0 < made < count


@DECIDERS
def test_a_backup_and_a_prune_that_stop_and_go_on_in_any_way(markers: bool, trials: Trials) -> None:
    """The backup goes so far, the prune so far, then each of them to its end; and the other way round."""
    backups = operations(Scene(markers=markers).backup())
    scene = Scene(markers=markers)
    scene.forget()
    prunes = operations(scene.prune())
    step = trials(6, 1)
    for first in every(step, backups):
        for second in every(step, prunes):
            for backup_first in (True, False):
                scene = Scene(markers=markers)
                if not backup_first:
                    scene.forget()
                programs = (scene.backup(), scene.prune())
                one, other = programs if backup_first else programs[::-1]
                for _ in range(first if backup_first else second):
                    one.step()
                if backup_first:
                    scene.forget()
                for _ in range(second if backup_first else first):
                    other.step()
                one.run()
                other.run()
                assert scene.end(programs[0])
                assert programs[1].failure is None


def test_two_prunes_that_stop_and_go_on_in_any_way(trials: Trials) -> None:
    """Of chunks that are stored twice each would delete another copy."""
    count = operations(doubled().prune())
    step = trials(6, 1)
    for first in every(step, count):
        for second in every(step, count):
            scene = doubled()
            one, other = scene.prune(), scene.prune()
            for _ in range(first):
                one.step()
            for _ in range(second):
                other.step()
            one.run()
            other.run()
            scene.stage.check()


def doubled() -> Scene:
    """Two backups made at the same time, so that what they share is stored twice, of which none needs all."""
    scene = Scene(markers=False)
    scene.forget()
    backups = [scene.backup({b"one": b"xyz"}), scene.backup({b"one": b"xyw"})]
    for backup in backups:
        while not scene.stage.names(Folder.ROOTS)[2 + backups.index(backup) :] and not backup.ended:
            backup.step()
    for backup in backups:
        backup.run()
    return scene


@DECIDERS
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_storage_operation_that_fails_leaves_nothing_that_is_in_the_way(
    markers: bool, after: bool, trials: Trials
) -> None:
    count = operations(Scene(markers=markers).backup())
    for stop in every(trials(2, 1), count - 1):
        scene = Scene(markers=markers)
        backup = scene.backup()
        for _ in range(stop):
            backup.step()
        backup.step(TransientError("the connection was lost"), after=after)
        backup.run()
        scene.forget()
        scene.end(backup)
        scene.clean_up()


@DECIDERS
def test_a_prune_that_dies_anywhere_is_completed_by_the_next(markers: bool, trials: Trials) -> None:
    scene = Scene(markers=markers)
    scene.forget()
    for stop in every(trials(2, 1), operations(scene.prune())):
        scene = Scene(markers=markers)
        scene.forget()
        prune = scene.prune()
        for _ in range(stop):
            prune.step()
        prune.kill()
        scene.stage.check()
        scene.clean_up()


@DECIDERS
def test_several_programs_that_stop_and_go_on_at_random(
    markers: bool, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    """Two backups, two prunes and a reaper; the old backup is forgotten at some time."""
    for _ in range(trials(15, 3000)):
        scene = Scene(markers=markers)
        programs: list[Actor[Any]] = [scene.backup(), scene.prune(), scene.prune(chance.random())]
        programs += [scene.backup({b"one": b"abcd"})] if chance.random() < 0.5 else []
        programs += [scene.reap()] if chance.random() < 0.3 else []
        forgotten = False
        while left := [program for program in programs if not program.ended]:
            program = chance.choice(left)
            for _ in range(chance.choice((1, 2, 4, 8, 16))):
                program.step()
            if not forgotten and chance.random() < 0.2:
                scene.forget()
                forgotten = True
            scene.stage.check()
        for program in programs:
            counted["failed" if program.failure else "done"] += 1
        scene.end(programs[0])
        scene.clean_up()
