"""A repository in which rows of an API decide is one like any other, for who speaks to the API."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from freezer.errors import ContainerError, UsageError
from freezer.progress import Notice
from freezer.repository.cache import Cache
from freezer.repository.documents import Decision, Verdict
from freezer.repository.ids import digest
from freezer.repository.names import Folder
from freezer.repository.protocol.deciding import Closed, Decided, State, decider_of
from freezer.repository.protocol.records import Record
from protocol.stage import Stage


class Rows:
    """As an API would: the first row of an attempt is the decision. All are of one agent."""

    first_word_counts = True

    def __init__(self) -> None:
        self.agent = ""
        self._rows: dict[str, Decision] = {}

    def commit(self, decision: Decision) -> tuple[str, bytes]:
        if self._rows.setdefault(decision.attempt, decision).verdict is not Verdict.COMMIT:
            raise ContainerError("it was aborted")
        return decision.attempt, _bytes(decision)

    def abort(self, attempt: str, reason: str) -> bool:
        return self.close(attempt, reason).state is State.ABORTED

    def close(self, attempt: str, reason: str) -> Closed:
        row = self._rows.setdefault(attempt, Decision(Verdict.ABORT, attempt, 0, reason=reason))
        return Closed(State.ABORTED, row.reason) if row.verdict is Verdict.ABORT else Closed(State.COMMITTED)

    def is_aborted(self, attempt: str) -> bool:
        return attempt in self._rows and self._rows[attempt].verdict is Verdict.ABORT

    def open_among(self, attempts: frozenset[str]) -> frozenset[str]:
        return attempts - self._rows.keys()

    def decided(self, _cache: Cache | None, _notice: Notice) -> Decided:
        aborted = frozenset(filter(self.is_aborted, self._rows))
        commits: Mapping[str, Record[Decision]] = {
            attempt: Record(row, self.agent, digest(_bytes(row)), row.time / 1e9)
            for attempt, row in self._rows.items()
            if attempt not in aborted
        }
        return Decided(commits, Folder.COMMITS, aborted)


def _bytes(decision: Decision) -> bytes:
    return f"{decision.verdict} {decision.attempt}".encode()


def test_backups_interruptions_forgetting_and_pruning_go_by_the_rows() -> None:
    rows = Rows()
    stage = Stage(rows=rows)
    agent = stage.agent()
    rows.agent = agent.id
    repository = stage.enter(agent)
    first = stage.back_up(repository, {b"one": b"abc"})
    broken_off = stage.begin(repository)
    stage.clock.advance(1)
    second = stage.back_up(repository, {b"one": b"abd", b"two": b"e"})
    assert rows.is_aborted(broken_off.id)
    assert [each.attempt for each in stage.backups()] == [first.attempt, second.attempt]
    stage.check()
    stage.forget(repository, first.attempt)
    stage.prune(repository, max_unused=0.0)
    assert [each.attempt for each in stage.backups()] == [second.attempt]
    stage.check()
    stage.forget(repository, second.attempt)
    stage.prune(repository, max_unused=0.0)
    assert stage.is_empty()
    assert not stage.names(Folder.COMMITS, Folder.OK, Folder.ABORT, Folder.DONE)


def test_who_was_aborted_by_a_row_does_not_commit() -> None:
    rows = Rows()
    stage = Stage(rows=rows)
    attempt = stage.begin(stage.enter(stage.agent())).id
    assert rows.abort(attempt, "")
    with pytest.raises(ContainerError, match="it was aborted"):
        decider_of(stage.repository, rows).commit(Decision(Verdict.COMMIT, attempt, 1))


def test_without_an_api_there_is_no_decider() -> None:
    with pytest.raises(UsageError, match="decides by the API, which is not configured"):
        decider_of(Stage(rows=Rows()).repository)
