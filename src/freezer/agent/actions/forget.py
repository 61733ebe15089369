"""The action ``forget``: backups of a repository that nobody needs any more."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.dedup.forgetting import forget
from freezer.agent.dedup.opening import open_to_forget, open_to_read, opened_storage
from freezer.agent.places.opening import sections_of
from freezer.agent.result import Result


def run(context: Context) -> Result:
    """Let go of what the options name."""
    with opened_storage(context) as storage:
        dry_run = context.settings.flag("dry_run")
        found = open_to_read(context, storage) if dry_run else open_to_forget(context, storage)
        return forget(context, sections_of(context)[0].container, found)
