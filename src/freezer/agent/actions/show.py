"""The action ``show``: the files of one backup. Which engine has made it is found out."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.places.opening import opened, sections_of
from freezer.agent.presence import has_repository
from freezer.agent.result import Result


def run(context: Context) -> Result:
    """The files of a backup, as a restore would bring them back."""
    with opened(context, sections_of(context)) as places:
        if len(places) == 1 and has_repository(context, places[0].storage):
            from freezer.agent.dedup.showing import show_if_chosen

            result = show_if_chosen(context, places[0].storage)
            if result is not None:
                return result
        from freezer.agent.stored.showing import show_levels

        return show_levels(context, places)
