"""One action with what surrounds it: priority, and the commands before, after and on failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from freezer.agent import commands
from freezer.agent.backup import backup
from freezer.agent.context import Context
from freezer.agent.looking import check, info, list_action, show
from freezer.agent.prune import admin
from freezer.agent.restore import restore
from freezer.agent.result import Result
from freezer.agent.running import check_storage, exec_action
from freezer.errors import FreezerError

ACTIONS: Mapping[str, Callable[[Context], Result]] = {
    "backup": backup,
    "restore": restore,
    "list": list_action,
    "show": show,
    "info": info,
    "check": check,
    "admin": admin,
    "check-storage": check_storage,
    "exec": exec_action,
}


def perform(context: Context) -> Result:
    """Do what the invocation asks for.

    ``--pre-command`` comes first and ends the run if it fails; ``--post-command`` comes after success; ``--on-failure``
    after anything else, and its own failure is only a notice. A dry run runs none of them.
    """
    settings = context.settings
    if settings.flag("max_priority"):
        from freezer.agent.priority import raise_priority

        for notice in raise_priority():
            context.notice(notice)
    if settings.flag("dry_run"):
        return ACTIONS[context.invocation.action](context)
    try:
        _command(context, "pre_command")
        result = ACTIONS[context.invocation.action](context)
        _command(context, "post_command")
    except BaseException:
        try:
            _command(context, "on_failure")
        except FreezerError as error:
            context.notice(error.message)
        raise
    return result


def _command(context: Context, option: str) -> None:
    text = context.settings.optional_text(option)
    if text:
        commands.check(commands.run_pipeline(text, clock=context.clock, option=option), option=option)
