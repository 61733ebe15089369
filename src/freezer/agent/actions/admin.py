"""The action ``admin``: removal of backups by age and by number, and of what interrupted backups left."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.places.combining import in_each
from freezer.agent.places.opening import opened, sections_of
from freezer.agent.places.place import Place
from freezer.agent.presence import has_repository
from freezer.agent.removal import remove
from freezer.agent.result import Result
from freezer.errors import BackupNotFound


def run(context: Context) -> Result:
    """Remove in each storage what the options ask for."""
    with opened(context, sections_of(context)) as places:
        return in_each(places, lambda place: _admin(context, place))


def _admin(context: Context, place: Place) -> Result:
    storage = place.storage
    if not storage.exists():
        raise BackupNotFound(f"there is no container {storage.describe()}")
    if not has_repository(context, storage):
        return remove(context, place)
    from freezer.agent.dedup.forgetting import forget_by_rules
    from freezer.agent.dedup.opening import Opened, open_to_forget, open_to_read
    from freezer.agent.dedup.worlds import in_both

    def ours(found: Opened, both: bool) -> Result:
        return forget_by_rules(context, place.section.container, found, both=both)

    opening = open_to_read if context.settings.flag("dry_run") else open_to_forget
    return in_both(context, storage, ours, lambda _: remove(context, place), opening=opening)
