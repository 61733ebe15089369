"""What a log line looks like."""

from __future__ import annotations

import logging
from types import TracebackType

from freezer.clock import utc_text
from freezer.log.requests import NO_REQUEST

DEFAULT_FORMAT = "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s %(message)s"
DEFAULT_DATE_FORMAT = "%Y-%m-%d %H:%M:%S"

# What the original's format strings may ask for beyond the fields of a log record.
_FOREIGN_FIELDS = dict.fromkeys(("instance", "resource", "color", "user_name", "project_name"), "") | dict.fromkeys(
    ("user_identity", "request_id", "global_request_id"), "-"
)

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def escaped(text: str) -> str:
    """``text`` on one line: whatever a terminal or a log might take for a command is shown as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode-escape").decode("ascii") for c in text)


class LineFormatter(logging.Formatter):
    """One line a record; a traceback follows indented."""

    def __init__(self, format: str = DEFAULT_FORMAT, date_format: str = DEFAULT_DATE_FORMAT) -> None:
        super().__init__(format, date_format, defaults=_FOREIGN_FIELDS)

    def format(self, record: logging.LogRecord) -> str:
        # the cached traceback may be another formatter's
        record.exc_text = None
        text = super().format(record)
        record.exc_text = None
        return text

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802
        return _behind_bars(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return _behind_bars(stack_info)


class JsonFormatter(logging.Formatter):
    """One JSON object a record: ``time`` (UTC), ``level``, ``logger``, ``process``, ``message`` and, as far as there
    are any, ``request_id``, the ``fields`` of the record, and ``traceback`` as a list of lines."""

    def format(self, record: logging.LogRecord) -> str:
        import msgspec

        fields: dict[str, object] = {
            "time": f"{utc_text(record.created)[:-1]}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": escaped(record.getMessage()),
        }
        request = getattr(record, "request_id", NO_REQUEST)
        if request != NO_REQUEST:
            fields["request_id"] = request
        fields.update(getattr(record, "fields", {}))
        if record.exc_info:
            fields["traceback"] = [escaped(line) for line in self.formatException(record.exc_info).splitlines()]
        return msgspec.json.encode(fields).decode()


def _behind_bars(text: str) -> str:
    return "\n".join(f"    | {escaped(line)}" for line in text.splitlines())
