"""``freezer-manage``, and ``freezer-db-init``, which the first API had in its place."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from freezer.cmd.exit import run
from freezer.cmd.manage import catalogue, database, housekeeping, people, tenancy, upstream
from freezer.cmd.manage.command import Command, Context
from freezer.cmd.output import Output
from freezer.errors import EXIT_OK

COMMANDS: tuple[Command, ...] = (
    *database.COMMANDS,
    *people.COMMANDS,
    *tenancy.COMMANDS,
    *catalogue.COMMANDS,
    *upstream.COMMANDS,
    *housekeeping.COMMANDS,
)

_GROUPS = {
    "db": "the tables",
    "user": "users of HTTP Basic",
    "token": "tokens of these users",
    "audit": "who did what",
    "keystone": "OpenStack's catalogue of services",
}


def main(argv: Sequence[str] | None = None) -> int:
    """``freezer-manage``."""
    return _main("freezer-manage", manage_parser(), lambda context: context.given.command.act(context), argv)


def main_db_init(argv: Sequence[str] | None = None) -> int:
    """``freezer-db-init``."""
    return _main("freezer-db-init", _init_parser(), _init, argv)


def _main(
    program: str, parser: argparse.ArgumentParser, act: Callable[[Context], None], argv: Sequence[str] | None
) -> int:
    output = Output(program=program)
    given = parser.parse_args(sys.argv[1:] if argv is None else argv)
    output.configure(output.form, debug=given.debug)

    def work() -> int:
        act(Context(given, output))
        return EXIT_OK

    return run(work, output, logging.getLogger("freezer"))


def manage_parser() -> argparse.ArgumentParser:
    """Reads the command line of ``freezer-manage``."""
    parser = _common("freezer-manage", "Manage what freezer-api keeps, and who may use it.")
    _add_place(parser, None)
    firsts = parser.add_subparsers(dest="first", required=True, metavar="COMMAND")
    groups = {
        name: firsts.add_parser(name, help=help).add_subparsers(dest="second", required=True, metavar="COMMAND")
        for name, help in _GROUPS.items()
    }
    for command in COMMANDS:
        *group, verb = command.words
        into = groups[group[0]] if group else firsts
        each = into.add_parser(verb, help=command.help, description=command.help.capitalize() + ".")
        command.add(each)
        # Said after the command it means the same.
        _add_place(each, argparse.SUPPRESS)
        each.set_defaults(command=command)
    return parser


def _add_place(parser: argparse.ArgumentParser, default: str | None) -> None:
    where = "where records are kept, if not where the configuration says"
    parser.add_argument("--database", metavar="URL", default=default, help=where)
    if default is not None:
        _add_files(parser, default)


def _add_files(parser: argparse.ArgumentParser, default: str | None) -> None:
    what = "read this file; may be given several times"
    parser.add_argument("--config-file", action="append", metavar="FILE", default=default, help=what)


def _common(program: str, what: str) -> argparse.ArgumentParser:
    from freezer import __version__

    parser = argparse.ArgumentParser(program, description=what, allow_abbrev=False)
    _add_files(parser, None)
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _init_parser() -> argparse.ArgumentParser:
    parser = _common("freezer-db-init", "Make the tables of freezer-api, or its index, or bring them up to date.")
    parser.add_argument(
        "place", nargs="?", metavar="db-host", help="URL of the database, or the host of the configured one"
    )
    parser.set_defaults(database=None)
    return parser


def _init(context: Context) -> None:
    place: str | None = context.given.place
    if place is None or "://" in place:
        context.given.database = place
        database.synchronise_any(context)
        return
    index = context.place()
    if index is not None:
        database.synchronise_index(context, index.on_host(place))
        return
    from freezer.api.store.sql.engine import on_host

    database.synchronise(context, on_host(context.database(), place))
