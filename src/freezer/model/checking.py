"""The vocabulary of checks that all documents share.

A *path* leads from the document as it was written to the value in question. The sentences are those of JSON Schema
validators, which the original answers with and its users know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from freezer.errors import DocumentError

Path = tuple[str | int, ...]

ID = re.compile(r"[\w-]{1,255}")
LABEL = r"(?:[a-zA-Z\d]|[a-zA-Z\d][a-zA-Z\d\-]{0,61}[a-zA-Z\d])"
HOST = re.compile(rf"{LABEL}(?:\.{LABEL})*")
CLIENT = re.compile(rf"(?:[\w\-]+_)?{LABEL}(?:\.{LABEL})*")
MAX_NAME = 255
MAX_NUMBER = 2**53 - 1
_SHOWN = 200


def shown(value: object) -> str:
    """``value`` as a message shows it, cut short."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def an_object(value: object, path: Path) -> dict[str, object]:
    """``value`` if it is a JSON object."""
    if not isinstance(value, dict):
        raise DocumentError(f"{shown(value)} is not of type 'object'", path)
    return value


def an_array(value: object, path: Path) -> Sequence[object]:
    """``value`` if it is a JSON array."""
    if not isinstance(value, list):
        raise DocumentError(f"{shown(value)} is not of type 'array'", path)
    return value


def a_text(value: object, path: Path, longest: int = MAX_NAME) -> str:
    """``value`` if it is a string of at most ``longest`` characters."""
    if not isinstance(value, str):
        raise DocumentError(f"{shown(value)} is not of type 'string'", path)
    if len(value) > longest:
        raise DocumentError(f"{_last(path)} is longer than {longest} characters", path)
    return value


def an_integer(value: object, path: Path, least: int = -MAX_NUMBER) -> int:
    """``value`` if it is a whole number between ``least`` and 2^53."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise DocumentError(f"{shown(value)} is not of type 'integer'", path)
    if not least <= value <= MAX_NUMBER:
        raise DocumentError(f"{_last(path)} must lie between {least} and {MAX_NUMBER}", path)
    return value


def a_boolean(value: object, path: Path) -> bool:
    """``value`` if it is true or false."""
    if not isinstance(value, bool):
        raise DocumentError(f"{shown(value)} is not of type 'boolean'", path)
    return value


def one_of(value: object, choices: Iterable[object], path: Path) -> str:
    """``value`` if it is one of the texts ``choices``."""
    allowed = list(choices)
    if not isinstance(value, str) or value not in allowed:
        raise DocumentError(f"{shown(value)} is not one of {allowed}", path)
    return value


def matching(value: object, pattern: re.Pattern[str], path: Path) -> str:
    """``value`` if it is a string that ``pattern`` describes from its first to its last character."""
    text = a_text(value, path)
    if pattern.fullmatch(text) is None:
        raise DocumentError(f"{shown(text)} does not match '^{pattern.pattern}$'", path)
    return text


def required(document: Mapping[str, object], key: str, path: Path) -> object:
    """The value of ``key``, which must be there."""
    if key not in document:
        raise DocumentError(f"'{key}' is a required property", path)
    return document[key]


def only(document: Mapping[str, object], allowed: Iterable[str], path: Path) -> None:
    """Refuse the first key that is none of ``allowed``."""
    known = set(allowed)
    for key in document:
        if key not in known:
            raise DocumentError(f"Additional properties are not allowed ({key!r} was unexpected)", (*path, key))


def _last(path: Path) -> str:
    return str(path[-1]) if path else "the value"
