"""On which line of a file something stands, so that an error can name it.

A *path* leads from a document to a part of it: keys and indices (``("job_actions", 0, "max_retries")``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import yaml

Path = tuple[str | int, ...]

_BLANKS = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"[^\s,\]}]+")


def json_lines(text: str) -> list[tuple[Path, int]]:
    """The line, counted from 1, of each part of ``text``, which is valid JSON: of its key if it has one, otherwise of
    its value. A part that is there twice comes twice."""
    return [(path, text.count("\n", 0, offset) + 1) for path, offset in _walk_json(text, _blank(text, 0), ())[1]]


def _walk_json(text: str, start: int, path: Path) -> tuple[int, list[tuple[Path, int]]]:
    """The offset behind the value that begins at ``start``, and where its parts are."""
    found = [(path, start)]
    if text[start] == '"':
        return scanstring(text, start + 1, False)[1], found
    if text[start] not in "{[":
        scalar = _SCALAR.match(text, start)
        return (len(text) if scalar is None else scalar.end()), found
    keyed = text[start] == "{"
    place, index = _blank(text, start + 1), 0
    while text[place] not in "}]":
        at = place
        key: str | int = index
        if keyed:
            key, place = scanstring(text, place + 1, False)
            place = _blank(text, _blank(text, place) + 1)  # behind the colon
        place, inner = _walk_json(text, place, (*path, key))
        found += [((*path, key), at), *inner[1:]]
        place = _blank(text, place)
        if text[place] == ",":
            place = _blank(text, place + 1)
        index += 1
    return place + 1, found


def _blank(text: str, place: int) -> int:
    match = _BLANKS.match(text, place)
    return place if match is None else match.end()


def yaml_lines(node: yaml.Node, path: Path = ()) -> Iterator[tuple[Path, int]]:
    """The line, counted from 1, of each part of a composed YAML document."""
    import yaml

    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value), key.start_mark.line + 1
            yield from list(yaml_lines(value, (*path, key.value)))[1:]
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from yaml_lines(value, (*path, index))


def nearest(lines: dict[Path, int], path: Path) -> int | None:
    """The line of the part at ``path``, or of the nearest one around it that there is."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def repeated(parts: list[tuple[Path, int]], key: str | None = None) -> tuple[Path, int] | None:
    """The second of two parts in the same place (None: there is none), with its line; only those named ``key``."""
    seen: set[Path] = set()
    for path, line in parts:
        if path in seen and key in (None, path[-1]):
            return path, line
        seen.add(path)
    return None
