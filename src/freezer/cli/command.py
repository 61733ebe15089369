"""What a command is."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freezer.clock import Clock

if TYPE_CHECKING:
    from freezer.client import Api


@dataclass(frozen=True, slots=True)
class Argument:
    """An option if its first name begins with a dash, otherwise a word that has to be there. ``kind`` says what the
    value is: ``text``, ``count`` (a number, 0 or more) or ``flag``; there may be ``many`` or none."""

    names: tuple[str, ...]
    help: str
    kind: str = "text"
    default: object = None
    required: bool = False
    metavar: str | None = None
    many: bool = False

    @property
    def is_option(self) -> bool:
        return self.names[0].startswith("-")

    @property
    def key(self) -> str:
        """Under which name the function finds the value."""
        return max(self.names, key=len).lstrip("-").replace("-", "_")


@dataclass(frozen=True, slots=True)
class Listing:
    """``documents``: the same as the API tells it, for other programs."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]
    documents: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Record:
    """One object: each column with its value. ``code``: what the program is to end with."""

    pairs: Mapping[str, object]
    document: Mapping[str, Any]
    code: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """What is printed as it is."""

    text: str
    document: object


@dataclass(frozen=True, slots=True)
class Flow:
    """Text that comes bit by bit, and is printed as it comes."""

    texts: Iterator[str]


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing to show; ``message`` says what has happened."""

    message: str
    document: Mapping[str, Any] = field(default_factory=dict)


Shown = Listing | Record | Text | Flow | Done


@dataclass(frozen=True, slots=True)
class Context:
    """``api`` is opened when it is first called. ``say`` tells the user something before the command is done."""

    api: Callable[[], Api]
    clock: Clock
    say: Callable[[str], None]
    environ: Mapping[str, str]


class Given:
    """The values of a command's arguments, by :attr:`Argument.key`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, key: str) -> str:
        return str(self._values[key])

    def optional(self, key: str) -> str | None:
        value = self._values.get(key)
        return None if value is None else str(value)

    def texts(self, key: str) -> list[str]:
        return list(self._values.get(key) or ())

    def count(self, key: str) -> int:
        return int(self._values[key])

    def flag(self, key: str) -> bool:
        return bool(self._values.get(key))


@dataclass(frozen=True, slots=True)
class Command:
    """``shows`` is ``Listing``, ``Record``, ``Text``, ``Flow`` or ``Done``: it decides which formats can be chosen."""

    name: str
    help: str
    run: Callable[[Context, Given], Shown]
    shows: type[Shown]
    arguments: tuple[Argument, ...] = ()


def add_arguments(parser: argparse.ArgumentParser, arguments: Iterable[Argument]) -> None:
    """Let ``parser`` read ``arguments``."""
    for argument in arguments:
        words: dict[str, Any] = {"help": argument.help}
        if argument.kind == "flag":
            words["action"] = "store_true"
        else:
            words["default"] = argument.default
            words["metavar"] = argument.metavar
            if argument.many:
                words["nargs"] = "*"
            if argument.kind == "count":
                words["type"] = count
        if argument.is_option:
            words |= {"dest": argument.key, "required": argument.required}
        parser.add_argument(*argument.names, **words)


def count(text: str) -> int:
    """A number that is not negative."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number, 0 or more")
    return number
