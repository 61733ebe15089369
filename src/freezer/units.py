"""Sizes, rates and durations as people write them.

Sizes are bytes. ``K``, ``M``, ``G``, ``T`` and ``P`` are powers of 1024, with or without ``B`` or ``iB``
behind them, in either case; a bare number is bytes.
"""

from __future__ import annotations

import re
from decimal import Decimal

_FACTORS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4, "p": 1024**5}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgtp]?)(?:i?b)?\s*", re.IGNORECASE)
_RATE_SUFFIX = re.compile(r"(?:/s|ps)\s*$", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes meant by ``text`` (``64M``, ``10K``, ``1.5G``, ``33554432``); ValueError if it is no size."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size")
    return int(Decimal(match[1]) * _FACTORS[match[2].lower()])


def parse_rate(text: str) -> int:
    """Bytes a second meant by ``text`` (``10K``, ``2M/s``, ``1024``); −1 means without limit."""
    stripped = text.strip()
    if stripped == "-1":
        return -1
    rate = parse_size(_RATE_SUFFIX.sub("", stripped))
    if rate == 0:
        raise ValueError("a rate of 0 would never end")
    return rate


def format_size(size: float) -> str:
    """``size`` bytes with at most one decimal: ``512 B``, ``1.5 KiB``, ``20 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} PiB"


def format_duration(seconds: float) -> str:
    """``seconds`` as ``0.4 s``, ``1:05`` or ``2:03:04``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """``1 file``, ``2,000 files``; ``plural`` where an ``s`` does not make it."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
