"""The log file that the settings ask for."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from freezer.errors import UsageError
from freezer.log.lines import escaped
from freezer.log.private import Private

if TYPE_CHECKING:
    from freezer.log import LogSettings, Warn

ROTATIONS = ("none", "size", "interval")
ROTATION_UNITS = {"seconds": "S", "minutes": "M", "hours": "H", "days": "D", "weekday": "W0", "midnight": "midnight"}


def file(path: str, settings: LogSettings, warn: Warn, *, make_folder: bool = False) -> logging.Handler | None:
    """A handler that appends to ``path``, or None after a warning."""
    unit = _checked_rotation(settings)
    try:
        if make_folder:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        if settings.rotation == "none":
            return Plain(path, warn)
        from freezer.log import rotating

        if settings.rotation == "size":
            return rotating.BySize(path, warn, size=settings.max_size_mb << 20, count=settings.max_count)
        return rotating.ByTime(path, warn, unit=unit, interval=settings.rotate_interval, count=settings.max_count)
    except (OSError, ValueError) as error:
        warn(f"no log is written: {escaped(path)}: {getattr(error, 'strerror', None) or error}")
        return None


def _checked_rotation(settings: LogSettings) -> str:
    if settings.rotation not in ROTATIONS:
        raise UsageError(f"log_rotation_type: {settings.rotation!r} is none of {', '.join(ROTATIONS)}")
    unit = ROTATION_UNITS.get(settings.rotate_interval_type.lower())
    if unit is None:
        allowed = ", ".join(ROTATION_UNITS)
        raise UsageError(f"log_rotate_interval_type: {settings.rotate_interval_type!r} is none of {allowed}")
    return unit


class Plain(Private):
    def __init__(self, path: str, warn: Warn) -> None:
        self.warn = warn
        super().__init__(path)
