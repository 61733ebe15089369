"""Where log lines go: a private file, syslog, the systemd journal.

Imported only once a log is opened, because the standard library's handlers are slow to import.
"""

from __future__ import annotations

import io
import logging
import logging.handlers
import os
import socket
import sys
from typing import TYPE_CHECKING

from freezer.errors import UsageError
from freezer.log.lines import escaped

if TYPE_CHECKING:
    from freezer.log import LogSettings, Warn

ROTATIONS = ("none", "size", "interval")
ROTATION_UNITS = {"seconds": "S", "minutes": "M", "hours": "H", "days": "D", "weekday": "W0", "midnight": "midnight"}
SYSLOG_SOCKET = "/dev/log"
JOURNAL_SOCKET = "/run/systemd/journal/socket"

_JOURNAL_LIMIT = 100_000  # bytes of a message; a longer datagram may be refused
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))


def file(path: str, settings: LogSettings, warn: Warn, *, make_folder: bool = False) -> logging.Handler | None:
    """A handler that appends to ``path``, or None after a warning."""
    unit = _checked_rotation(settings)
    try:
        if make_folder:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        if settings.rotation == "size":
            return _BySize(path, warn, size=settings.max_size_mb << 20, count=settings.max_count)
        if settings.rotation == "interval":
            return _ByTime(path, warn, unit=unit, interval=settings.rotate_interval, count=settings.max_count)
        return _Plain(path, warn)
    except (OSError, ValueError) as error:
        warn(f"no log is written: {escaped(path)}: {getattr(error, 'strerror', None) or error}")
        return None


def system(settings: LogSettings, warn: Warn, program: str) -> list[logging.Handler]:
    """Handlers for syslog and the journal, as far as they are wanted and there."""
    facility = _facility(settings.syslog_facility)
    opened: list[logging.Handler] = []
    try:
        if settings.syslog:
            os.stat(SYSLOG_SOCKET)  # the handler itself would go on without a word
            handler = logging.handlers.SysLogHandler(SYSLOG_SOCKET, facility)
            handler.ident = f"{program}: "
            opened.append(handler)
    except OSError as error:
        warn(f"nothing is logged to syslog: {SYSLOG_SOCKET}: {error.strerror}")
    try:
        if settings.journal:
            opened.append(_Journal(program))
    except OSError as error:
        warn(f"nothing is logged to the journal: {JOURNAL_SOCKET}: {error.strerror}")
    return opened


def _checked_rotation(settings: LogSettings) -> str:
    if settings.rotation not in ROTATIONS:
        raise UsageError(f"log_rotation_type: {settings.rotation!r} is none of {', '.join(ROTATIONS)}")
    unit = ROTATION_UNITS.get(settings.rotate_interval_type.lower())
    if unit is None:
        allowed = ", ".join(ROTATION_UNITS)
        raise UsageError(f"log_rotate_interval_type: {settings.rotate_interval_type!r} is none of {allowed}")
    return unit


def _facility(name: str) -> int:
    names = logging.handlers.SysLogHandler.facility_names
    number = names.get(name.lower().removeprefix("log_"))
    if number is None:
        raise UsageError(f"syslog_log_facility: {name!r} is none of {', '.join(sorted(names))}")
    return number


class _Private(logging.FileHandler):
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


class _Plain(_Private):
    def __init__(self, path: str, warn: Warn) -> None:
        self.warn = warn
        super().__init__(path)


class _BySize(_Private, logging.handlers.RotatingFileHandler):
    def __init__(self, path: str, warn: Warn, *, size: int, count: int) -> None:
        self.warn = warn
        logging.handlers.RotatingFileHandler.__init__(self, path, maxBytes=size, backupCount=count)


class _ByTime(_Private, logging.handlers.TimedRotatingFileHandler):
    def __init__(self, path: str, warn: Warn, *, unit: str, interval: int, count: int) -> None:
        self.warn = warn
        logging.handlers.TimedRotatingFileHandler.__init__(self, path, unit, interval, count)


class _Journal(logging.Handler):
    """Sends each record to the systemd journal (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/)."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program
        self._socket = _unix_datagram_socket()
        try:
            self._socket.connect(JOURNAL_SOCKET)
        except OSError:
            self._socket.close()
            raise

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._socket.send(self._datagram(record))
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """A journal that went away is not worth a word."""

    def close(self) -> None:
        self._socket.close()
        super().close()

    def _datagram(self, record: logging.LogRecord) -> bytes:
        message = self.format(record).encode("utf-8", "backslashreplace")[:_JOURNAL_LIMIT]
        priority = next(number for level, number in _PRIORITIES if record.levelno >= level)
        fields = f"PRIORITY={priority}\nSYSLOG_IDENTIFIER={self._program}\nLOGGER={escaped(record.name)}\n"
        # a value with newlines is given by its length
        return fields.encode() + b"MESSAGE\n" + len(message).to_bytes(8, "little") + message + b"\n"


def _unix_datagram_socket() -> socket.socket:
    if sys.platform == "win32":
        raise OSError(0, "this system has no such sockets")
    return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
