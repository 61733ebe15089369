"""Assignments from ``freezer_action`` objects, and the rules for values that files and documents share.

A JSON value means what 19.0.0's scheduler writes into its INI files for it: ``true`` is ``True``, a number its
digits. ``null``, ``false`` for anything but a flag, ``"None"`` and an empty text mean "not set"; a list fills an
option that may be given several times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from freezer.errors import UsageError
from freezer.options.names import find_key, unknown_key
from freezer.options.spec import Kind, Option
from freezer.options.values import Assignment

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


def parse_action(document: Mapping[str, Json], source: str) -> list[Assignment]:
    """The assignments of one ``freezer_action`` object; ``source`` names it in errors."""
    pairs: list[tuple[str, str]] = []
    for key, value in document.items():
        if value is None:
            continue
        pairs.extend((key, text) for text in _texts(key, value, source))
    return assign(pairs, source)


def _texts(key: str, value: Json, source: str) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, bool | int | float):
        return [str(value)]
    if isinstance(value, Sequence):
        found = find_key(key)
        if found is not None and not found[0].repeatable:
            raise UsageError(f"{source}: {key}: a list is not possible; allowed: {found[0].allowed()}")
        if all(isinstance(each, str) for each in value):
            return [str(each) for each in value]
        raise UsageError(f"{source}: {key}: a list may hold texts only")
    found = find_key(key)
    if found is None:
        raise unknown_key(key, source)
    raise UsageError(f"{source}: {key}: an object is not possible; allowed: {found[0].allowed()}")


def assign(pairs: Iterable[tuple[str, str]], source: str) -> list[Assignment]:
    """Assignments of ``(key, text)`` pairs of one section or object; an option named twice is an error."""
    result: list[Assignment] = []
    seen: dict[str, str] = {}
    for key, text in pairs:
        found = find_key(key)
        if found is None:
            raise unknown_key(key, source)
        option, alias = found
        if option.command_line_only:
            raise UsageError(f"{source}: {key} can be given on the command line only")
        meant = normal_text(option, text)
        if option.name in seen and not (option.repeatable and seen[option.name] == key):
            raise UsageError(f"{source}: {option.name} is given twice: as {seen[option.name]} and as {key}")
        if meant is not None:
            seen[option.name] = key
        result.append(Assignment(option, meant, key, source, alias))
    return result


def normal_text(option: Option, text: str) -> str | None:
    """``text`` without the blanks around it, or None if it means "not set" (see above)."""
    stripped = text.strip()
    word = stripped.lower()
    if word in option.choices:
        return stripped
    unset = word in {"", "none", "null"} or (word == "false" and option.kind not in {Kind.FLAG, Kind.SWITCH})
    return None if unset else stripped


def split_repeated(option: Option, text: str) -> list[str]:
    """The values of a repeatable option in one INI value: one a line, or a list as Python writes it.

    19.0.0's scheduler writes a list of a job document as ``exclude = ['a', 'b']``; what only
    begins like one is a pattern with a bracket.
    """
    if not option.repeatable:
        return [text]
    if text.startswith("[") and text.endswith("]") and text[1:2] in {"'", '"'}:
        from ast import literal_eval

        try:
            return [str(each) for each in literal_eval(text)]
        except (ValueError, SyntaxError):
            return [text]
    return [line.strip() for line in text.splitlines() if line.strip()] or [text]


def read_job(text: str, source: str) -> list[Assignment]:
    """The assignments of a JSON text: a ``freezer_action`` object, one around it, or a job of exactly one action."""
    import json

    def unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        keys = [key for key, _ in pairs]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise UsageError(f"{source}: {twice[0]} is given twice")
        return dict(pairs)

    try:
        document: Json = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise UsageError(f"{source}: line {error.lineno} is no JSON: {error.msg}") from None
    return parse_action(_action_of(document, source), source)


def _action_of(document: Json, source: str) -> Mapping[str, Json]:
    if isinstance(document, Mapping):
        actions = document.get("job_actions")
        if isinstance(actions, Sequence) and not isinstance(actions, str):
            if len(actions) != 1:
                raise UsageError(f"{source}: the agent runs one action, but the job has {len(actions)}")
            document = actions[0]
    if isinstance(document, Mapping):
        document = document.get("freezer_action", document)
    if not isinstance(document, Mapping):
        raise UsageError(f"{source}: a freezer_action must be an object")
    return document
