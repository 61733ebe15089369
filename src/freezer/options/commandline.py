"""The command line: ``freezer-agent ACTION …`` and the flat ``freezer-agent --action ACTION …`` of 19.0.0.

Accepted as 19.0.0's parser does: ``--x v``, ``--x=v``, ``-Fv``, ``-F v``, joined flags (``-qd``), prefixes of long
options, negative numbers as values. In addition: a lone ``=`` between option and value, ``true`` or ``false`` after a
flag, and the action as a word, or as two (``key add``). A value that begins with a dash must be joined:
``--exclude=-x``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from freezer.errors import UsageError
from freezer.options.names import HELP, VERSION, find_spelling, short_options, unknown_option
from freezer.options.spec import ACTIONS, Kind, Option
from freezer.options.table import BY_NAME
from freezer.options.values import FALSE_WORDS, TRUE_WORDS, Assignment, is_share

SOURCE = "command line"
_NEGATIVE_NUMBER = re.compile(r"-\d+(\.\d*)?|-\.\d+")
_WORDS = TRUE_WORDS | FALSE_WORDS


class CommandLine(msgspec.Struct):
    """What was typed: assignments in order, and whether help or the version was asked for."""

    assignments: list[Assignment] = msgspec.field(default_factory=list)
    help: bool = False
    version: bool = False


def parse(argv: Sequence[str]) -> CommandLine:
    """Read ``argv`` (without the program's name); UsageError for what is unknown, ambiguous or without its value."""
    return _Parser(argv).run()


class _Parser:
    """A cursor over the arguments."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = argv
        self._next = 0
        self._result = CommandLine()

    def run(self) -> CommandLine:
        only_words = False
        while self._next < len(self._argv):
            argument = self._argv[self._next]
            self._next += 1
            if only_words or not argument.startswith("-") or argument == "-":
                self._word(argument)
            elif argument == "--":
                only_words = True
            elif argument.startswith("--"):
                self._long(argument)
            else:
                self._letters(argument)
        return self._result

    def _word(self, word: str) -> None:
        if any(each.spelling == "ACTION" for each in self._result.assignments):
            raise UsageError(f"unexpected argument {word!r}", hint="only the action is written without dashes")
        following = self._following()
        if f"{word}-{following}" in ACTIONS:  # `key add` is key-add
            self._next += 1
            word = f"{word}-{following}"
        if word not in ACTIONS:
            raise _no_action(word)
        self._assign(BY_NAME["action"], word, "ACTION")

    def _long(self, argument: str) -> None:
        typed, equals, joined = argument.partition("=")
        spelling = find_spelling(typed)
        if isinstance(spelling, str):
            self._result.help |= spelling == HELP
            self._result.version |= spelling == VERSION
            return
        option, value = spelling.option, joined if equals else None
        if spelling.negated:
            self._assign(option, self._negation(typed, value), typed, alias=spelling.alias)
        else:
            self._assign(option, self._value(option, typed, value), typed, alias=spelling.alias)

    def _negation(self, typed: str, joined: str | None) -> str:
        if joined is not None:
            raise UsageError(f"{typed} takes no value, but {joined!r} was given")
        return "false"

    def _letters(self, argument: str) -> None:
        rest = argument[1:]
        while rest:
            letter, rest = rest[0], rest[1:]
            if letter == "h":
                self._result.help = True
                continue
            option = short_options().get(letter)
            if option is None:
                raise unknown_option(f"-{letter}")
            if option.kind is Kind.FLAG:
                text = self._value(option, f"-{letter}", None) if not rest else "true"
            else:
                text = self._value(option, f"-{letter}", rest.removeprefix("=") if rest else None)
                rest = ""
            self._assign(option, text, f"-{letter}")

    def _value(self, option: Option, typed: str, joined: str | None) -> str:
        """The text that belongs to ``option``, from behind its ``=`` or from the next argument."""
        if joined is not None:
            return joined
        following = self._following()
        if following == "=" and self._next + 1 < len(self._argv):
            self._next += 1
            following = self._argv[self._next]
        if option.kind is Kind.FLAG:
            wanted = following is not None and following.lower() in _WORDS
        elif option.implied:
            wanted = following is not None and is_share(following)
        else:
            wanted = following is not None and _is_value(following)
        if wanted and following is not None:
            self._next += 1
            return following
        if option.implied:
            return option.implied
        if option.takes_value:
            hint = f"write {typed}={'VALUE' if option.secret else following}" if following is not None else None
            raise UsageError(f"{typed} needs a value: {option.allowed()}", hint=hint)
        return "true"

    def _following(self) -> str | None:
        return self._argv[self._next] if self._next < len(self._argv) else None

    def _assign(self, option: Option, text: str, spelling: str, *, alias: bool = False) -> None:
        """An empty text means "not set"."""
        self._result.assignments.append(Assignment(option, text or None, spelling, SOURCE, alias))


def _is_value(argument: str) -> bool:
    return not argument.startswith("-") or argument == "-" or _NEGATIVE_NUMBER.fullmatch(argument) is not None


def _no_action(word: str) -> UsageError:
    from difflib import get_close_matches

    if close := get_close_matches(word, ACTIONS, n=1):
        return UsageError(f"{word!r} is no action", hint=f"did you mean {close[0]}?")
    return UsageError(
        f"{word!r} is no action; the actions are {', '.join(ACTIONS)}",
        hint="the value of an option follows it: --path-to-backup PATH",
    )
