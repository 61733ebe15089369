"""The command line of ``freezer-scheduler``: the table's options in all their spellings, those of oslo.log, and those
of the commands on the API."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from freezer.cmd.globals import add_global_options
from freezer.log.keys import LOG_FLAGS, LOG_TEXTS
from freezer.scheduler.keys import KEYS, Key

_OWN_LOG = {"--log-file", "--debug"}  # Globals have them


def make_parser(description: str, actions: Sequence[str], *, versioned: bool) -> argparse.ArgumentParser:
    """``versioned``: only the version is asked for."""
    parser = argparse.ArgumentParser(
        prog="freezer-scheduler",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=description,
        epilog="The program freezer has the commands on the API, and more.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("action", choices=actions, metavar="ACTION", nargs="?" if versioned else None)
    add("what", nargs="*", metavar="WHAT", help="files to validate, or the job to run")
    _add_daemon(parser)
    add("-j", "--job", "--job-id", dest="job_id", metavar="ID", help="the job")
    add("-s", "--session", "--session-id", dest="session_id", metavar="ID", help="the session")
    add("--file", metavar="FILE", help="the file to read from or to write to")
    add("-a", "--active-only", action="store_true", help="only jobs that are not completed")
    add("--all", action="store_true", help="jobs of all clients")
    add("-l", "--long", action="store_true", help="more columns (backup-list)")
    add_global_options(parser)
    _add_aliases(parser)
    return parser


def given_keys(options: argparse.Namespace) -> dict[str, str]:
    """What the command line says of the table's options, by their names."""
    told = {key.name: getattr(options, _place(key), None) for key in KEYS if key.section != "service_auth"}
    told |= {key.name: getattr(options, key.name.lower()) for key in KEYS if key.section == "service_auth"}
    given = {name: value for name, value in told.items() if value is not None}
    return given | ({"insecure": "true"} if options.insecure else {})


def given_log(options: argparse.Namespace) -> dict[str, str]:
    """What it says of the log, by oslo.log's keys."""
    told = {key: getattr(options, f"log_{key}", None) for key in (*LOG_TEXTS, *LOG_FLAGS)}
    told |= {"log_file": options.log_file, "debug": "true" if options.debug else None}
    return {key: value for key, value in told.items() if value is not None}


def _add_daemon(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the daemon")
    files: dict[str, Any] = {"action": "append", "type": os.path.abspath, "default": []}
    group.add_argument("--config-file", **files, metavar="FILE", help="read this file in the place of the usual ones")
    group.add_argument("--config-dir", **files, metavar="DIR", help="the same of a directory of *.conf files")
    for key in KEYS:
        if key.section == "service_auth" or key.name == "insecure":
            continue  # Globals have them
        note = key.note or key.default
        help = key.help + (f" (default: {note})" if note else "") + (f"; {key.idle}" if key.idle else "")
        if key.kind == "flag":
            spellings = (key.option, *key.spellings)
            group.add_argument(*spellings, dest=_place(key), action="store_const", const="true", help=help)
            opposite = [_opposite(each) for each in spellings if each.startswith("--")]
            group.add_argument(*opposite, dest=_place(key), action="store_const", const="false", help="the contrary")
        else:
            metavar = key.key.upper().rpartition("_")[2]
            group.add_argument(key.option, *key.spellings, dest=_place(key), metavar=metavar, help=help)
    for name, dest in (*LOG_TEXTS.items(), *LOG_FLAGS.items()):
        option = f"--{name.replace('_', '-')}"
        if option in _OWN_LOG:
            continue
        if name in LOG_FLAGS:
            group.add_argument(option, dest=f"log_{name}", action="store_const", const="true", help=argparse.SUPPRESS)
            group.add_argument(
                _opposite(option), dest=f"log_{name}", action="store_const", const="false", help=argparse.SUPPRESS
            )
        else:
            group.add_argument(option, dest=f"log_{name}", metavar="TEXT", help=f"of the log: its {dest}")


def _add_aliases(parser: argparse.ArgumentParser) -> None:
    """Spellings of the global options that 19.0.0's scheduler has besides."""
    add = parser.add_argument
    add("-d", dest="debug", action="store_true", help=argparse.SUPPRESS)
    add("--scheduler-insecure", dest="insecure", action="store_true", help=argparse.SUPPRESS)
    for key in KEYS:
        if key.section == "service_auth":
            known = f"--{key.name.lower().replace('_', '-')}"
            others = [each for each in (key.option, *key.spellings) if each != known]
            add(*others, dest=key.name.lower(), metavar="TEXT", help=argparse.SUPPRESS)


def _place(key: Key) -> str:
    return f"{key.section}_{key.name}" if key.name not in {"client_id", "jobs_dir"} else key.name


def _opposite(spelling: str) -> str:
    """As oslo.config spells it: ``--scheduler-nono-api``, ``--nono-api``."""
    prefix = "--scheduler-"
    return f"{prefix}no{spelling.removeprefix(prefix)}" if spelling.startswith(prefix) else f"--no{spelling[2:]}"
