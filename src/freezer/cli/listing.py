"""What all lists have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from freezer.cli.command import Argument, Given, Listing

LIST_ARGUMENTS = (
    Argument(("--limit",), "how many to list (default: 100; 0: all)", kind="count", default=100, metavar="N"),
    Argument(("--offset",), "how many to pass over (default: 0)", kind="count", default=0, metavar="N"),
    Argument(
        ("--search",),
        'what to look for: words, or JSON as in \'[{"status": "completed"}]\'; see also match_not in the guide',
        metavar="TEXT",
    ),
)

Cells = Callable[[Mapping[str, Any]], object]


def page(given: Given) -> dict[str, Any]:
    """``limit`` and ``offset`` for the collection."""
    return {"limit": given.count("limit") or None, "offset": given.count("offset")}


def listing(columns: Mapping[str, Cells], documents: Sequence[Mapping[str, Any]]) -> Listing:
    """``documents`` in a table whose columns say how their cells are read."""
    rows = [tuple(cell(document) for cell in columns.values()) for document in documents]
    return Listing(tuple(columns), rows, documents)


def pairs(columns: Mapping[str, Cells], document: Mapping[str, Any]) -> dict[str, object]:
    """The columns of one document."""
    return {name: cell(document) for name, cell in columns.items()}


def value(*keys: str, default: object = None) -> Cells:
    """The cell that has what stands below ``keys``: an empty text if they are not there. A value null is shown as
    ``default`` is, if there is one."""

    def cell(document: Mapping[str, Any]) -> object:
        found: Any = document
        for key in keys:
            if not isinstance(found, Mapping) or key not in found:
                return "" if default is None else default
            found = found[key]
        return default if found is None else found

    return cell


def size(key: str) -> Cells:
    """The cell that has the number of things below ``key``."""
    return lambda document: len(document.get(key) or ())
