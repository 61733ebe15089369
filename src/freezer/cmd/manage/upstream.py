"""``freezer-manage import-upstream``: what the original's API keeps."""

from __future__ import annotations

import argparse

from freezer.clock import SystemClock
from freezer.cmd.manage.command import Command, Context

_COLUMNS = ("table", "rows", "removed", "new", "changed", "same", "kept", "doubled", "joined")


def _import(context: Context) -> None:
    from freezer.api.store.known import Known
    from freezer.api.store.sql.engine import explained, open_engine, open_foreign
    from freezer.api.store.sql.store import SqlStore
    from freezer.api.upstream.importing import Import, read_projects
    from freezer.api.upstream.source import opened
    from freezer.crypto.keyring import KeyRing

    given, clock = context.given, SystemClock()
    projects = read_projects(given.project_of_user) if given.project_of_user else {}
    foreign, engine = open_foreign(given.url), open_engine(context.database())
    try:
        with explained(), opened(foreign) as source:
            store = SqlStore(engine, clock, Known(ring=KeyRing(context.settings().trust_keys)))
            store.check()
            run = Import(source, store, projects, int(clock.now()))
            counts = run.run()
    finally:
        foreign.dispose()
        engine.dispose()
    for notice in run.notices:
        context.output.warning(notice)
    lines = [_COLUMNS, *([str(getattr(count, key)) for key in _COLUMNS] for count in counts)]
    for line in lines:
        context.output.text(f"{line[0]:18}" + "".join(f"{cell:>9}" for cell in line[1:]) + "\n")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="the original's database; it is only read")
    parser.add_argument(
        "--project-of-user", metavar="FILE", help="lines 'USER PROJECT', for rows that belong to no project"
    )


COMMANDS = (Command(("import-upstream",), "take over the records of OpenStack Freezer's API", _import, _options),)
