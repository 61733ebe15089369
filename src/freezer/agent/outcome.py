"""What the report of every backup has, whichever engine made it."""

from __future__ import annotations

import sys
from typing import Any

from freezer import __version__
from freezer.agent.context import Context
from freezer.engine.contract import Summary
from freezer.model.report import BackupOutcome

_SYSTEMS = {"win32": "windows"}  # as 19.0.0 calls them, where Python has another name


def outcome_of(context: Context, summary: Summary, **about: Any) -> BackupOutcome:
    """What a backup came to: who made it, what ``summary`` counted, and ``about``, the other fields by name."""
    return BackupOutcome(
        backup_media="fs",
        version=__version__,
        client_os=_SYSTEMS.get(sys.platform, sys.platform),
        cli=context.command_line,
        files=summary.files,
        directories=summary.directories,
        links=summary.links,
        others=summary.others,
        broken_links=tuple(summary.broken_links),
        broken_links_total=summary.broken_link_count,
        excluded=tuple(summary.excluded),
        excluded_total=summary.excluded_count,
        failures=tuple(summary.failures),
        failures_total=summary.failures.total,
        **about,
    )
