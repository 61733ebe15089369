"""Names in Swift, which are UTF-8, and names of ours, which may be any bytes; names of segments."""

from __future__ import annotations

import re
from urllib.parse import quote

from freezer.errors import PermanentError, UsageError
from freezer.storage.contract import check_name

TEMP_PREFIX = ".freezer-tmp-"
_BYTES_BASE = 0x10F700  # private use: the byte 0xff is U+10F7FF
_ESCAPED = range(0xDC80, 0xDD00)
_STOOD_FOR = range(_BYTES_BASE + 0x80, _BYTES_BASE + 0x100)
_LONGEST = 1024  # bytes, Swift's default
_STREAM = "data"
_NONCE = "[0-9a-f]{16}"
_SEGMENT = re.compile(
    rf"(?P<folder>(?P<parent>(?:.*/)?)(?:segments(?:-{_NONCE})?|(?P<base>[^/]+)\.segments-{_NONCE}))/(?P<number>[0-9]{{8}})",
    re.DOTALL,
)


def encode(name: str) -> str:
    """``name`` as Swift can have it: bytes that are not UTF-8 become characters of private use."""
    if any(ord(char) in _STOOD_FOR for char in name):
        raise PermanentError(f"{name!r} has characters that the Swift storage keeps for itself")
    return "".join(chr(_BYTES_BASE + ord(char) - 0xDC00) if ord(char) in _ESCAPED else char for char in name)


def decode(name: str) -> str:
    """The reverse."""
    return "".join(chr(ord(char) - _BYTES_BASE + 0xDC00) if ord(char) in _STOOD_FOR else char for char in name)


def split_container(text: str) -> tuple[str, str]:
    """The container and the prefix (empty, or ending in ``/``) of ``CONTAINER`` or ``CONTAINER/PREFIX``."""
    container, slash, prefix = text.partition("/")
    try:
        if container and slash:
            check_name(prefix)
        check_name(container)
    except PermanentError:
        raise UsageError(f"--container {text!r} is none of Swift's: it must be CONTAINER or CONTAINER/PREFIX") from None
    return container, prefix + slash


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
    try:
        size = len(encode(name).encode())
    except UnicodeEncodeError:
        raise PermanentError(f"{name!r} is not a legal object name") from None
    if size > _LONGEST:
        raise PermanentError(f"a name of {size} bytes is too long for Swift: {name[:80]!r}…")
    return name


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
