"""The log: where it goes and what a line of it looks like.

Modules log through ``logging.getLogger(__name__)``; a program enters :func:`configured` once, around all it does.
The log is a help, never a condition: where it cannot be written there is one warning, and the work goes on.
No line of it can be forged by a file name: control characters are escaped, and the lines of a traceback stand behind a
bar. Secrets print as ``<secret>``; a command line as it was typed is never logged, since it may hold passwords.

The settings are those of oslo.log that the original understood; messages call them by their names there.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from freezer.errors import UsageError
from freezer.log.lines import DEFAULT_DATE_FORMAT, DEFAULT_FORMAT, JsonFormatter, LineFormatter, escaped
from freezer.log.requests import OfRequest

__all__ = ["DEFAULT_FILE", "DEFAULT_LEVELS", "LogSettings", "Warn", "configured", "escaped", "log_file"]

DEFAULT_FILE = "~/.freezer/freezer.log"
DEFAULT_FACILITY = "LOG_USER"
DEFAULT_LEVELS = ("urllib3=WARN", "keystoneauth=WARN", "stevedore=WARN", "boto3=WARN", "botocore=WARN", "asyncio=WARN")

Warn = Callable[[str], None]

# Until a program opens a log Python would print warnings to standard error, past the program's own output.
logging.getLogger("freezer").addHandler(logging.NullHandler())


class LogSettings(NamedTuple):
    """Where the log goes.

    ``file`` is taken below ``directory`` if both are given; with neither it is :data:`DEFAULT_FILE`, or none if not
    ``default_file``. ``levels`` are
    ``logger=LEVEL`` pairs. ``rotation`` is none, size (``max_size_mb`` MiB) or interval (``rotate_interval`` times
    ``rotate_interval_type``), keeping ``max_count`` old files. ``config_append`` names a file for
    :func:`logging.config.fileConfig`, which then decides everything but ``levels``; such a file can run code, so it is
    for operators and never for tenants.
    """

    file: str | None = None
    directory: str | None = None
    debug: bool = False
    levels: tuple[str, ...] = DEFAULT_LEVELS
    format: str = DEFAULT_FORMAT
    date_format: str = DEFAULT_DATE_FORMAT
    json: bool = False
    syslog: bool = False
    syslog_facility: str = DEFAULT_FACILITY
    journal: bool = False
    stderr: bool = False
    config_append: str | None = None
    rotation: str = "none"
    max_size_mb: int = 200
    max_count: int = 30
    rotate_interval: int = 1
    rotate_interval_type: str = "days"
    default_file: bool = True


@contextmanager
def configured(settings: LogSettings, warn: Warn, *, program: str = "freezer-agent") -> Iterator[str | None]:
    """Log as ``settings`` say while the context lasts; gives the log file, or None if there is none.

    :class:`UsageError` if a setting makes no sense; whatever merely cannot be opened is one call of ``warn``.
    """
    root = logging.getLogger()
    levels = _levels(settings.levels)
    before = [(logger, logger.level) for logger in (root, *levels)]
    before_handlers, path = root.handlers[:], None
    try:
        if settings.config_append is not None:
            _configure_from_file(settings.config_append)
        else:
            path = _configure(root, settings, warn, program)
        for logger, level in levels.items():
            logger.setLevel(level)
        yield path
    finally:
        for handler in root.handlers:
            if handler not in before_handlers:
                handler.close()
        root.handlers[:] = before_handlers
        for logger, level in before:
            logger.setLevel(level)


def log_file(settings: LogSettings, *, program: str = "freezer-agent") -> str:
    """The path of the log file that ``settings`` ask for."""
    if settings.directory is not None:
        return os.path.join(os.path.expanduser(settings.directory), settings.file or f"{program}.log")
    return os.path.expanduser(settings.file or DEFAULT_FILE)


def _configure(root: logging.Logger, settings: LogSettings, warn: Warn, program: str) -> str | None:
    """Point ``root`` where the settings say; the path of the log file if it could be opened."""
    from freezer.log import handlers

    formatter = _formatter(settings)
    opened: list[logging.Handler] = []
    if settings.syslog or settings.journal or settings.syslog_facility != DEFAULT_FACILITY:
        from freezer.log.system import open_system_logs

        opened += open_system_logs(settings, warn, program)
    path = log_file(settings, program=program)
    is_default = settings.file is None and settings.directory is None
    file = None
    if settings.default_file or not is_default:
        file = handlers.file(path, settings, warn, make_folder=is_default)
    if file is not None:
        opened.append(file)
    if settings.stderr:
        opened.append(logging.StreamHandler(sys.stderr))
    for handler in opened:
        handler.setFormatter(formatter)
        handler.addFilter(OfRequest())
    root.handlers[:] = opened
    root.setLevel(logging.DEBUG if settings.debug else logging.INFO)
    return path if file is not None else None


def _formatter(settings: LogSettings) -> logging.Formatter:
    if settings.json:
        return JsonFormatter()
    try:
        return LineFormatter(settings.format, settings.date_format)
    except ValueError as error:
        raise UsageError(f"logging_default_format_string: {settings.format!r} is no log format: {error}") from error


def _levels(pairs: tuple[str, ...]) -> dict[logging.Logger, int]:
    known = logging.getLevelNamesMapping()
    levels = {}
    for pair in pairs:
        name, _, level = (part.strip() for part in pair.partition("="))
        if not name or level.upper() not in known:
            raise UsageError(f"default_log_levels: {pair!r} is not LOGGER=LEVEL with one of {', '.join(known)}")
        levels[logging.getLogger(name)] = known[level.upper()]
    return levels


def _configure_from_file(path: str) -> None:
    import logging.config

    if not os.path.isfile(path):
        raise UsageError(f"log_config_append: there is no file {path!r}")
    try:
        logging.config.fileConfig(path, disable_existing_loggers=False)
    except Exception as error:
        # the classes that the file names may raise anything
        reason = str(error) or type(error).__name__
        raise UsageError(f"log_config_append: {path!r} is no logging configuration: {escaped(reason)}") from error
