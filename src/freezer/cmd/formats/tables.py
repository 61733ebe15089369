"""Tables within lines of ``+``, ``-`` and ``|``, as PrettyTable draws them for OpenStack's programs."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from freezer.cli.cells import readable
from freezer.log import escaped

_NARROWEST = 8  # no column is folded narrower than that


def draw(columns: Sequence[str], rows: Sequence[Sequence[object]], width: int = 0) -> str:
    """The table, no wider than ``width`` if that can be (0: as wide as it wants). Columns of numbers, which the first
    row tells, stand to the right."""
    right = [_is_number(cell) for cell in (rows[0] if rows else columns)]
    cells = [[_lines(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(_width(line) for row in cells for line in row[index]) for index in range(len(columns))]
    widths = _fitted(widths, width)
    rule = "".join(f"+{'-' * (each + 2)}" for each in widths) + "+\n"
    drawn = [_row(row, widths, right) for row in cells]
    return rule + drawn[0] + rule + "".join(drawn[1:]) + (rule if rows else "")


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _row(cells: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool]) -> str:
    folded = [
        [piece for line in cell for piece in _folded(line, width)] for cell, width in zip(cells, widths, strict=True)
    ]
    lines = []
    for number in range(max(map(len, folded))):
        parts = (
            _padded(cell[number] if number < len(cell) else "", width, to_right)
            for cell, width, to_right in zip(folded, widths, right, strict=True)
        )
        lines.append("".join(f"| {part} " for part in parts) + "|\n")
    return "".join(lines)


def _lines(cell: object) -> list[str]:
    return [escaped(line) for line in readable(cell).split("\n")]


def _fitted(widths: Sequence[int], width: int) -> list[int]:
    """``widths`` with the greatest made smaller until the table is no wider than ``width``."""
    fitted = list(widths)
    while width and sum(fitted) + 3 * len(fitted) + 1 > width and max(fitted) > _NARROWEST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _folded(line: str, width: int) -> list[str]:
    """``line`` in pieces of at most ``width`` columns, cut behind a blank where there is one."""
    pieces = []
    while _width(line) > width:
        end = _fitting(line, width)
        blank = line.rfind(" ", 1, end + 1)
        end = blank if blank > 0 else end
        pieces.append(line[:end])
        line = line[end:].lstrip(" ")
    return [*pieces, line]


def _fitting(line: str, width: int) -> int:
    """How many characters of ``line`` fit into ``width`` columns; one at least."""
    used = 0
    for count, character in enumerate(line):
        used += _width(character)
        if used > width:
            return max(count, 1)
    return len(line)


def _padded(text: str, width: int, to_right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if to_right else text + blanks


def _width(text: str) -> int:
    """Columns of a terminal that ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )
