"""What servers say about files.

Two forms: the machine's (MLSD and MLST, RFC 3659 section 7), exact and in UTC, and ``ls -al``'s, which servers without
it send for LIST: times to the minute, or the day, and in the server's own zone. Whatever is in neither form is an
error: a listing that was not understood is not complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from freezer.errors import PermanentError


class Kind(Enum):
    """What an entry is; ``OTHER`` is whatever cannot be an object or a folder."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """Name, size in bytes (of files) and time of last change (seconds since 1970; None if not told).

    ``rough``: the time is to the minute or the day, in the server's zone taken for UTC.
    """

    name: bytes
    kind: Kind
    size: int
    modified: float | None
    rough: bool = False


_KINDS = {b"file": Kind.FILE, b"dir": Kind.FOLDER, b"cdir": None, b"pdir": None}
_TIME = re.compile(rb"(\d{14})(?:\.\d+)?\Z")
_LS = re.compile(
    rb"([-dlbcpsD])[-rwxsStTlL]{9}[.+@]?\s+"  # kind and mode
    rb"(?:\d+\s+)?(?:\S+\s+){1,2}?(\d+)\s+"  # links, owner and group; size
    rb"(?:([A-Z][a-z]{2})\s+(\d{1,2})|(\d{1,2})\s+([A-Z][a-z]{2}))\s+(?:(\d{1,2}):(\d{2})|(\d{4})) (.+)\Z",
    re.DOTALL,
)
_LS_KINDS = {b"-": Kind.FILE, b"d": Kind.FOLDER, b"l": Kind.LINK}
_MONTHS = {name: number for number, name in enumerate(
    (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1)}  # fmt: skip


def parse_time(text: bytes) -> float:
    """Seconds since 1970 of a time as MDTM and MLSD write it: ``20261121183305``, perhaps with a fraction, in UTC."""
    found = _TIME.match(text)
    if found is None:
        raise _not_understood(text)
    try:
        return datetime.strptime(found[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise _not_understood(text) from None


def machine_entry(line: bytes) -> Entry | None:
    """The entry of a line of MLSD or MLST; None for the folder itself and the one above."""
    written, space, name = line.partition(b" ")
    facts = {}
    for fact in written.split(b";"):
        key, equals, value = fact.partition(b"=")
        if equals:
            facts[key.lower()] = value
    told = facts.get(b"type", b"").lower()
    if not space or not told:
        raise _not_understood(line)
    kind = _KINDS.get(told, Kind.LINK if told.startswith(b"os.unix=s") else Kind.OTHER)
    if kind is None:
        return None
    size = facts.get(b"size", b"" if kind is Kind.FILE else b"0")
    if not size.isdigit():
        raise _not_understood(line)
    modified = facts.get(b"modify")
    return Entry(name, kind, int(size), parse_time(modified) if modified else None)


def machine_entries(listing: bytes) -> Iterator[Entry]:
    """The entries of what MLSD sent."""
    for line in _lines(listing):
        entry = machine_entry(line)
        if entry is not None and entry.name not in (b".", b".."):
            yield entry


def ls_entries(listing: bytes, now: float) -> Iterator[Entry]:
    """The entries of what LIST sent, with ``.`` and ``..`` if they were sent; ``now`` tells the year of recent ones."""
    for line in _lines(listing):
        if line.startswith(b"total ") and line[6:].strip().isdigit():
            continue
        found = _LS.match(line)
        if found is None:
            raise _not_understood(line)
        kind = _LS_KINDS.get(found[1], Kind.OTHER)
        name = found[10]
        if kind is Kind.LINK:
            name = name.rpartition(b" -> ")[0] or name
        yield Entry(name, kind, int(found[2]), _ls_time(line, found, now), rough=True)


def _ls_time(line: bytes, found: re.Match[bytes], now: float) -> float:
    month, day = _MONTHS.get(found[3] or found[6]), int(found[4] or found[5])
    if month is None:
        raise _not_understood(line)
    today = datetime.fromtimestamp(now, UTC)
    hour, minute = (int(found[7]), int(found[8])) if found[7] else (0, 0)
    for year in (int(found[9]),) if found[9] else (today.year + 1, today.year, today.year - 1):
        try:
            time = datetime(year, month, day, hour, minute, tzinfo=UTC)
        except ValueError:
            continue  # 29 February
        if found[9] or time <= today + timedelta(days=1):
            return time.timestamp()
    raise _not_understood(line)


def _lines(listing: bytes) -> Iterator[bytes]:
    for line in listing.split(b"\n"):
        if line.rstrip(b"\r"):
            yield line.removesuffix(b"\r")


def _not_understood(line: bytes) -> PermanentError:
    shown = line[:200].decode("utf-8", "backslashreplace")
    return PermanentError(
        f"the server's listing has a line that makes no sense: {shown!r}",
        hint="servers with MLSD, or whose LIST is as that of ls -al, can be used",
    )
