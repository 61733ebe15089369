"""Exclusion by patterns, with the meaning of GNU tar's ``--exclude=PATTERN`` in its default settings.

As upstream's agent calls tar, names begin with ``./``, so ``./logs`` means only the one at the root. A pattern is a
shell pattern in which ``*`` and ``?`` match ``/`` too; it is tried at the start of the name and after every ``/``
(unanchored) and may match a leading part of what is left, that is a directory with everything below it. A pattern
that ends in ``/`` matches nothing, because tar compares names without that slash; :attr:`Exclusion.idle` lists such
patterns, so that the user can be told. Characters are UTF-8 whatever the locale, bytes that are not are characters of
their own; ranges go by code point and classes such as ``[:alpha:]`` are ASCII, as in the C locale.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# A bracket expression's members: a class, an equivalence class or collating symbol of one character, or a character.
_CLASS = re.compile(r"\[:([a-z]+):\]")
_SYMBOL = re.compile(r"\[([.=])(.)\1\]", re.DOTALL)
_NOTHING = "(?!)"


class Exclusion:
    """Compiled patterns; :meth:`matches` says which paths a backup leaves out."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = tuple(patterns)
        self.idle = tuple(pattern for pattern in patterns if not pattern or pattern.endswith("/"))
        """The patterns that no name can match."""
        wanted = [_translate(pattern) for pattern in patterns if pattern not in self.idle]
        self._search = re.compile(rf"(?:\A|/)(?:{'|'.join(wanted)})(?:/|\Z)", re.DOTALL).search if wanted else None

    def matches(self, path: bytes) -> bool:
        """Whether ``path`` (relative to the root, ``b""`` for the root) is left out."""
        if self._search is None:
            return False
        name = "./" + path.decode("utf-8", "surrogateescape") if path else "."
        return self._search(name) is not None


def _translate(pattern: str) -> str:
    """A regular expression of the same meaning."""
    if not any(wildcard in _ESCAPED.sub("", pattern) for wildcard in "*?["):
        # tar compares these as strings; a backslash at the very end stands for itself then.
        return re.escape(_ESCAPED.sub(r"\1", pattern))
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            if parts[-1:] != [".*"]:
                parts.append(".*")
        elif character == "?":
            parts.append(".")
        elif character == "[" and (bracket := _bracket(pattern, position)):
            expression, position = bracket
            parts.append(expression)
        elif character == "\\":
            if position == len(pattern):
                return _NOTHING
            parts.append(re.escape(pattern[position]))
            position += 1
        else:
            parts.append(re.escape(character))
    return "".join(parts)


def _bracket(pattern: str, position: int) -> tuple[str, int] | None:
    """The bracket expression whose ``[`` stands before ``position``, and where it ends; None if it never ends."""
    negated = pattern[position : position + 1] in ("!", "^")
    first = position = position + negated
    members: list[str] = []
    while position < len(pattern):
        if pattern[position] == "]" and position > first:
            inside = "".join(members)
            if negated:
                return (f"[^{inside}]" if inside else "."), position + 1
            return (f"[{inside}]" if inside else _NOTHING), position + 1
        if named := _CLASS.match(pattern, position):
            if named[1] not in _CLASSES:
                return _NOTHING, len(pattern)
            members.append(_CLASSES[named[1]])
            position = named.end()
            continue
        if pattern.startswith("[.", position) and not _SYMBOL.match(pattern, position):
            return _NOTHING, len(pattern)
        low, position = _member(pattern, position)
        high = low
        if pattern[position : position + 1] == "-" and pattern[position + 1 : position + 2] not in ("", "]"):
            high, position = _member(pattern, position + 1)
        if low <= high:
            members.append(re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}")
    return None


def _member(pattern: str, position: int) -> tuple[str, int]:
    """One character of a bracket expression and the position behind it."""
    if symbol := _SYMBOL.match(pattern, position):
        return symbol[2], symbol.end()
    if pattern[position] == "\\" and position + 1 < len(pattern):
        return pattern[position + 1], position + 2
    return pattern[position], position + 1
