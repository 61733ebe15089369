"""The help texts, made from the table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from freezer.options.spec import ACTIONS, Kind, Option
from freezer.options.table import GROUPS, OPTIONS

_WIDTH = 100
_COLUMN = 34

_INTRODUCTION = """\
freezer-agent ACTION [options]
freezer-agent --action ACTION [options]

Back up a directory to a directory, look at what is there, and bring it back:

  freezer-agent backup  --storage local -C /srv/backups -N home -F /home
  freezer-agent backup  --storage local -C /srv/backups -N home -F /home --max-level 6
  freezer-agent list    --storage local -C /srv/backups
  freezer-agent restore --storage local -C /srv/backups -N home --restore-abs-path /tmp/home

The first backup of a name is full (level 0). With --incremental, or a level option, the next ones hold what has
changed since; --max-level 6 makes a full one after every six. For anything new a repository is better: every backup
in it is a full one, and nothing is stored twice:

  freezer-agent init    --storage local -C /srv/backups --encrypt-pass-file ~/.freezer/passphrase
  freezer-agent backup  --storage local -C /srv/backups --encrypt-pass-file ~/.freezer/passphrase \\
                        --engine dedup -N home -F /home
"""

_ENDING = """\
Options also come from freezer-agent.conf in ~/.freezer or /etc/freezer, from the environment (OS_DEFAULT__MAX_LEVEL for
--max-level) and from an INI job file (--config); the command line wins. Sizes and rates take K, M, G, T; long options
can be shortened while they stay unique.

Exit codes: 0 complete, 1 failed, 2 wrong use, 3 complete except for some items, which are listed.
"""

_EXAMPLES = {
    "backup": "freezer-agent backup --storage local -C /srv/backups -N home -F /home --incremental",
    "restore": "freezer-agent restore --storage local -C /srv/backups -N home --restore-abs-path /tmp/home",
    "list": "freezer-agent list --storage local -C /srv/backups",
    "show": "freezer-agent show --storage local -C /srv/backups -N home",
    "info": "freezer-agent info --storage local -C /srv/backups -l",
    "check": "freezer-agent check --storage local -C /srv/backups -N home --read-data",
    "copy": "freezer-agent copy --storage local -C /srv/backups --to-container /mnt/second --dry-run",
    "admin": "freezer-agent admin --storage local -C /srv/backups -N home --remove-older-than 30 --dry-run",
    "init": "freezer-agent init --storage local -C /srv/backups --encrypt-pass-file ~/.freezer/passphrase",
    "forget": "freezer-agent forget --storage local -C /srv/backups -N home --keep-daily 7 --keep-monthly 12 --dry-run",
    "prune": "freezer-agent prune --storage local -C /srv/backups --dry-run",
    "hold": "freezer-agent hold --storage local -C /srv/backups --id 06vq --hold-until 2027-01-01T00:00:00Z",
    "release": "freezer-agent release --storage local -C /srv/backups --id 06vq",
    "drill": "freezer-agent drill --storage local -C /srv/backups -N home --sample 500",
    "key-add": "freezer-agent key add --storage local -C /srv/backups --new-pass-file ~/.freezer/second",
    "key-remove": "freezer-agent key remove --storage local -C /srv/backups --key-label laptop",
    "key-list": "freezer-agent key list --storage local -C /srv/backups",
    "check-storage": "freezer-agent check-storage --storage local -C /srv/backups",
    "exec": "freezer-agent exec --command 'systemctl stop mydb'",
}


def overview() -> str:
    """``freezer-agent --help``: how to use it, the actions, every option by group, the exit codes."""
    actions = "".join(f"  {name:<15}{text}\n" for name, text in ACTIONS.items())
    return "\n".join(
        (
            _INTRODUCTION,
            f"Actions (freezer-agent ACTION --help shows the options of one):\n{actions}",
            _grouped(option for option in OPTIONS if not option.config_only and not option.unbuilt),
            _unbuilt(option for option in OPTIONS if not option.config_only and option.unbuilt),
            _ENDING,
        )
    )


def action_help(action: str) -> str:
    """``freezer-agent ACTION --help``: the options of one action."""
    options = [each for each in OPTIONS if each.belongs_to(action) and not each.config_only and each.name != "action"]
    return "\n".join(
        (
            f"freezer-agent {action} [options]: {ACTIONS[action]}\n\n  {_EXAMPLES[action]}\n",
            _grouped(each for each in options if not each.unbuilt),
            _unbuilt(each for each in options if each.unbuilt),
            _ENDING,
        )
    )


def _unbuilt(options: Iterable[Option]) -> str:
    """The options that this build only knows by name."""
    names = " ".join(each.spelling for each in options)
    title = "Options whose part this build does not have yet:\n"
    return title + textwrap.indent(textwrap.fill(names, _WIDTH - 2, break_on_hyphens=False), "  ") + "\n"


def _grouped(options: Iterable[Option]) -> str:
    chosen = list(options)
    sections = (
        f"{title}:\n" + "".join(_entry(each) for each in chosen if each.group == group)
        for group, title in GROUPS.items()
        if any(each.group == group for each in chosen)
    )
    return "\n".join(sections)


def _entry(option: Option) -> str:
    left = f"  {f'-{option.short}, ' if option.short else '    '}{usage(option)}"
    lines = textwrap.wrap(" ".join((option.help, *remarks(option))), _WIDTH - _COLUMN, break_on_hyphens=False)
    if len(left) >= _COLUMN - 1:
        return "\n".join((left, *(" " * _COLUMN + line for line in lines))) + "\n"
    first, *rest = lines
    return "\n".join((f"{left:<{_COLUMN}}{first}", *(" " * _COLUMN + line for line in rest))) + "\n"


def usage(option: Option) -> str:
    """The main spelling with what follows it: ``--max-level N``, ``--[no]sync``."""
    if option.kind is Kind.FLAG and option.default == "true":
        return f"--[no-]{option.spelling[2:]}"
    if not option.takes_value:
        return option.spelling
    if option.implied:
        return f"{option.spelling} [{option.metavar or _METAVARS[option.kind]}]"
    return f"{option.spelling} {option.metavar or _METAVARS[option.kind]}"


_METAVARS = {
    Kind.TEXT: "TEXT",
    Kind.PATH: "PATH",
    Kind.INTEGER: "N",
    Kind.DAYS: "DAYS",
    Kind.SHARE: "N%",
    Kind.SIZE: "SIZE",
    Kind.RATE: "RATE",
    Kind.CHOICE: "WORD",
    Kind.DATE: "DATE",
    Kind.SECRET: "TEXT",
}


def remarks(option: Option) -> list[str]:
    """Choices and default, each in brackets."""
    result: list[str] = []
    if option.choices:
        result.append(f"[{' '.join(option.choices)}]")
    if option.default_note:
        result.append(f"[default: {option.default_note}]")
    elif option.default is not None and option.takes_value and option.default != "-1":
        result.append(f"[default: {option.default}]")
    return result
