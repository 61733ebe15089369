"""The action ``check``: whether backups are complete and, with ``--read-data``, whether every byte can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freezer.agent.context import Context
from freezer.agent.places.combining import in_each
from freezer.agent.places.opening import opened, sections_of
from freezer.agent.places.place import Place
from freezer.agent.presence import has_repository
from freezer.agent.result import Result
from freezer.errors import UsageError

if TYPE_CHECKING:
    from freezer.agent.dedup.opening import Opened


def run(context: Context) -> Result:
    """Look at all backups chosen; damage is no end of that, but makes the result a failure."""
    with opened(context, sections_of(context)) as places:
        return in_each(places, lambda place: _check(context, place))


def _check(context: Context, place: Place) -> Result:
    if has_repository(context, place.storage):
        from freezer.agent.dedup.checking import check_repository
        from freezer.agent.dedup.worlds import in_both

        def ours(found: Opened, both: bool) -> Result:
            return check_repository(context, place, found, both=both)

        return in_both(context, place.storage, ours, lambda _: _check_levels(context, place))
    if 0 < context.settings.share("read_data") < 1:
        raise UsageError("only of a repository a share can be read: backups of engine tar are read as a whole")
    return _check_levels(context, place)


def _check_levels(context: Context, place: Place) -> Result:
    from freezer.agent.stored.checking import check_levels

    return check_levels(context, place)
