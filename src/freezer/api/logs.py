"""The log of a process that serves: as the configuration says, until the process ends."""

from __future__ import annotations

from contextlib import ExitStack

from freezer.log import LogSettings, Warn, configured

_kept = ExitStack()


def log_until_the_end(settings: LogSettings, warn: Warn) -> None:
    """Log as ``settings`` say from now on; ``warn`` is told once if that is not possible. UsageError."""
    _kept.enter_context(configured(settings, warn, program="freezer-api"))
