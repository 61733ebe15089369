"""The system's logs: syslog and the systemd journal. Imported only where one is wanted."""

from __future__ import annotations

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

SYSLOG_SOCKET = "/dev/log"
JOURNAL_SOCKET = "/run/systemd/journal/socket"

_JOURNAL_LIMIT = 100_000  # bytes of a message; a longer datagram may be refused
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))


def open_system_logs(settings: LogSettings, warn: Warn, program: str) -> list[logging.Handler]:
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


def _facility(name: str) -> int:
    names = logging.handlers.SysLogHandler.facility_names
    number = names.get(name.lower().removeprefix("log_"))
    if number is None:
        raise UsageError(f"syslog_log_facility: {name!r} is none of {', '.join(sorted(names))}")
    return number


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
