"""What an action came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from freezer.model.items import ItemFailure

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to show; ``empty`` stands for a table without any."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str = "nothing found"


@dataclass(frozen=True, slots=True)
class Result:
    """``document`` is printed by ``--json``; ``report`` by ``--metadata-out`` (None: this action has none). People see
    ``table`` or ``properties``, then ``lines``, then the ``failures``. With failures the result is partial."""

    document: Mapping[str, object] | Sequence[object]
    report: object = None
    table: Table | None = None
    properties: Mapping[str, object] | None = None
    lines: Sequence[str] = ()
    failures: Sequence[ItemFailure] = field(default_factory=tuple)
