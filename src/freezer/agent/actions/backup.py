"""The action ``backup``: one source into storage, by the engine that was asked for."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.presence import asks_for_dedup
from freezer.agent.result import Result


def run(context: Context) -> Result:
    """Make one backup (with ``--dry-run``: say what it would be). Only the engine that makes it is imported."""
    if asks_for_dedup(context):
        from freezer.agent.dedup.making import run as make
    else:
        from freezer.agent.storing.making import run as make
    return make(context)
