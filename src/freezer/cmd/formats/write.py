"""What a command shows, in a format."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Literal

from freezer.cli.cells import compact
from freezer.cli.command import Record, Shown
from freezer.cmd.formats.choose import Choice, chosen
from freezer.errors import UsageError

Rows = Sequence[Sequence[object]]


def formatted(shown: Shown, choice: Choice, terminal_width: int | None) -> str:
    """``shown`` as text; ``terminal_width`` is None where no terminal is."""
    columns, rows = chosen(shown, choice)
    single = isinstance(shown, Record)
    if choice.format == "table":
        return _table(columns, rows, choice, terminal_width, single=single)
    if choice.format == "json":
        return _json(columns, rows, choice, single=single)
    if choice.format == "yaml":
        return _yaml(columns, rows, single=single)
    if choice.format == "csv":
        return _csv(columns, rows, choice)
    if choice.format == "shell":
        return _shell(columns, rows[0], choice.prefix)
    separator = "\n" if single else " "
    return "".join(separator.join(compact(cell) for cell in row) + "\n" for row in rows)


def _table(columns: Sequence[str], rows: Rows, choice: Choice, terminal_width: int | None, *, single: bool) -> str:
    from freezer.cmd.formats.tables import draw

    if not rows and not choice.print_empty:
        return "\n"
    width = choice.width or (terminal_width or 0)
    if single:
        return draw(
            ("Field", "Value"), [(name, _text(cell)) for name, cell in zip(columns, rows[0], strict=True)], width
        )
    return draw(columns, rows, width)


def _text(cell: object) -> object:
    """Numbers as texts: in a table of one object no column is one of numbers."""
    return str(cell) if isinstance(cell, int | float) else cell


def _json(columns: Sequence[str], rows: Rows, choice: Choice, *, single: bool) -> str:
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    indent = 2 if choice.indented else None
    return json.dumps(objects[0] if single else objects, indent=indent, ensure_ascii=False) + "\n"


def _yaml(columns: Sequence[str], rows: Rows, *, single: bool) -> str:
    try:
        import yaml
    except ModuleNotFoundError:
        raise UsageError("-f yaml needs PyYAML, which is not installed", hint="pip install 'freezer[client]'") from None
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    document = objects[0] if single else objects
    return str(yaml.safe_dump(document, default_flow_style=False, allow_unicode=True, sort_keys=False))


def _csv(columns: Sequence[str], rows: Rows, choice: Choice) -> str:
    import csv

    quoting: dict[str, Literal[0, 1, 2, 3]] = {
        "all": csv.QUOTE_ALL,
        "minimal": csv.QUOTE_MINIMAL,
        "none": csv.QUOTE_NONE,
        "nonnumeric": csv.QUOTE_NONNUMERIC,
    }
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=quoting[choice.quote], lineterminator="\n", escapechar="\\")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([compact(cell) if isinstance(cell, dict | list | tuple) else cell for cell in row])
    return buffer.getvalue()


def _shell(columns: Sequence[str], row: Sequence[object], prefix: str) -> str:
    return "".join(
        f"{prefix}{_variable(name)}={_quoted(compact(cell))}\n" for name, cell in zip(columns, row, strict=True)
    )


def _variable(name: str) -> str:
    text = "".join(each if each.isalnum() else "_" for each in name.lower().strip("# "))
    return text if text and not text[0].isdigit() else f"_{text}"


def _quoted(text: str) -> str:
    """``text`` in double quotes, within which a shell does nothing with it."""
    for special in ("\\", '"', "$", "`"):
        text = text.replace(special, f"\\{special}")
    return f'"{text}"'
