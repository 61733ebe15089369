"""Log files that begin anew from time to time; imported only where wanted, since the standard library is slow here."""

from __future__ import annotations

import logging.handlers
from typing import TYPE_CHECKING

from freezer.log.private import Private

if TYPE_CHECKING:
    from freezer.log import Warn


class BySize(Private, logging.handlers.RotatingFileHandler):
    def __init__(self, path: str, warn: Warn, *, size: int, count: int) -> None:
        self.warn = warn
        logging.handlers.RotatingFileHandler.__init__(self, path, maxBytes=size, backupCount=count)


class ByTime(Private, logging.handlers.TimedRotatingFileHandler):
    def __init__(self, path: str, warn: Warn, *, unit: str, interval: int, count: int) -> None:
        self.warn = warn
        logging.handlers.TimedRotatingFileHandler.__init__(self, path, unit, interval, count)
