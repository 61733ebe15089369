"""``freezer-manage rotate-keys`` and ``freezer-manage audit purge``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from freezer.clock import SystemClock
from freezer.cmd.manage.command import Command, Context
from freezer.errors import UsageError

if TYPE_CHECKING:
    from freezer.api.config import ApiSettings
    from freezer.crypto.keyring import KeyRing

_KEPT = 2
"""The new key, and the one before for servers that have not read the new one yet."""


def _rotate(context: Context) -> None:
    from freezer.crypto.keyring import KeyRing

    settings = context.merged()
    ring = KeyRing(settings.trust_keys)
    ring.add()
    done, lost = _resealed(settings, ring)
    ring.keep(_KEPT)
    if lost:
        context.output.notice(f"{lost} trusts cannot be opened with any key of {settings.trust_keys}")
    context.output.text(f"{done}\n")


def _resealed(settings: ApiSettings, ring: KeyRing) -> tuple[int, int]:
    """How many ids were sealed anew, and how many no key opens."""
    from freezer.api.store.elastic.store import ElasticStore
    from freezer.api.store.elastic.wire import Wire
    from freezer.api.store.known import Known
    from freezer.api.store.sql.engine import WRITING, explained, open_engine
    from freezer.api.store.sql.trusts import reseal

    if settings.place is not None:
        clock = SystemClock()
        store = ElasticStore(Wire(settings.place, clock), clock, Known(ring=ring))
        return store.write(lambda unit: unit.trusts.reseal())
    engine = open_engine(settings.database)
    try:
        with explained(), engine.execution_options(**{WRITING: True}).begin() as connection:
            return reseal(connection, ring)
    finally:
        engine.dispose()


def _purge(context: Context) -> None:
    from freezer.api.service.audit import forget

    settings = context.settings()
    days = settings.audit_days if context.given.older_than is None else context.given.older_than
    if days < 0:
        raise UsageError("--older-than takes a number of days")
    with context.tables() as tables:
        context.output.text(f"{forget(tables, int(SystemClock().now()), days)}\n")


def _add_days(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--older-than", type=int, metavar="DAYS", help="keep what is younger (as configured)")


COMMANDS = (
    Command(("rotate-keys",), "seal the ids of trusts with a new key, and forget all but the one before it", _rotate),
    Command(("audit", "purge"), "forget what was done long ago", _purge, _add_days),
)
