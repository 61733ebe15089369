"""All commands."""

from __future__ import annotations

from collections.abc import Sequence

from freezer.cli import (
    actions,
    backups,
    clients,
    editing,
    jobs,
    operations,
    restoring,
    runs,
    schedules,
    searching,
    sessions,
    statistics,
    tenancy,
)
from freezer.cli.command import Command

COMMANDS: tuple[Command, ...] = (
    *jobs.COMMANDS,
    *editing.COMMANDS,
    *sessions.COMMANDS,
    *actions.COMMANDS,
    *clients.COMMANDS,
    *backups.COMMANDS,
    *runs.COMMANDS,
    *searching.COMMANDS,
    *schedules.COMMANDS,
    *operations.COMMANDS,
    *restoring.COMMANDS,
    *statistics.COMMANDS,
    *tenancy.COMMANDS,
)


def find_command(words: Sequence[str]) -> tuple[Command | None, list[str]]:
    """The command that ``words`` begin with (``job-list``, or ``job list``), and the words behind it; None and all
    words if there is none."""
    named = {command.name: command for command in COMMANDS}
    for length in (3, 2, 1):
        name = "-".join(words[:length])
        if len(words) >= length and name in named:
            return named[name], list(words[length:])
    return None, list(words)
