"""What a web server answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

Buffer = bytes | bytearray | memoryview
"""What a body may be."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (looked up without regard to case) and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def wait_asked_for(answer: Answer) -> float | None:
    """Seconds that ``Retry-After`` asks for: a number, or a date, compared with the server's own clock (RFC 9110)."""
    text = answer.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        now = parsedate_to_datetime(answer.headers.get("Date", ""))
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return None


def byte_range(offset: int, length: int | None) -> dict[str, str]:
    """The header that asks for ``length`` bytes (None: all, otherwise positive) from ``offset``; none for the whole."""
    if not offset and length is None:
        return {}
    return {"Range": f"bytes={offset}-" + ("" if length is None else str(offset + length - 1))}
