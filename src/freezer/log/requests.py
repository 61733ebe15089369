"""Which request a line belongs to.

Whoever answers requests sets :data:`request_id` while it works on one; every line that is logged meanwhile has it, also
those of libraries, in the field ``request_id`` that the original's formats ask for.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar

NO_REQUEST = "-"

request_id: ContextVar[str] = ContextVar("request_id", default=NO_REQUEST)
"""The id of the request that is worked on."""


class OfRequest(logging.Filter):
    """Lets everything pass, with the id of the request."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = request_id.get()
        return True
