"""Migrations: the way of a database from one version of the tables to another, by Alembic.

Versions are numbers of four digits, in one line. A migration *expands* if servers that know only the version before
can go on working; one that *contracts* takes away what they need, and says so by ``contracts = True``. Only servers
that know the last contracting version, or a later one, may work on the tables after it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect, select, update
from sqlalchemy.exc import DBAPIError

from freezer.api.store.sql.catch_up import catch_up
from freezer.api.store.sql.engine import WRITING, again
from freezer.api.store.sql.tables import installation
from freezer.clock import Clock
from freezer.errors import FreezerError, UsageError

SCRIPTS = str(Path(__file__).parent)
HEAD = max(name[1:5] for name in os.listdir(Path(SCRIPTS, "versions")) if name.startswith("v"))
"""The version of the tables that this program works with."""

VERSION_TABLE = "freezer_version"
_IN_TRANSACTIONS = frozenset({"sqlite", "postgresql"})
_TRIES = 5


def upgrade(engine: Engine, to: str = "head", *, scripts: str = SCRIPTS) -> None:
    """Bring the tables up to ``to``, and their rows up to date; nothing happens to what is so already."""

    def work(connection: Connection) -> None:
        _known(connection, scripts, to)
        command.upgrade(_config(connection, scripts), to)
        _note_contraction(connection, scripts)

    _change(engine, work)
    with engine.connect() as connection:
        current = version(connection) == HEAD
    if current:
        catch_up(engine)


def expand(engine: Engine, *, scripts: str = SCRIPTS) -> None:
    """Bring the tables as far up as the servers that work on them now can follow."""
    with engine.connect() as connection:
        at = version(connection) or ""
        steps = reversed(list(_directory(connection, scripts).walk_revisions()))
        ahead = [step for step in steps if step.revision > at]
    goal = at
    for step in ahead:
        if at and getattr(step.module, "contracts", False):
            break
        goal = step.revision
    if goal and goal != at:
        upgrade(engine, goal, scripts=scripts)


def downgrade(engine: Engine, to: str, *, scripts: str = SCRIPTS) -> None:
    """Take the tables back to ``to``; ``base`` removes them."""

    def work(connection: Connection) -> None:
        _known(connection, scripts, to)
        command.downgrade(_config(connection, scripts), to)
        _note_contraction(connection, scripts)

    _change(engine, work)


def _change(engine: Engine, work: Callable[[Connection], None]) -> None:
    """Change tables on which servers work. Where such a change is a transaction like any other, a deadlock with one of
    theirs undoes it, and it is done once more."""
    tries = _TRIES if engine.dialect.name in _IN_TRANSACTIONS else 1
    while True:
        tries -= 1
        try:
            with engine.execution_options(**{WRITING: True}).begin() as connection:
                return work(connection)
        except DBAPIError as error:
            if not tries or not again(error):
                raise


def version(connection: Connection) -> str | None:
    """The version of the tables; None before the first."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def make_first(engine: Engine) -> bool:
    """Make the tables of a database that is a file with nothing in it, which nobody else can have meant otherwise;
    whether there was something to be made."""
    if engine.dialect.name != "sqlite":
        return False
    with engine.connect() as connection:
        if inspect(connection).get_table_names():
            return False
    upgrade(engine)
    return True


def check_version(connection: Connection) -> None:
    """FreezerError unless servers of this version can work on the tables."""
    found = version(connection)
    if found is None or found < HEAD or not inspect(connection).has_table("client"):
        hint = "run: freezer-manage db sync"
        raise FreezerError(f"the database has schema {found or 'none'}, but this version needs {HEAD}", hint=hint)
    if found > HEAD:
        serves = connection.execute(select(installation.c.serves)).scalar_one()
        if serves > HEAD:
            message = f"the database has schema {found}, which serves {serves} and later; this version knows {HEAD}"
            raise FreezerError(message, hint="install the release that the database was made ready for")


def restored(engine: Engine, clock: Clock) -> int:
    """Begin a new incarnation, because the database is a copy of an earlier day; its number."""
    with engine.execution_options(**{WRITING: True}).begin() as connection:
        before = connection.execute(select(installation.c.incarnation).with_for_update()).scalar_one()
        # The clock, because the copy does not know how many incarnations came after it.
        number = max(int(before) + 1, int(clock.now()))
        connection.execute(update(installation).values(incarnation=number))
    return number


def _note_contraction(connection: Connection, scripts: str) -> None:
    """Keep which servers the tables serve, as soon as there is a place for that."""
    at = version(connection)
    if at is None or not inspect(connection).has_table(installation.name):
        return
    steps = _directory(connection, scripts).walk_revisions("base", at)
    last = max((each.revision for each in steps if getattr(each.module, "contracts", False)), default="0001")
    connection.execute(update(installation).values(serves=last))


def _known(connection: Connection, scripts: str, to: str) -> None:
    if to in {"head", "base"}:
        return
    try:
        _directory(connection, scripts).get_revision(to)
    except CommandError:
        raise UsageError(f"there is no version {to} of the tables; the latest is {HEAD}") from None


def _directory(connection: Connection, scripts: str) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(connection, scripts))


def _config(connection: Connection, scripts: str) -> Config:
    config = Config()
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
