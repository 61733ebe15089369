"""From the text of an assignment to a typed value, and back to one line of error."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from freezer.errors import UsageError
from freezer.options.spec import Kind, Option
from freezer.secret import Secret
from freezer.units import parse_rate, parse_size

TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
FALSE_WORDS = frozenset({"false", "no", "off", "0"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN = 60


class Date(msgspec.Struct, frozen=True):
    """An instant in whole seconds since 1970 UTC; ``assumed_utc`` if what was written had no offset."""

    seconds: int
    assumed_utc: bool


Value = str | int | float | bool | Date | Secret | tuple[str, ...] | None


class Assignment(msgspec.Struct, frozen=True):
    """One option with the text that one source gave for it.

    ``text`` None means "not set", which brings back the default. ``spelling`` is the name as the user wrote it,
    ``source`` where: ``command line``, a file name, ``environment``. ``alias`` is set if that name is an older one.
    """

    option: Option
    text: str | None
    spelling: str
    source: str
    alias: bool = False

    def __repr__(self) -> str:
        return f"Assignment({self.option.name!r}, source={self.source!r})"  # the text may be a secret


def parse_date(text: str) -> Date:
    """The instant meant by an ISO 8601 ``text``, in UTC if it has no offset, fractions cut off; else ValueError."""
    moment = datetime.fromisoformat(text.strip())
    assumed = moment.tzinfo is None
    if assumed:
        moment = moment.replace(tzinfo=UTC)
    return Date(math.floor((moment - _EPOCH).total_seconds()), assumed)


def expand_path(text: str, home: str) -> str:
    """``text`` without blanks around it, ``~`` replaced by ``home``, doubled and trailing slashes removed.

    ``..`` stays: only the kernel knows where it leads.
    """
    path = text.strip()
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    return path if ".." in path.split("/") else os.path.normpath(path)


def convert(assignment: Assignment, home: str) -> Value:
    """The value of one assignment; UsageError naming the key, the value and what is allowed."""
    option, text = assignment.option, assignment.text
    if text is None:
        return None
    if "\0" in text:
        raise bad_value(assignment)
    try:
        value = _read(option, text, home)
    except (ValueError, OverflowError):
        raise bad_value(assignment) from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        if option.zero_unset and value == 0:
            return None
        low, high = option.minimum, option.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise bad_value(assignment)
    return value


def _read(option: Option, text: str, home: str) -> Value:
    """Convert by kind; ValueError if ``text`` is no such thing."""
    match option.kind:
        case Kind.PATH:
            return expand_path(text, home)
        case Kind.CHOICE:
            return _choice(option, text)
        case kind:
            return _READERS[kind](text)


def _whole(text: str) -> int:
    number = text.strip()
    if not number.removeprefix("-").isascii() or not number.removeprefix("-").isdigit() or len(number) > 19:
        raise ValueError(text)
    return int(number)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _share(text: str) -> float:
    """Per cent."""
    word = text.strip().lower()
    if word in TRUE_WORDS - {"1"} or word in FALSE_WORDS - {"0"}:
        return 100.0 if word in TRUE_WORDS else 0.0
    return _finite(word.removesuffix("%"))


def is_share(text: str) -> bool:
    """Whether ``text`` can only be the value of an option that may also stand alone."""
    return text.lower() in TRUE_WORDS | FALSE_WORDS or (text.endswith("%") and text[:1].isdigit())


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise ValueError(text)
    return word in TRUE_WORDS


def _choice(option: Option, text: str) -> str:
    word = text.strip()
    for choice in option.choices:
        if choice.lower() == word.lower():
            return choice
    raise ValueError(text)


_READERS: Mapping[Kind, Callable[[str], Value]] = {
    Kind.TEXT: str,
    Kind.INTEGER: _whole,
    Kind.DAYS: _finite,
    Kind.SHARE: _share,
    Kind.SIZE: parse_size,
    Kind.RATE: parse_rate,
    Kind.FLAG: _flag,
    Kind.SWITCH: lambda text: text.strip().lower() not in FALSE_WORDS,
    Kind.DATE: parse_date,
    Kind.SECRET: Secret.from_text,
}


def bad_value(assignment: Assignment) -> UsageError:
    """The error for a value that cannot be; a secret is not repeated in it."""
    option = assignment.option
    if option.secret:
        shown = "the value"
    else:
        text = assignment.text or ""
        shown = repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
    return UsageError(
        f"{assignment.spelling}: {shown} is not possible; allowed: {option.allowed()}{where(assignment.source)}"
    )


def where(source: str) -> str:
    """`` (in FILE)`` for whatever is not the command line."""
    return "" if source == "command line" else f" (in {source})"
