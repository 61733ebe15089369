"""An action at a barrier: held still together, and never for longer than the limit."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from freezer.agent.result import Result
from freezer.agent.run import perform
from freezer.agent.together import act_together
from freezer.errors import CommandError, FreezerError, SourceError
from support.still import Barrier, Source


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


def test_a_backup_is_stored_between_holding_still_and_letting_go(source: Source) -> None:
    barrier = Barrier()
    result = perform(source.context(barrier))
    assert result.error is None
    assert source.history == ["still", "go"]
    assert barrier.told == ["ready", "passed"]
    assert any(source.path.parent.glob("container/*"))


def test_the_action_waits_for_the_others(source: Source) -> None:
    barrier = Barrier(answer=None)

    def others() -> None:
        assert barrier.asked.wait(60)
        source.note("others")
        barrier.decide("")

    waiting = threading.Thread(target=others)
    waiting.start()
    _act(source, barrier)
    waiting.join()
    assert source.history == ["still", "others", "act", "go"]


def _act(source: Source, barrier: Barrier, *more: str, action: str = "backup", word: str = "act") -> Result:
    context = source.context(barrier, *more, action=action)

    def act() -> Result:
        source.note(word)
        return Result({})

    return act_together(context, barrier, lambda _: source.note("still"), act)


def test_with_a_snapshot_it_lets_go_before_the_action(source: Source) -> None:
    barrier = Barrier()
    _act(source, barrier, "--still-until", "released")
    assert source.history == ["still", "go", "act"]
    assert barrier.told == ["ready", "passed"]


def test_a_restore_lets_go_when_it_is_done_and_is_not_interrupted_by_the_limit(source: Source) -> None:
    barrier = Barrier(limit=4.0)
    context = source.context(barrier, action="restore")

    def act() -> Result:
        context.clock.sleep(4.5)
        source.note("act")
        return Result({})

    act_together(context, barrier, lambda _: source.note("still"), act)
    assert source.history == ["still", "act", "go"]


def test_a_restore_that_fails_leaves_what_is_half_there_held(source: Source) -> None:
    context = source.context(Barrier(), action="restore")

    def act() -> Result:
        raise FreezerError("no space")

    with pytest.raises(FreezerError, match="no space"):
        act_together(context, Barrier(), lambda _: None, act)
    assert source.history == []


def test_a_barrier_that_breaks_is_let_go_of_at_once_with_the_reason(source: Source) -> None:
    barrier = Barrier(answer="job j did not begin in time")
    with pytest.raises(SourceError, match="did not hold still at one time: job j did not begin in time"):
        _act(source, barrier)
    assert source.history == ["still", "go"]
    assert barrier.told == ["ready", "late"]


def test_nobody_has_to_answer_for_it_to_let_go_after_the_limit(source: Source) -> None:
    barrier = Barrier(limit=0.5, answer=None)
    with pytest.raises(SourceError, match=r"not all members of the session held still within 0\.5 seconds"):
        _act(source, barrier)
    assert source.history == ["still", "go"]
    assert barrier.told == ["ready", "late"]


def test_a_release_that_comes_after_the_limit_is_too_late(source: Source) -> None:
    barrier = Barrier(limit=0.3)

    def begin(_seconds: float) -> None:
        while "go" not in source.history:
            pass  # as if this process had been stopped meanwhile

    with pytest.raises(SourceError, match=r"h[eo]ld still"):
        act_together(source.context(barrier), barrier, begin, lambda: Result({}))
    assert source.history == ["go"]
    assert barrier.told == ["ready", "late"]


def test_a_command_that_takes_longer_than_the_limit_is_ended_and_undone(source: Source) -> None:
    slow = "sleep 60"
    context = source.context(Barrier(limit=0.5), "--pre-command", slow)
    with pytest.raises(CommandError, match="did not end within"):
        perform(context)
    assert source.history == ["go"]


def test_a_failure_lets_go_before_it_is_told(source: Source) -> None:
    context = source.context(Barrier())

    def act() -> Result:
        raise FreezerError("disk")

    with pytest.raises(FreezerError, match="disk"):
        act_together(context, Barrier(), lambda _: source.note("still"), act)
    assert source.history == ["still", "go"]


def test_a_backup_that_was_stored_says_when_letting_go_went_wrong(source: Source) -> None:
    result = perform(source.context(Barrier(), "--post-command", "false"))
    assert result.error is not None
    assert result.error.message == "post_command: 'false' ended with exit status 1"
