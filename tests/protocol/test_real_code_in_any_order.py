"""The real code under any order of the operations of several agents, collectors, reapers and forgetters, with
crashes, sleepers and faults of the storage: every backup that is committed and not forgotten can be read at every
moment, nothing that was reported is missing, and in the end no garbage is left."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from freezer.errors import TransientError
from freezer.repository.names import Folder
from freezer.repository.protocol.backups import Backup
from freezer.storage.contract import Storage
from protocol.actors import Actor
from protocol.stage import Files, Stage
from support.sweeps import Trials

AGENTS = 2
MOST = 5  # programs that have not ended

files = st.dictionaries(st.sampled_from([b"one", b"two"]), st.binary(min_size=1, max_size=3).map(
    lambda raw: bytes(97 + byte % 6 for byte in raw)
), min_size=1)  # fmt: skip
which = st.integers(0, MOST - 1)


class Schedules(RuleBasedStateMachine):
    """``programs`` have not ended; one that is never chosen any more sleeps until the end."""

    markers = False
    counted: ClassVar[Counter[str]] = Counter()

    @initialize()
    def found(self) -> None:
        self.counted["schedules"] += 1
        self.stage = Stage(markers=self.markers)
        self.agents = [self.stage.agent() for _ in range(AGENTS)]
        self.programs: list[Actor[Any]] = []
        self.reported: set[str] = set()
        self.changes = -1
        for name, content in (("home", b"abc"), ("other", b"ad")):
            self.stage.back_up(self.stage.enter(self.agents[0]), {b"one": content}, name)
            self.stage.clock.advance(1)

    def start(self, agent: int, play: Any) -> None:
        self.stage.clock.advance(1)

        def enter(storage: Storage) -> Any:
            return play(self.stage.enter(self.agents[agent], storage))

        self.programs.append(Actor(self.stage.storage, enter))

    def room(self) -> bool:
        return len(self.programs) < MOST

    @precondition(room)
    @rule(agent=st.integers(0, AGENTS - 1), files=files)
    def begin_a_backup(self, agent: int, files: Files) -> None:
        self.start(agent, lambda repository: self.stage.back_up(repository, files))

    @precondition(room)
    @rule(agent=st.integers(0, AGENTS - 1), max_unused=st.sampled_from([0.0, 0.3, 1.0]))
    def begin_a_prune(self, agent: int, max_unused: float) -> None:
        self.start(agent, lambda repository: self.stage.prune(repository, max_unused=max_unused))

    @precondition(room)
    @rule(agent=st.integers(0, AGENTS - 1))
    def begin_to_reap(self, agent: int) -> None:
        self.start(agent, self.stage.reap)

    @precondition(room)
    @rule(agent=st.integers(0, AGENTS - 1), number=st.integers(0, 9))
    def begin_to_forget(self, agent: int, number: int) -> None:
        backups = self.stage.backups()
        if backups:
            attempt = backups[number % len(backups)].attempt
            self.start(agent, lambda repository: self.stage.forget(repository, attempt))

    @precondition(lambda self: self.programs)
    @rule(number=which, steps=st.sampled_from([1, 2, 3, 5, 8, 13, 21, 34]))
    def go_on(self, number: int, steps: int) -> None:
        program = self.programs[number % len(self.programs)]
        for _ in range(steps):
            program.step()
        self.settle(program)

    @precondition(lambda self: self.programs)
    @rule(number=which)
    def go_to_the_end(self, number: int) -> None:
        program = self.programs[number % len(self.programs)]
        program.run()
        self.settle(program)

    @precondition(lambda self: self.programs)
    @rule(number=which, trouble=st.sampled_from([*["none"] * 5, "before", "after", "death"]))
    def have_bad_luck(self, number: int, trouble: str) -> None:
        program = self.programs[number % len(self.programs)]
        if trouble == "death":
            self.programs.remove(program)
            program.kill()
            return
        lost = None if trouble == "none" else TransientError("the connection was lost")
        program.step(lost, after=trouble == "after")
        self.settle(program)

    def settle(self, program: Actor[Any]) -> None:
        self.stage.clock.advance(0.001)
        if program.ended:
            self.programs.remove(program)
            if isinstance(program.result, Backup):
                self.reported.add(program.result.attempt)

    @invariant()
    def everything_can_be_read(self) -> None:
        self.counted["steps"] += 1
        stored = self.stage.storage.objects
        if hash(frozenset(stored)) == self.changes:
            return
        self.changes = hash(frozenset(stored))
        self.stage.check()
        forgotten = {name.removeprefix(Folder.TOMBS) for name in self.stage.names(Folder.TOMBS)}
        assert self.reported - forgotten <= {backup.attempt for backup in self.stage.backups()}

    def teardown(self) -> None:
        for program in self.programs:
            program.run()
            if isinstance(program.result, Backup):
                self.reported.add(program.result.attempt)
        self.everything_can_be_read()
        self.stage.clock.advance(1)
        repository = self.stage.enter(self.agents[0])
        self.stage.reap(repository)
        for _ in range(2):
            self.stage.prune(repository, max_unused=0.0)
        self.stage.check()
        left = self.stage.prune(repository, max_unused=0.0)
        assert not left.deleted
        self.nothing_is_left()

    def nothing_is_left(self) -> None:
        """Without backups there are no packs and no index parts."""
        repository = self.stage.enter(self.agents[0])
        for backup in self.stage.backups():
            self.stage.forget(repository, backup.attempt)
        self.stage.prune(repository)
        assert self.stage.is_empty()
        assert self.stage.notices == []


class SchedulesWithMarkers(Schedules):
    markers = True


@pytest.mark.slow
@pytest.mark.parametrize("machine", [Schedules, SchedulesWithMarkers])
def test_no_order_of_operations_loses_a_backup(
    machine: type[Schedules], trials: Trials, counted: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the long form the two machines take a million steps together."""
    monkeypatch.setattr(Schedules, "counted", counted)
    examples = int(os.environ.get("FREEZER_SCHEDULES") or trials(25, 7500))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=trials(40, 80),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
