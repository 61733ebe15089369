"""Names of segments, and paths of what is in Swift."""

from __future__ import annotations

import re
from urllib.parse import quote

from freezer.errors import PermanentError
from freezer.storage.contract import check_name
from freezer.storage.objects.names import check_length

TEMP_PREFIX = ".freezer-tmp-"
_STREAM = "data"
_NONCE = "[0-9a-f]{16}"
_SEGMENT = re.compile(
    rf"(?P<folder>(?P<parent>(?:.*/)?)(?:segments(?:-{_NONCE})?|(?P<base>[^/]+)\.segments-{_NONCE}))/(?P<number>[0-9]{{8}})",
    re.DOTALL,
)


def is_stream(name: str) -> bool:
    """Whether it is the name that backups' streams have."""
    return name.rpartition("/")[2] == _STREAM


def path_of(container: str, name: str = "") -> str:
    """The path of a container, or of a Swift object in it, within an account's URL."""
    return quote(container, safe="") + (f"/{quote(name)}" if name else "")


def check_free(name: str) -> str:
    """``name`` if it is a legal name that is not kept for segments and temporaries."""
    check_name(name)
    if _SEGMENT.fullmatch(name) or is_temp(name):
        raise PermanentError(f"{name!r} is a name that the Swift storage keeps for itself")
    return check_length(name, "Swift")


def is_temp(name: str) -> bool:
    """Whether it is what ``prepare`` tries writing with."""
    return name.rpartition("/")[2].startswith(TEMP_PREFIX)


def segment_folder(name: str, nonce: str) -> str:
    """Where the segments of the object lie."""
    parent, slash, base = name.rpartition("/")
    return f"{parent}{slash}{'' if base == _STREAM else base + '.'}segments-{nonce}"


def segment_place(name: str) -> tuple[str, str, int] | None:
    """The object that owns a segment of this name, the segment's folder and its number; None for other names."""
    match = _SEGMENT.fullmatch(name)
    if match is None:
        return None
    return match["parent"] + (match["base"] or _STREAM), match["folder"], int(match["number"])
