"""Tries of one scheduled run: at most one becomes a backup, wherever one of them sleeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from msgspec.structs import replace

from freezer.errors import BusyError, ContainerError, FreezerError
from freezer.repository.documents import Owners, Root, Source, Summary
from freezer.repository.keys.agents import Agent
from freezer.repository.names import Folder, is_id, time_of
from freezer.repository.packs.writing import ChunkWriter
from freezer.repository.protocol.attempt import Announcement, begin
from freezer.repository.protocol.deciding import decider_of
from freezer.repository.protocol.fencing import AlreadyCommitted, Fenced, fenced_id, made_before
from freezer.storage.contract import Storage
from protocol.stage import HOW, Stage, write_tree

DECIDERS = pytest.mark.parametrize("markers", [False, True], ids=["create-once", "markers"])
FIRST = Fenced("run", 0, 7, 1, when=1_800_000_000)
SECOND = replace(FIRST, number=2)
FILES = {b"one": b"abc"}


class Sleeping:
    """A storage that does something else before its operation number ``at``, as if the program were stopped there."""

    def __init__(self, inner: Storage, at: int, meanwhile: Callable[[], object]) -> None:
        self._inner = inner
        self._at = at
        self._meanwhile = meanwhile
        self.operations = 0

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._inner, name)
        if not callable(inner):
            return inner

        def operation(*words: Any, **more: Any) -> Any:
            self.operations += 1
            if self.operations == self._at:
                self._meanwhile()
            return inner(*words, **more)

        return operation


class Tries:
    """A repository, and agents that try to make the same backup in it."""

    def __init__(self, *, markers: bool) -> None:
        self.stage = Stage(markers=markers)

    def make(self, fenced: Fenced, agent: Agent, storage: Storage | None = None, *, looks: bool = True) -> str:
        """One try, as an agent makes it: the backup of the run, or the error. ``looks``: not before there was one."""
        stage, repository = self.stage, self.stage.enter(agent, storage)
        try:
            if looks:
                made_before(fenced, {each.attempt: each.summary.run for each in stage.backups()})
            announcement = Announcement("host", "home", fenced=fenced)
            decider = decider_of(repository)
            trial = begin(repository, decider, announcement, stage.notices.append, lives=lambda _: False)
        except AlreadyCommitted as done:
            return done.attempt
        index = trial.open_index(None, stage.notices.append)
        writer = ChunkWriter(repository, trial.id, index, HOW)
        try:
            return self._store(fenced, trial, index, writer)
        finally:
            writer.abandon()

    def _store(self, fenced: Fenced, trial: Any, index: Any, writer: ChunkWriter) -> str:
        stage = self.stage
        writer.publish(trial.unpublished)
        tree = write_tree(stage.repository, writer, FILES)
        written = writer.finish()
        sources = [Source(b"/", tree)]
        owners = Owners({}, {})
        root = Root(trial.id, "host", "home", 0, sources, sorted(written.needs), written.parts, [], owners)
        summary = Summary("host", "home", 0, 1, [], [b"/"], 1, 1, 0, 0, 0, True, run=fenced.text)
        stage.expected[trial.id] = FILES
        return str(trial.commit(root, summary, writer, index, notice=stage.notices.append).attempt)

    def backups(self) -> list[str]:
        return [each.attempt for each in self.stage.backups()]

    def sleep(self, fenced: Fenced, at: int, meanwhile: Callable[[], object]) -> tuple[Sleeping, str | FreezerError]:
        """A try that sleeps before its operation number ``at``; what came of it."""
        storage = Sleeping(self.stage.storage, at, meanwhile)
        try:
            return storage, self.make(fenced, self.stage.agent(), cast(Storage, storage))
        except FreezerError as error:
            return storage, error


def test_a_name_is_one_that_a_repository_has_and_everybody_computes_it_alike() -> None:
    assert fenced_id(FIRST) == fenced_id(replace(FIRST))
    assert is_id(fenced_id(FIRST))
    assert time_of(fenced_id(FIRST)) == FIRST.when
    others = [replace(FIRST, run="r"), replace(FIRST, action=1), replace(FIRST, incarnation=8), SECOND]
    assert len({fenced_id(each) for each in (FIRST, replace(FIRST, stint=1), *others)}) == 6


@DECIDERS
def test_a_try_that_sleeps_anywhere_and_one_that_takes_over_make_one_backup(markers: bool) -> None:
    """Also between the last look and the commit."""
    at, slept = 1, True
    while slept:
        tries = Tries(markers=markers)
        later: list[str | FreezerError] = []

        def take_over(tries: Tries = tries, later: list[str | FreezerError] = later) -> None:
            later.append(tries.sleep(SECOND, 0, lambda: None)[1])

        storage, first = tries.sleep(FIRST, at, take_over)
        slept = storage.operations >= at
        made = tries.backups()
        if slept:
            assert len(made) == 1 or (markers and made == [] and isinstance(later[0], ContainerError)), at
            assert [each for each in (first, *later) if isinstance(each, str)] in ([], made, made * 2), at
            assert isinstance(later[0], str) or markers
        tries.stage.check()
        at += 1
    assert at > 15  # it did sleep in all of these places


@DECIDERS
def test_a_try_that_was_stopped_before_it_was_even_announced_can_never_commit(markers: bool) -> None:
    tries = Tries(markers=markers)
    made = tries.make(SECOND, tries.stage.agent())
    with pytest.raises(ContainerError):
        tries.make(FIRST, tries.stage.agent(), looks=False)
    assert tries.backups() == [made]


@DECIDERS
def test_a_later_stint_of_the_same_try_goes_on_and_a_later_try_closes_all_of_them(markers: bool) -> None:
    tries = Tries(markers=markers)
    agent = tries.stage.agent()
    for stint in range(3):  # each dies when it has announced itself
        repository = tries.stage.enter(agent)
        fenced = replace(FIRST, stint=stint)
        begin(repository, decider_of(repository), Announcement("host", "home", fenced=fenced), print)
    made = tries.make(SECOND, tries.stage.agent())
    for stint in (3, 4):
        found = tries.make(replace(FIRST, stint=stint), agent)
        assert found == made  # it is listed
    assert tries.backups() == [made]


@DECIDERS
def test_a_stint_that_begins_while_a_later_try_closes_its_chain_does_not_commit_beside_it(markers: bool) -> None:
    at, slept = 1, True
    while slept:
        tries = Tries(markers=markers)
        agent = tries.stage.agent()
        repository = tries.stage.enter(agent)
        begin(repository, decider_of(repository), Announcement("host", "home", fenced=FIRST), print)

        def go_on(tries: Tries = tries, agent: Agent = agent) -> None:
            try:
                tries.make(replace(FIRST, stint=1), agent)
            except ContainerError:
                return

        storage, later = tries.sleep(SECOND, at, go_on)
        slept = storage.operations >= at
        assert len(tries.backups()) == 1 or (markers and isinstance(later, ContainerError)), at
        assert len(tries.backups()) <= 1
        at += 1


@DECIDERS
def test_after_the_database_was_put_back_the_backup_of_a_forgotten_try_is_found(markers: bool) -> None:
    tries = Tries(markers=markers)
    made = tries.make(FIRST, tries.stage.agent())
    again = replace(FIRST, incarnation=8)
    assert tries.make(again, tries.stage.agent()) == made
    assert tries.backups() == [made]


@DECIDERS
def test_and_a_forgotten_try_that_still_runs_is_closed(markers: bool) -> None:
    tries = Tries(markers=markers)
    agent = tries.stage.agent()
    repository = tries.stage.enter(agent)
    begin(repository, decider_of(repository), Announcement("host", "home", fenced=FIRST), print)
    made = tries.make(replace(FIRST, incarnation=8), tries.stage.agent())
    assert not decider_of(repository).open_among(frozenset({fenced_id(FIRST)}))
    assert tries.backups() == [made]


def test_a_try_that_comes_too_late_stores_nothing_and_leaves_nothing_open() -> None:
    tries = Tries(markers=False)
    agent = tries.stage.agent()
    repository = tries.stage.enter(agent)
    decider = decider_of(repository)
    begin(repository, decider, Announcement("host", "home", fenced=SECOND), print)
    with pytest.raises(ContainerError, match="a later try of this run has closed this one"):
        begin(repository, decider, Announcement("host", "home", fenced=FIRST), print, lives=lambda _: True)
    assert decider.open_among(frozenset({fenced_id(FIRST), fenced_id(SECOND)})) == {fenced_id(SECOND)}
    assert tries.stage.names(Folder.PACKS) == []


def test_another_run_of_a_backup_that_is_being_made_here_waits_but_another_try_of_the_same_run_does_not() -> None:
    tries = Tries(markers=False)
    repository = tries.stage.enter(tries.stage.agent())
    decider = decider_of(repository)
    begin(repository, decider, Announcement("host", "home", fenced=FIRST), print)
    with pytest.raises(BusyError):
        begin(
            repository, decider, Announcement("host", "home", fenced=replace(FIRST, run="other")), print,
            lives=lambda _: True,
        )  # fmt: skip
    begin(repository, decider, Announcement("host", "home", fenced=SECOND), print, lives=lambda _: True)


def test_what_pretends_to_be_a_try_of_the_run_is_passed_over() -> None:
    tries = Tries(markers=False)
    repository = tries.stage.enter(tries.stage.agent())
    for text in ("run.0.", "run.0.a.b.c", "run.0.1.2", "run.0.9.9.9.9x", "run.00.1.1.1"):
        begin(repository, decider_of(repository), Announcement("host", text, text), print)
    assert tries.make(FIRST, tries.stage.agent()) == fenced_id(FIRST)
