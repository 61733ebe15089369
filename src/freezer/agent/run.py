"""One action with what surrounds it: priority, and the commands before, after and on failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from freezer.agent.context import Context
from freezer.agent.result import Result
from freezer.errors import CommandError, FreezerError


def _backup(context: Context) -> Result:
    from freezer.agent.backup import backup

    return backup(context)


def _restore(context: Context) -> Result:
    from freezer.agent.restore import restore

    return restore(context)


def _list(context: Context) -> Result:
    from freezer.agent.looking import list_action

    return list_action(context)


def _show(context: Context) -> Result:
    from freezer.agent.looking import show

    return show(context)


def _info(context: Context) -> Result:
    from freezer.agent.looking import info

    return info(context)


def _check(context: Context) -> Result:
    from freezer.agent.checking import check

    return check(context)


def _admin(context: Context) -> Result:
    from freezer.agent.prune import admin

    return admin(context)


def _check_storage(context: Context) -> Result:
    from freezer.agent.running import check_storage

    return check_storage(context)


def _exec(context: Context) -> Result:
    from freezer.agent.running import exec_action

    return exec_action(context)


# Each imports what it needs and no more: a scheduler starts this program often, and most of a small backup is imports.
_ACTIONS: Mapping[str, Callable[[Context], Result]] = {
    "backup": _backup,
    "restore": _restore,
    "list": _list,
    "show": _show,
    "info": _info,
    "check": _check,
    "admin": _admin,
    "check-storage": _check_storage,
    "exec": _exec,
}


def perform(context: Context) -> Result:
    """Do what the invocation asks for.

    ``--pre-command`` comes first and ends the run if it fails; ``--post-command`` comes after success, and if it fails
    the result says so; ``--on-failure`` comes after anything else, and its own failure is only a notice. A dry run runs
    none of them.
    """
    settings = context.settings
    if settings.flag("max_priority"):
        from freezer.agent.priority import raise_priority

        for notice in raise_priority():
            context.notice(notice)
    if settings.flag("dry_run"):
        return _ACTIONS[context.invocation.action](context)
    try:
        _command(context, "pre_command")
        result = _ACTIONS[context.invocation.action](context)
        result = _after(context, result) if result.error is None else result
    except BaseException:
        _on_failure(context)
        raise
    if result.error is not None:
        _on_failure(context)
    return result


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


def _command(context: Context, option: str) -> None:
    text = context.settings.optional_text(option)
    if text:
        from freezer.agent import commands

        commands.check(commands.run_pipeline(text, clock=context.clock, option=option), option=option)
