"""``freezer --help``."""

from __future__ import annotations

import argparse

from freezer.cli.commands import COMMANDS
from freezer.cmd.globals import add_global_options
from freezer.cmd.standalone.program import COMMANDS as STANDALONE

_HEAD = """\
usage: freezer [options] COMMAND [arguments]

Jobs, sessions, actions, clients and backups of a Freezer API. "freezer help COMMAND" teaches a command.

"""
_TAIL = """
Each option that begins with --os- has a variable of the same name: OS_AUTH_URL, OS_CLOUD ... Without any of them the
API is asked that "freezer up" has made on this machine. Without Keystone, OS_BACKUP_URL alone is enough for an API on
this machine; with OS_USERNAME and OS_PASSWORD for one that asks for them.
"""


def overview() -> str:
    """All commands and all options of the program."""
    width = max(len(command.name) for command in COMMANDS)
    lines = [f"  {command.name.ljust(width)}  {command.help}" for command in COMMANDS]
    lines.append(f"  {'complete'.ljust(width)}  print completions for a shell: bash, zsh or fish")
    parser = argparse.ArgumentParser(prog="freezer", add_help=False, usage=argparse.SUPPRESS)
    add_global_options(parser)
    alone = [f"  {each.name.ljust(width)}  {each.help}" for each in STANDALONE.values()]
    return (
        _HEAD
        + "commands on this machine:\n"
        + "\n".join(alone)
        + "\n\ncommands on an API:\n"
        + "\n".join(lines)
        + "\n\n"
        + parser.format_help()
        + _TAIL
    )
