"""The log file: private, and given up with one warning when it cannot be written."""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import TYPE_CHECKING

from freezer.errors import UsageError
from freezer.log.lines import escaped

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


class Private(logging.FileHandler):
    """Creates its file for the owner alone, and gives up with one warning when writing fails (a full disk)."""

    warn: Warn
    _failed = False

    def _open(self) -> io.TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return open(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        if not self._failed:
            self._failed = True
            self.warn(f"the log is not complete: {escaped(self.baseFilename)}: {sys.exc_info()[1]}")

    def close(self) -> None:
        try:
            super().close()
        except OSError:
            # what is still buffered cannot be written either; that was said when it happened
            self.stream = None


class Plain(Private):
    def __init__(self, path: str, warn: Warn) -> None:
        self.warn = warn
        super().__init__(path)
