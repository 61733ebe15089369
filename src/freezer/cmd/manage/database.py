"""``freezer-manage db …``: the tables."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from freezer.clock import SystemClock
from freezer.cmd.manage.command import Command, Context
from freezer.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from freezer.api.store.elastic.place import Place
    from freezer.api.store.elastic.wire import Wire

_DAY = 86_400


def synchronise(context: Context, url: str, *, expand_only: bool = False) -> None:
    """Make the tables of ``url``, or bring them up to date, and print their version."""
    from freezer.api.store.sql.migrate import expand, upgrade

    with _opened(url) as engine:
        if expand_only:
            expand(engine)
        else:
            upgrade(engine)
        _print_version(context, engine)


@contextmanager
def _opened(url: str) -> Iterator[Engine]:
    from freezer.api.store.sql.engine import explained, open_engine

    engine = open_engine(url)
    try:
        with explained():
            yield engine
    finally:
        engine.dispose()


def _print_version(context: Context, engine: Engine) -> None:
    from freezer.api.store.sql.migrate import version

    with engine.connect() as connection:
        context.output.text(f"{version(connection) or 'none'}\n")


def synchronise_index(context: Context, place: Place) -> None:
    """Make the index, or bring its mapping up to date, and print the number of its form."""
    from freezer.api.store.elastic.index import prepare

    with _asked(place) as wire:
        context.output.text(f"{prepare(wire)}\n")


@contextmanager
def _asked(place: Place) -> Iterator[Wire]:
    from freezer.api.store.elastic.wire import Wire

    wire = Wire(place, SystemClock())
    try:
        yield wire
    finally:
        wire.close()


def synchronise_any(context: Context, *, expand_only: bool = False) -> None:
    """Make the tables or the index of the store that is meant, or bring them up to date."""
    place = context.place()
    if place is not None:
        synchronise_index(context, place)
    else:
        synchronise(context, context.database(), expand_only=expand_only)


def _sync(context: Context) -> None:
    synchronise_any(context, expand_only=context.given.expand)


def _update(context: Context) -> None:
    synchronise_any(context)


def _upgrade(context: Context) -> None:
    from freezer.api.store.sql.migrate import upgrade

    with _opened(context.database()) as engine:
        upgrade(engine, context.given.to)
        _print_version(context, engine)


def _downgrade(context: Context) -> None:
    _go_down(context, context.given.to)


def _remove(context: Context) -> None:
    from freezer.api.store.elastic.index import remove

    place = context.place()
    if place is None:
        _go_down(context, "base")
        return
    with _asked(place) as wire:
        remove(wire)
    context.output.text("none\n")


def _go_down(context: Context, to: str) -> None:
    from freezer.api.store.sql.migrate import downgrade

    with _opened(context.database()) as engine:
        downgrade(engine, to)
        _print_version(context, engine)


def _version(context: Context) -> None:
    from freezer.api.store.elastic.index import form_of

    place = context.place()
    if place is not None:
        with _asked(place) as wire:
            context.output.text(f"{form_of(wire) or 'none'}\n")
        return
    with _opened(context.database()) as engine:
        _print_version(context, engine)


def _purge(context: Context) -> None:
    days: int = context.given.older_than
    if days < 0:
        raise UsageError("--older-than takes a number of days")
    with context.tables() as tables:
        before = int(SystemClock().now()) - days * _DAY
        context.output.text(f"{tables.write(lambda unit: unit.forget_answers(before))}\n")


def _restored(context: Context) -> None:
    from freezer.api.store.elastic.store import ElasticStore
    from freezer.api.store.sql.migrate import restored

    place = context.place()
    if place is not None:
        with _asked(place) as wire:
            context.output.text(f"{ElasticStore(wire, SystemClock()).restored()}\n")
        return
    with _opened(context.database()) as engine:
        context.output.text(f"{restored(engine, SystemClock())}\n")


def _add_expand(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--expand", action="store_true", help="only as far as the servers that run now can follow")
    how.add_argument("--contract", action="store_true", help="all of it, once no old server runs (default)")


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("to", nargs="?", default="head", metavar="VERSION", help="a version, or head (default)")


def _add_down(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("to", metavar="VERSION", help="a version, or base, which removes the tables")


def _add_days(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--older-than", type=int, default=1, metavar="DAYS", help="keep what is younger (1)")


COMMANDS = (
    Command(("db", "sync"), "make the tables, or bring them up to date", _sync, _add_expand),
    Command(("db", "update"), "the same, by the original's other name", _update),
    Command(("db", "upgrade"), "bring the tables up to a version", _upgrade, _add_up),
    Command(("db", "downgrade"), "take the tables back to a version", _downgrade, _add_down),
    Command(("db", "remove"), "remove the tables with all that is in them", _remove),
    Command(("db", "version"), "print the version of the tables", _version),
    Command(("db", "purge"), "forget answers kept for Idempotency-Key", _purge, _add_days),
    Command(("db", "restored"), "say that the database was restored from a copy of an earlier day", _restored),
)
