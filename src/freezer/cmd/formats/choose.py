"""The options that choose a format, and what they ask for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass

from freezer.cli.command import Command, Listing, Record, Shown, count
from freezer.errors import UsageError

LIST_FORMATS = ("csv", "json", "table", "value", "yaml")
RECORD_FORMATS = ("json", "shell", "table", "value", "yaml")
QUOTES = ("all", "minimal", "none", "nonnumeric")


@dataclass(frozen=True, slots=True)
class Choice:
    """How to show something. ``columns``: only these, all if empty; ``width``: the widest that a table may be, 0 for
    as wide as it wants; ``fit``: no wider than the terminal."""

    format: str = "table"
    columns: Sequence[str] = ()
    indented: bool = True
    prefix: str = ""
    quote: str = "nonnumeric"
    sort: Sequence[str] = ()
    descending: bool = False
    width: int = 0
    fit: bool = False
    print_empty: bool = False


def add_format_options(parser: argparse.ArgumentParser, command: Command) -> None:
    """Let ``parser`` read the options that fit what ``command`` shows."""
    if command.shows not in (Listing, Record):
        return
    several = command.shows is Listing
    formats = LIST_FORMATS if several else RECORD_FORMATS
    group = parser.add_argument_group("output")
    add = group.add_argument
    add("-f", "--format", choices=formats, default="table", help="how to show it (default: table)")
    add("-c", "--column", action="append", default=[], metavar="COLUMN", help="only this column; may be repeated")
    add("--noindent", action="store_true", help="JSON on one line")
    if several:
        add("--quote", choices=QUOTES, default="nonnumeric", help="what CSV quotes (default: nonnumeric)")
        add("--sort-column", action="append", default=[], metavar="COLUMN", help="sort by it; may be repeated")
        order = group.add_mutually_exclusive_group()
        order.add_argument("--sort-ascending", action="store_true", help="smallest first (the default)")
        order.add_argument("--sort-descending", action="store_true", help="greatest first")
    else:
        add("--prefix", default="", metavar="PREFIX", help="what the names of shell variables begin with")
    add("--max-width", type=count, metavar="N", help="the widest a table may be (CLIFF_MAX_TERM_WIDTH)")
    add("--fit-width", action="store_true", help="no table wider than the terminal (CLIFF_FIT_WIDTH=1)")
    add("--print-empty", action="store_true", help="a table even if there is nothing in it")


def choice(options: argparse.Namespace) -> Choice:
    """What ``options`` ask for."""
    width = options.max_width
    if width is None:
        width = _number("CLIFF_MAX_TERM_WIDTH")
    return Choice(
        format=options.format,
        columns=tuple(options.column),
        indented=not options.noindent,
        prefix=getattr(options, "prefix", ""),
        quote=getattr(options, "quote", "nonnumeric"),
        sort=tuple(getattr(options, "sort_column", ())),
        descending=getattr(options, "sort_descending", False),
        width=width,
        fit=options.fit_width or _number("CLIFF_FIT_WIDTH") > 0,
        print_empty=options.print_empty,
    )


def chosen(shown: Shown, choice: Choice) -> tuple[list[str], list[list[object]]]:
    """Columns and rows that were asked for, in the order that was asked for; a record is one row."""
    if isinstance(shown, Record):
        columns, rows = list(shown.pairs), [list(shown.pairs.values())]
    elif isinstance(shown, Listing):
        columns, rows = list(shown.columns), [list(row) for row in shown.rows]
    else:
        raise TypeError(f"{type(shown).__name__} has no columns")
    for name in reversed(choice.sort):
        index = _index(columns, name)
        rows.sort(key=lambda row: _rank(row[index]), reverse=choice.descending)
    if not choice.columns:
        return columns, rows
    wanted = sorted({_index(columns, name) for name in choice.columns})
    return [columns[index] for index in wanted], [[row[index] for index in wanted] for row in rows]


def _index(columns: Sequence[str], name: str) -> int:
    for index, column in enumerate(columns):
        if column.lower() == name.lower():
            return index
    raise UsageError(f"there is no column {name!r}, only {', '.join(columns)}")


def _rank(cell: object) -> tuple[int, float, str]:
    """Nothing before numbers, numbers before texts."""
    if cell is None or cell == "":
        return 0, 0.0, ""
    if isinstance(cell, int | float):
        return 1, float(cell), ""
    return 2, 0.0, str(cell)


def _number(variable: str) -> int:
    text = os.environ.get(variable) or "0"
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"{variable} must be a number, not {text!r}")
    return int(text)
