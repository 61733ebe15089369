"""One action with what surrounds it: priority, and the commands before, after and on failure."""

from __future__ import annotations

from importlib import import_module

import msgspec

from freezer.agent.context import Context
from freezer.agent.result import Result
from freezer.errors import CommandError, FreezerError


def _act(context: Context) -> Result:
    """The action itself. Its module is imported when it is needed and brings what it needs and no more: a scheduler
    starts this program often, and most of a small backup is imports."""
    module = import_module(f"freezer.agent.actions.{context.invocation.action.replace('-', '_')}")
    result: Result = module.run(context)
    return result


def perform(context: Context) -> Result:
    """Do what the invocation asks for.

    ``--pre-command`` comes first and ends the run if it fails; ``--post-command`` comes after success, and if it fails
    the result says so; ``--on-failure`` comes after anything else, and its own failure is only a notice. A dry run runs
    none of them. At a barrier the second comes in any case (:mod:`freezer.agent.together`).
    """
    settings = context.settings
    if settings.flag("max_priority"):
        from freezer.agent.priority import raise_priority

        for notice in raise_priority():
            context.notice(notice)
    if settings.flag("dry_run"):
        return _act(context)
    try:
        result = _surrounded(context)
    except BaseException:
        _on_failure(context)
        raise
    if result.error is not None:
        _on_failure(context)
    return result


def _surrounded(context: Context) -> Result:
    """The action with the commands before and after, alone or together with the other members of a session."""
    if context.barrier is not None:
        from freezer.agent.together import act_together

        def begin(seconds: float) -> None:
            _command(context, "pre_command", seconds)

        return act_together(context, context.barrier, begin, lambda: _act(context))
    _command(context, "pre_command")
    result = _act(context)
    return _after(context, result) if result.error is None else result


def _after(context: Context, result: Result) -> Result:
    """``--post-command``. What was done before it is done, and reported, however it ends."""
    try:
        _command(context, "post_command")
    except CommandError as error:
        return msgspec.structs.replace(result, error=error)
    return result


def _on_failure(context: Context) -> None:
    try:
        _command(context, "on_failure")
    except FreezerError as error:
        context.notice(error.message)


def _command(context: Context, option: str, timeout: float | None = None) -> None:
    text = context.settings.optional_text(option)
    if text:
        from freezer.agent import commands

        commands.check(commands.run_pipeline(text, clock=context.clock, option=option, timeout=timeout), option=option)
