"""``freezer-manage housekeep``: one round of the housekeeper, for servers that run no threads of their own."""

from __future__ import annotations

from msgspec.structs import replace

from freezer.api.housekeeper.office import elected, me
from freezer.api.housekeeper.steps import take_round
from freezer.api.housekeeper.work import Work
from freezer.api.server import open_kept
from freezer.clock import SystemClock
from freezer.cmd.manage.command import Command, Context
from freezer.errors import FreezerError

_SECONDS = 600


def _housekeep(context: Context) -> None:
    clock, settings = SystemClock(), context.merged()
    settings = settings if settings.auth or settings.keystone else replace(settings, auth="none")
    kept = open_kept(settings, clock, connections=1)
    kept.tables.check()
    work, holder = Work.of(settings, kept.store, clock, kept.trusts), me()
    if not elected(work, holder, _SECONDS):
        context.output.text("another server keeps house\n")
        return
    try:
        done = take_round(work)
    finally:
        elected(work, holder, 0)
    context.output.text("".join(f"{name}: {'failed' if count is None else count}\n" for name, count in done.items()))
    if None in done.values():
        raise FreezerError("not every step of housekeeping could be done", hint="the log says why")


COMMANDS = (Command(("housekeep",), "do what the server does every minute, once", _housekeep),)
