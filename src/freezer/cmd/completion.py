"""``freezer complete``: commands and options for the shells that complete them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from freezer.cli.command import Command, add_arguments
from freezer.cli.commands import COMMANDS
from freezer.cmd.formats.choose import add_format_options
from freezer.cmd.globals import add_global_options
from freezer.errors import UsageError

SHELLS = ("bash", "zsh", "fish")

_BASH = """\
# freezer: to be sourced, or to be put into /etc/bash_completion.d
_freezer() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} command= each
    for each in "${{COMP_WORDS[@]:1:$((COMP_CWORD - 1))}}"; do
        case $each in -*) ;; *) command=$each; break ;; esac
    done
    case $word in
    -*)
        case $command in
{cases}
        *) COMPREPLY=($(compgen -W "{options}" -- "$word")) ;;
        esac ;;
    *)
        if [ -z "$command" ]; then
            COMPREPLY=($(compgen -W "{commands}" -- "$word"))
        else
            COMPREPLY=($(compgen -f -- "$word"))
        fi ;;
    esac
}}
complete -o filenames -F _freezer freezer
"""


def completion(words: Sequence[str]) -> str:
    """The completion for the shell that ``words`` name (``bash``, or ``--shell bash``; bash if none)."""
    named = [word.removeprefix("--shell=") for word in words if word not in ("--shell", "--name", "freezer")]
    shell = named[0] if named else "bash"
    if shell not in SHELLS or len(named) > 1:
        raise UsageError(f"there is no completion for {' '.join(named)}, only for {', '.join(SHELLS)}")
    if shell == "fish":
        return _fish()
    bash = _bash()
    return bash if shell == "bash" else f"autoload -U +X bashcompinit && bashcompinit\n{bash}"


def _bash() -> str:
    everywhere = " ".join(_options())
    cases = "\n".join(
        f'        {command.name}) COMPREPLY=($(compgen -W "{" ".join(_options(command))}" -- "$word")) ;;'
        for command in COMMANDS
    )
    names = " ".join([*(command.name for command in COMMANDS), "complete", "help"])
    return _BASH.format(cases=cases, options=everywhere, commands=names)


def _fish() -> str:
    lines = ["complete -c freezer -n __fish_use_subcommand -f"]
    for command in COMMANDS:
        lines.append(f"complete -c freezer -n __fish_use_subcommand -a {command.name} -d {_quoted(command.help)}")
        condition = f"-n '__fish_seen_subcommand_from {command.name}'"
        lines += [f"complete -c freezer {condition} {option}" for option in _fish_options(_parser(command))]
    lines += [f"complete -c freezer {option}" for option in _fish_options(_parser())]
    return "\n".join(lines) + "\n"


def _fish_options(parser: argparse.ArgumentParser) -> list[str]:
    """The long options as fish wants to hear of them, which is told which of them have a value."""
    found = [
        f"-l {option[2:]}{'' if action.nargs == 0 else ' -r'}"
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--")
    ]
    return [*found, "-l help"]


def _options(command: Command | None = None) -> list[str]:
    """The options of a command, or (None) of the program."""
    return [*(option for action in _parser(command)._actions for option in action.option_strings), "--help"]


def _parser(command: Command | None = None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    if command is None:
        add_global_options(parser)
    else:
        add_arguments(parser, command.arguments)
        add_format_options(parser, command)
    return parser


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
