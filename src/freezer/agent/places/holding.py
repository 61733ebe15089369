"""What a place holds, for an API whose records shall agree with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from freezer.agent.context import Context
from freezer.agent.places.place import Place
from freezer.decoding import convert
from freezer.model import inventory
from freezer.model.inventory import Holding, StoredBackup

_MOST = 20_000
_LONGEST = 4096  # characters that the API takes of a text
_NARROWING = ("backup_name", "tag")


def holdings(context: Context, place: Place, rows: Sequence[Mapping[str, object]]) -> tuple[Holding, ...]:
    """All that the place holds, which are ``rows`` of ``list``; nothing if only a part was asked for, or if they are
    too many to be told. Of a directory of this machine only the backups of its own name are told: others came there by
    another way, under which their reports have it."""
    settings, section = context.settings, place.section
    host, local = settings.text("hostname"), section.storage == "local"
    narrowed = any(settings.given(name) for name in _NARROWING)
    narrowed = narrowed or (settings.given("hostname") and not settings.flag("all_hosts") and not local)
    if narrowed or len(rows) > _MOST:
        return ()
    server = section.text("ssh_host") if section.storage == "ssh" else ""
    try:
        known = [convert({key: _short(value) for key, value in row.items()}, StoredBackup) for row in rows]
        where = inventory.Place(
            storage=section.storage, container=section.container, hostname=host if local else "", ssh_host=server
        )
    except msgspec.ValidationError as error:
        context.notice(f"{place.shown}: what it holds is not told to the API: {error}")
        return ()
    mine = tuple(each for each in known if not local or each.names(host)[0] == host)
    return (Holding(place=where, backups=mine, at=context.clock.now()),)


def _short(value: object) -> object:
    return value[:_LONGEST] if isinstance(value, str) else value
