"""An action at the barrier of a session: its source holds still while those of all other members do.

``--pre-command`` makes it hold still; then the others are waited for. As soon as all are ready the action begins, and
``--post-command`` lets go: after what is backed up was stored, or with ``--still-until released`` before, if what
``--pre-command`` left is a snapshot. Nothing holds still for longer than the barrier says: then it is let go and the
action has failed, whether it waited or worked. A restore is not interrupted once all were ready, and lets go after it
has succeeded: what it writes to must not be used before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from freezer.agent.context import Barrier, Context
from freezer.agent.guard import Ended, Guard, Task, guarded, interrupt
from freezer.agent.result import Result
from freezer.errors import CommandError, SourceError

_POLL = 0.05
_GUARD = "freezer.cmd.guard"


def act_together(
    context: Context, barrier: Barrier, begin: Callable[[float], None], act: Callable[[], Result]
) -> Result:
    """Do ``act`` while the source holds still, which ``begin`` has it do within so many seconds.

    :class:`SourceError` if the others did not hold still at the same time, or this one not for as long as it had to.
    """
    clock, command = context.clock, context.settings.optional_text("post_command") or ""
    working = _Working()
    with guarded(Task(command, barrier.limit), _GUARD, working.expired) as guard:
        deadline = clock.monotonic() + barrier.limit
        late = True
        try:
            begin(barrier.limit)
            barrier.ready(clock.boottime())
            _wait(context, barrier, guard, deadline)
            result, late = _act(context, guard, working, act), False
        except _TooLong:
            raise _too_long(barrier) from None
        finally:
            ended = guard.let_go()
            barrier.gone(clock.boottime(), late=late)
            if late and ended.error is not None:
                context.notice(ended.error)
    if ended.error is not None:
        return msgspec.structs.replace(result, error=CommandError(ended.error))
    return result


class _TooLong(Exception):
    """It was let go before it should have been."""


class _Working:
    """Whether the action is at work, so that it has to be interrupted when the limit passes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = False

    def set(self, now: bool) -> None:
        with self._lock:
            self._now = now

    def expired(self) -> None:
        with self._lock:
            if self._now:
                interrupt()


def _wait(context: Context, barrier: Barrier, guard: Guard, deadline: float) -> None:
    context.progress.phase("barrier")
    while (answer := barrier.answer()) is None:
        if guard.ended is not None or context.clock.monotonic() >= deadline:
            raise SourceError(
                f"not all members of the session held still within {barrier.limit:g} seconds; this one has let go",
                hint="freezer session-show names the others; the barrier of the session is how long they may take",
            )
        context.clock.sleep(_POLL)
    if answer:
        raise SourceError(f"the members of the session did not hold still at one time: {answer}")


def _act(context: Context, guard: Guard, working: _Working, act: Callable[[], Result]) -> Result:
    """The action, after the others were ready."""
    if context.invocation.action == "restore":
        _check(guard.keep())
        return _finished(context, act())
    if context.settings.optional_text("still_until") == "released":
        _check(guard.let_go())
        return act()
    working.set(True)
    try:
        result = act()
        working.set(False)
        _check(guard.let_go())
    except BaseException:
        working.set(False)
        if guard.ended is not None and guard.ended.why == "limit":
            raise _TooLong from None
        raise
    return result


def _finished(context: Context, result: Result) -> Result:
    from freezer.agent import commands

    text = context.settings.optional_text("post_command")
    if result.error is not None or not text:
        return result
    try:
        commands.check(commands.run_pipeline(text, clock=context.clock, option="post_command"), option="post_command")
    except CommandError as error:
        return msgspec.structs.replace(result, error=error)
    return result


def _check(ended: Ended) -> None:
    if ended.why not in ("asked", "kept"):
        raise _TooLong


def _too_long(barrier: Barrier) -> SourceError:
    return SourceError(
        f"what is backed up did not hold still for as long as it had to: the barrier lets go after {barrier.limit:g} "
        "seconds",
        hint="a longer barrier of the session, or a snapshot in --pre-command and --still-until released",
    )
