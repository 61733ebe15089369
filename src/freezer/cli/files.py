"""Documents from files: JSON as the original's users have it, or YAML; errors name the line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from freezer.cli.positions import Path, json_lines, nearest, repeated, yaml_lines
from freezer.errors import ApiInvalid, DocumentError, UsageError

T = TypeVar("T")
_LARGEST = 1024 * 1024  # bytes, which is what the API takes
_LARGEST_LIST = 1024 * 1024 * 1024


class _TwiceError(Exception):
    """A JSON object has a key twice."""


@dataclass(frozen=True, slots=True)
class FileDocument:
    """``content``, which was read from the file ``name``; ``lines``: where its parts stand."""

    name: str
    content: dict[str, Any]
    lines: dict[Path, int] = field(repr=False)

    def read(self, reader: Callable[[object], Mapping[str, Any]], **values: object) -> FileDocument:
        """The same as ``reader`` understands it, with ``values`` put in; :class:`UsageError` with the line of what it
        does not understand."""
        with self.blamed():
            return replace(self, content={**reader(self.content), **values})

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Errors about the document name file and line."""
        try:
            yield
        except DocumentError as error:
            raise UsageError(f"{self._place(error.path)}: {error.message}", hint=error.hint) from error
        except ApiInvalid as error:
            if error.path is None:
                raise
            text = f"{self._place(error.path)}: {error.message}"
            raise ApiInvalid(
                text, hint=error.hint, status=error.status, request_id=error.request_id, path=error.path
            ) from error

    def _place(self, path: Path) -> str:
        line = nearest(self.lines, path)
        return self.name if line is None else f"{self.name}: line {line}"


def read_document(name: str) -> FileDocument:
    """The document in the file ``name`` (``-``: standard input), a JSON or YAML object; :class:`UsageError` if it
    cannot be read, with the line of what is wrong."""
    shown = "standard input" if name == "-" else name
    text = _text(name, shown)
    content, lines = _json(text, shown) if _looks_like_json(text) else _yaml(text, shown)
    if not isinstance(content, dict):
        raise UsageError(f"{shown} must contain one object, not {_kind(content)}")
    return FileDocument(shown, content, lines)


def read_list(name: str, form: type[T]) -> list[T]:
    """The JSON list in the file ``name`` (``-``: standard input), each of its items a ``form``; :class:`UsageError` if
    it is none, with the line of what is wrong."""
    from freezer.model.reading import read_form

    shown = "standard input" if name == "-" else name
    content, lines = _json(_text(name, shown, _LARGEST_LIST), shown)
    if not isinstance(content, list):
        raise UsageError(f"{shown} must contain a list, not {_kind(content)}")
    try:
        return read_form(content, list[form])  # type: ignore[valid-type]
    except DocumentError as error:
        line = nearest(lines, error.path)
        raise UsageError(f"{shown}{'' if line is None else f': line {line}'}: {error.message}") from error


def _text(name: str, shown: str, largest: int = _LARGEST) -> str:
    try:
        if name == "-":
            data = sys.stdin.buffer.read(largest + 1)
        else:
            with open(name, "rb") as file:
                data = file.read(largest + 1)
        if len(data) > largest:
            raise UsageError(f"{shown} has more than {largest} bytes, which no API takes")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{shown}: line {line} is not UTF-8 text") from None


def _looks_like_json(text: str) -> bool:
    return text.lstrip().startswith(("{", "[")) or not text.strip()


def _json(text: str, shown: str) -> tuple[object, dict[Path, int]]:
    if not text.strip():
        raise UsageError(f"{shown} is empty")
    try:
        content = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise UsageError(f"{shown}: line {error.lineno}, column {error.colno}: {_lower(error.msg)}") from None
    except RecursionError:
        raise UsageError(f"{shown} is nested too deeply") from None
    except _TwiceError as error:
        (key,) = error.args
        found = repeated(json_lines(text), key)
        raise UsageError(_twice(shown, key, found[1] if found else None)) from None
    return content, dict(json_lines(text))


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object. A key twice with the same value does no harm; of two values nobody knows which is meant."""
    result: dict[str, object] = {}
    for key, value in pairs:
        if key in result and result[key] != value:
            raise _TwiceError(key)
        result[key] = value
    return result


def _twice(shown: str, key: object, line: int | None) -> str:
    where = "" if line is None else f": line {line}"
    return f"{shown}{where}: {key!r} is there twice, with different values"


def _yaml(text: str, shown: str) -> tuple[object, dict[Path, int]]:
    try:
        import yaml
    except ModuleNotFoundError:
        raise UsageError(
            f"{shown} is not JSON, and PyYAML, which reads YAML, is not installed", hint="pip install 'freezer[client]'"
        ) from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.load(text, Loader=_loader(yaml))  # noqa: S506  a safe one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise UsageError(f"{shown}: {where}{error.problem or 'is neither JSON nor YAML'}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{shown} is neither JSON nor YAML: {' '.join(str(error).split())}") from None
    parts = [] if node is None else list(yaml_lines(node))
    if (found := repeated(parts)) is not None:
        raise UsageError(_twice(shown, found[0][-1], found[1]))
    return content, dict(parts)


def _loader(yaml: Any) -> Any:
    """A safe loader that leaves dates the text they are, as the API wants them."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader


def _kind(content: object) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(content), "a number or truth value")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
