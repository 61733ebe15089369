"""A log file that only its owner reads, given up with one warning when it cannot be written."""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import TYPE_CHECKING

from freezer.log.lines import escaped

if TYPE_CHECKING:
    from freezer.log import Warn


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
