"""What people read: tables and summaries, as text.

On a terminal rich lays tables out; everywhere else they are plain text whose lines stay as they are however wide they
get, so that they can be searched. Every cell is shown on one line, control characters escaped.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from freezer.log import escaped


class Table(msgspec.Struct, frozen=True):
    """Rows below a heading, or ``empty`` if there are none. Columns of numbers are aligned to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    empty: str = "nothing found"

    def numeric(self) -> list[bool]:
        """For each column, whether it holds numbers only."""
        columns = zip(*self.rows, strict=True) if self.rows else ([""] for _ in self.columns)
        return [all(isinstance(cell, (int, float)) for cell in column) for column in columns]


class Summary(msgspec.Struct, frozen=True):
    """Labels and values, one pair a line, below a title if there is one."""

    pairs: Mapping[str, object]
    title: str = ""


View = Table | Summary | str


def plain(view: View) -> str:
    """``view`` as text, ending in a newline unless it is empty."""
    if isinstance(view, Table):
        return _plain_table(view)
    if isinstance(view, Summary):
        return _summary(view)
    return f"{escaped(view)}\n"


def for_terminal(view: View, width: int, *, colour: bool) -> str:
    """``view`` laid out for a terminal of ``width`` columns; long cells are folded, never cut."""
    if not isinstance(view, Table) or not view.rows:
        return plain(view)
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    table = RichTable(box=None, pad_edge=False, header_style="bold")
    for column, numeric in zip(view.columns, view.numeric(), strict=True):
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in view.rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    buffer = io.StringIO()
    Console(file=buffer, width=width, force_terminal=colour, no_color=not colour, highlight=False).print(table)
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())


def property_table(mapping: Mapping[str, object]) -> str:
    """The original's table of a report: ``Property | Value``, underscores shown as spaces, cells centred."""
    return grid(("Property", "Value"), [(key.replace("_", " "), value) for key, value in mapping.items()])


def grid(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table within ASCII lines, cells centred, as PrettyTable draws it by default."""
    cells = [[_cell(value) for value in row] for row in (columns, *rows)]
    widths = _widths(cells)
    rule = "".join(f"+{'-' * (width + 2)}" for width in widths) + "+\n"
    lines = ["".join(f"| {_centred(*pair)} " for pair in zip(row, widths, strict=True)) + "|\n" for row in cells]
    return rule + lines[0] + rule + "".join(lines[1:]) + rule


def _plain_table(table: Table) -> str:
    if not table.rows:
        return f"{escaped(table.empty)}\n"
    cells = [[_cell(value) for value in row] for row in (table.columns, *table.rows)]
    widths = _widths(cells)
    right = table.numeric()
    lines = []
    for row in cells:
        parts = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        lines.append("  ".join(parts).rstrip() + "\n")
    return "".join(lines)


def _summary(summary: Summary) -> str:
    width = max((len(label) for label in summary.pairs), default=0)
    title = f"{escaped(summary.title)}\n" if summary.title else ""
    indent = "  " if title else ""
    pairs = summary.pairs.items()
    return title + "".join(
        f"{indent}{escaped(k)}:{' ' * (width - len(k))} {_cell(v)}".rstrip() + "\n" for k, v in pairs
    )


def _cell(value: object) -> str:
    return "" if value is None else escaped(str(value))


def _widths(cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*cells, strict=True)]


def _centred(text: str, width: int) -> str:
    """PrettyTable puts an odd blank after a text of odd length and before one of even length."""
    excess = width - len(text)
    left = excess // 2 + (excess % 2 if len(text) % 2 == 0 else 0)
    return " " * left + text + " " * (excess - left)
