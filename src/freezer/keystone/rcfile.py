"""Files that assign ``OS_…`` variables as a shell script does, read without a shell.

``[export] NAME=VALUE`` (several on a line, too), ``export NAME``, ``unset NAME``, comments, single and double quotes,
backslashes, ``$NAME`` and ``${NAME}``. Anything else that a shell would *do* is refused: such a file may ask for a
password, for instance, and nobody is there to answer.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from freezer.errors import UsageError

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_ASSIGNMENT = re.compile(rf"({_NAME})=(.*)", re.DOTALL)
_VARIABLE = re.compile(rf"\$(?:\{{({_NAME})\}}|({_NAME}))")
_DOES_SOMETHING = re.compile(r"\$\(|`|\$\{(?![A-Za-z_][A-Za-z0-9_]*\})|\$[0-9*@#?!-]")
_QUOTED = re.compile(r"'[^']*'")
_LITERAL_DOLLAR = "\0"


def read_rc_file(path: str, environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` after the file has been "sourced"; :class:`UsageError` with the line for what is no assignment."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise UsageError(f"osrc file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"osrc file {path} is not UTF-8 text") from None
    variables = dict(environ)
    for number, line in _logical_lines(text):
        _apply(line, variables, f"{path}: line {number}")
    return variables


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with those that a backslash joins to the next in one."""
    result: list[tuple[int, str]] = []
    begun, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        if line.endswith("\\") and not line.endswith("\\\\"):
            begun += line[:-1]
            continue
        result.append((start, begun + line))
        begun, start = "", 0
    return result if not begun else [*result, (start, begun)]


def _apply(line: str, variables: dict[str, str], where: str) -> None:
    # A dollar sign within single quotes, or behind a backslash, stands for itself.
    marked = _QUOTED.sub(lambda match: match[0].replace("$", _LITERAL_DOLLAR).replace("`", "\1"), line)
    marked = marked.replace("\\$", _LITERAL_DOLLAR).replace("\\`", "\1")
    try:
        lexer = shlex.shlex(_without_comment(marked), posix=True, punctuation_chars=";")
        lexer.whitespace_split = True
        lexer.commenters = ""
        words = list(lexer)
    except ValueError:
        raise UsageError(f"{where}: a quotation mark has no counterpart") from None
    command: list[str] = []
    for word in [*words, ";"]:
        if set(word) != {";"}:
            command.append(word)
        elif command:
            _run(command, variables, where)
            command = []


def _without_comment(line: str) -> str:
    """``line`` up to a ``#`` that begins a word outside of quotes."""
    quote, before = "", " "
    for place, char in enumerate(line):
        if char == "#" and not quote and (before.isspace() or before == ";"):
            return line[:place]
        if before == "\\" and quote != "'":
            before = ""
            continue
        if char in "'\"" and quote in ("", char):
            quote = "" if quote else char
        before = char
    return line


def _run(words: list[str], variables: dict[str, str], where: str) -> None:
    if words[0] == "unset":
        for name in words[1:]:
            if name != "-v":
                variables.pop(name, None)
        return
    exported = words[0] == "export"
    for word in words[1:] if exported else words:
        match = _ASSIGNMENT.fullmatch(word)
        if match is None:
            if exported and re.fullmatch(_NAME, word):
                continue
            raise UsageError(
                f"{where} does more than assign variables, and no shell is started for it",
                hint="write NAME=value, export NAME=value or unset NAME, one to a line",
            )
        if _DOES_SOMETHING.search(match[2]):
            raise UsageError(f"{where}: the value of {match[1]} would have to be worked out by a shell")
        value = _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], ""), match[2])
        variables[match[1]] = value.replace(_LITERAL_DOLLAR, "$").replace("\1", "`")
