"""Names in object stores, which are UTF-8, and names of ours, which may be any bytes."""

from __future__ import annotations

from freezer.errors import PermanentError, UsageError
from freezer.storage.contract import check_name

_BYTES_BASE = 0x10F700  # private use: the byte 0xff is U+10F7FF
_ESCAPED = range(0xDC80, 0xDD00)
_STOOD_FOR = range(_BYTES_BASE + 0x80, _BYTES_BASE + 0x100)
_LONGEST = 1024  # bytes: of a key in S3, and Swift's default


def encode(name: str) -> str:
    """``name`` as an object store can have it: bytes that are not UTF-8 become characters of private use."""
    if any(ord(char) in _STOOD_FOR for char in name):
        raise PermanentError(f"{name!r} has characters that stand for others in object stores")
    return "".join(chr(_BYTES_BASE + ord(char) - 0xDC00) if ord(char) in _ESCAPED else char for char in name)


def decode(name: str) -> str:
    """The reverse."""
    return "".join(chr(ord(char) - _BYTES_BASE + 0xDC00) if ord(char) in _STOOD_FOR else char for char in name)


def check_length(name: str, service: str) -> str:
    """``name`` if ``service`` can have it, otherwise :class:`PermanentError`."""
    try:
        size = len(encode(name).encode())
    except UnicodeEncodeError:
        raise PermanentError(f"{name!r} is not a legal object name") from None
    if size > _LONGEST:
        raise PermanentError(f"a name of {size} bytes is too long for {service}: {name[:80]!r}…")
    return name


def split_container(text: str, service: str, word: str) -> tuple[str, str]:
    """The container and the prefix (empty, or ending in ``/``) of ``CONTAINER`` or ``CONTAINER/PREFIX``.

    ``word`` is what ``service`` calls a container, as usage shows it.
    """
    container, slash, prefix = text.partition("/")
    try:
        if container and slash:
            check_name(prefix)
        check_name(container)
    except PermanentError:
        raise UsageError(f"--container {text!r} is none of {service}'s: it must be {word} or {word}/PREFIX") from None
    return container, prefix + slash
