"""The action ``restore``: one backup into one directory. Which engine has made it is found out."""

from __future__ import annotations

import os

from freezer.agent.context import Context
from freezer.agent.places.opening import opened, sections_of
from freezer.agent.presence import has_repository
from freezer.agent.result import Result


def run(context: Context) -> Result:
    """Restore the chosen backup (with ``--dry-run``: list what would be restored)."""
    target = os.fsencode(context.settings.text("restore_abs_path"))
    with opened(context, sections_of(context)) as places:
        if len(places) == 1 and has_repository(context, places[0].storage):
            from freezer.agent.dedup.restoring import restore_if_chosen

            result = restore_if_chosen(context, places[0].storage, target)
            if result is not None:
                return result
        from freezer.agent.stored.restoring import restore_levels

        return restore_levels(context, places, target)
