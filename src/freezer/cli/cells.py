"""One cell as text."""

from __future__ import annotations

import json


def readable(cell: object) -> str:
    """For people: nothing is nothing, structures are JSON over several lines."""
    if cell is None:
        return ""
    if isinstance(cell, dict | list | tuple):
        return json.dumps(cell, indent=2, ensure_ascii=False) if cell else ""
    return str(cell)


def compact(cell: object) -> str:
    """For programs: structures are JSON on one line."""
    if isinstance(cell, dict | list | tuple):
        return json.dumps(cell, ensure_ascii=False)
    return str(cell)
