"""The action ``list``: the backups of a container, whichever engine has made them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freezer.agent.context import Context
from freezer.agent.places.combining import in_each
from freezer.agent.places.opening import opened, sections_of
from freezer.agent.places.place import Place
from freezer.agent.presence import has_repository
from freezer.agent.result import Result

if TYPE_CHECKING:
    from freezer.agent.dedup.opening import Opened
    from freezer.container.catalogue import Catalogue


def run(context: Context) -> Result:
    """The backups of the container, or of each."""
    with opened(context, sections_of(context)) as places:
        return in_each(places, lambda place: _list(context, place))


def _list(context: Context, place: Place) -> Result:
    def levels(catalogue: Catalogue) -> Result:
        from freezer.agent.stored.listing import list_levels

        return list_levels(context, catalogue)

    if not has_repository(context, place.storage):
        from freezer.agent.stored.choose import open_catalogue

        return levels(open_catalogue(place.storage))
    from freezer.agent.dedup.listing import list_repository
    from freezer.agent.dedup.worlds import in_both

    def ours(found: Opened, both: bool) -> Result:
        return list_repository(context, found, both=both)

    return in_both(context, place.storage, ours, levels)
