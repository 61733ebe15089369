"""What an action came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from freezer.errors import FreezerError
from freezer.model.items import ItemFailure
from freezer.model.upkeep import Upkeep

Cell = str | int | float | None


class Table(msgspec.Struct, frozen=True):
    """Rows to show; ``empty`` stands for a table without any."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str = "nothing found"


class Result(msgspec.Struct, frozen=True):
    """``document`` is printed by ``--json``; ``report`` by ``--metadata-out`` (None: this action has none). People see
    ``table`` or ``properties``, then ``lines``; then, on standard error, ``asides`` as they are, the ``warnings`` and
    the ``failures``. With failures the result is partial. With an ``error`` the action failed although it has
    something to show; the error is raised once that is shown. ``upkeep``: what an API shall know of older backups."""

    document: Mapping[str, object] | Sequence[object]
    report: object = None
    table: Table | None = None
    properties: Mapping[str, object] | None = None
    lines: Sequence[str] = ()
    asides: Sequence[str] = ()
    warnings: Sequence[str] = ()
    failures: Sequence[ItemFailure] = msgspec.field(default_factory=tuple)
    error: FreezerError | None = None
    upkeep: Upkeep = Upkeep()
