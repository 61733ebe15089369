"""What a command of ``freezer-manage`` is, and what it is given."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from freezer.api.config import ApiSettings, find_files, read_settings
from freezer.api.store.elastic.place import Place
from freezer.clock import SystemClock
from freezer.cmd.output import Output
from freezer.errors import UsageError
from freezer.secret import Secret

if TYPE_CHECKING:
    from freezer.api.server import Tables


@dataclass(frozen=True, slots=True)
class Context:
    """``given``: the options of the command line."""

    given: argparse.Namespace
    output: Output

    def settings(self) -> ApiSettings:
        """The server's configuration; what has no effect in it is told."""
        settings = read_settings(self.given.config_file or find_files(os.path.expanduser("~"), "/etc"))
        for notice in settings.notices:
            self.output.notice(notice)
        return settings

    def database(self) -> str:
        """The URL of the database that is meant; UsageError if it is none of SQL."""
        place = self.place()
        if place is not None:
            hint = "this command needs an SQL database: name one with --database"
            raise UsageError(f"records are kept in {place.shown()}", hint=hint)
        named: str | None = self.given.database
        return named or self.settings().database

    def place(self) -> Place | None:
        """Where records are kept if that is no SQL database."""
        return self.whole().place

    def whole(self) -> ApiSettings:
        """The server's configuration with the database that is meant; nothing but that if it is named."""
        named: str | None = self.given.database
        return ApiSettings(database=named) if named else self.settings()

    def merged(self) -> ApiSettings:
        """The server's configuration, with the database that is meant."""
        named: str | None = self.given.database
        settings = self.settings()
        return replace(settings, database=named, elastic=None) if named else settings

    @contextmanager
    def tables(self) -> Iterator[Tables]:
        """The store that is meant, whichever it is."""
        from freezer.api.server import open_tables

        tables = open_tables(self.whole(), SystemClock(), connections=1)
        try:
            yield tables
        finally:
            tables.close()

    def password(self, whose: str) -> Secret:
        """A new password: asked for twice on a terminal, else the first line of standard input."""
        if not sys.stdin.isatty():
            line = sys.stdin.readline().rstrip("\r\n")
            return Secret.from_text(_not_empty(line))
        first = _not_empty(getpass.getpass(f"New password of {whose}: "))
        if getpass.getpass("The same again: ") != first:
            raise UsageError("the two passwords are not the same")
        return Secret.from_text(first)


def _not_empty(password: str) -> str:
    if not password:
        raise UsageError("the password is empty", hint="type one, or give it on standard input")
    return password


def _no_options(_parser: argparse.ArgumentParser) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Command:
    """``words``: one, or a group and a verb in it. ``act`` returns when it is done, or raises."""

    words: tuple[str, ...]
    help: str
    act: Callable[[Context], None]
    add: Callable[[argparse.ArgumentParser], None] = _no_options
