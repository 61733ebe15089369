"""Command classes for cliff, made of ours when they are asked for: ``JobList`` of ``job-list``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cliff.columns import FormattableColumn
from osc_lib import exceptions
from osc_lib.command import command as osc

from freezer.cli.cells import readable
from freezer.cli.command import Command, Context, Flow, Given, Listing, Record, Shown, Text, add_arguments
from freezer.cli.commands import COMMANDS
from freezer.clock import SystemClock
from freezer.errors import FreezerError
from freezer.log import escaped

if TYPE_CHECKING:
    from freezer.client import Api


def class_name(command: Command) -> str:
    """``JobList`` for ``job-list``."""
    return "".join(word.capitalize() for word in command.name.split("-"))


def words(command: Command) -> str:
    """What is typed for it behind ``openstack``: ``backup job list``; commands on backups have no further word."""
    return " ".join(["backup", *command.name.removeprefix("backup-").split("-")])


_BY_CLASS: Mapping[str, Command] = {class_name(command): command for command in COMMANDS}


def __getattr__(name: str) -> type:
    if name not in _BY_CLASS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    command = _BY_CLASS[name]
    bases = {Listing: (_Common, osc.Lister), Record: (_Common, osc.ShowOne)}
    body = {"spec": command, "__doc__": command.help, "__module__": __name__}
    made = type(name, bases.get(command.shows, (_Common, osc.Command)), body)
    globals()[name] = made
    return made


class _Common:
    """What all of them do; ``spec`` is the command."""

    spec: Command
    app: Any

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)  # type: ignore[misc]
        add_arguments(parser, self.spec.arguments)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> object:
        def api() -> Api:
            found: Api = self.app.client_manager.backup
            return found

        context = Context(api, SystemClock(), self._say, os.environ)
        try:
            return self._told(self.spec.run(context, Given(vars(parsed_args))))
        except FreezerError as error:
            hint = f"\nhint: {error.hint}" if error.hint else ""
            raise exceptions.CommandError(f"{error.message}{hint}") from error

    def _told(self, shown: Shown) -> object:
        if isinstance(shown, Listing):
            return shown.columns, [tuple(_column(cell) for cell in row) for row in shown.rows]
        if isinstance(shown, Record):
            return tuple(shown.pairs), tuple(_column(cell) for cell in shown.pairs.values())
        if isinstance(shown, Text):
            self.app.stdout.write(shown.text)
            return None
        if isinstance(shown, Flow):
            for text in shown.texts:
                self.app.stdout.write("\n".join(escaped(line) for line in text.split("\n")))
                self.app.stdout.flush()
            return None
        self._say(shown.message)
        return None

    def _say(self, message: str) -> None:
        self.app.LOG.info(message)


class _Structure(FormattableColumn[object]):
    """A cell that people read over several lines and programs as it is."""

    def human_readable(self) -> str:
        return readable(self._value)


def _column(cell: object) -> object:
    return _Structure(cell) if isinstance(cell, dict | list) else cell
