"""One action done in several storages, told as one result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import msgspec

from freezer.agent.places.place import Place, each, failure_of
from freezer.agent.result import Result, Table
from freezer.model.upkeep import Upkeep


def in_each(places: Sequence[Place], act: Callable[[Place], Result]) -> Result:
    """``act`` in every place; one result of all, or that of the only one.

    Of several, rows have the storage's name, in their first column or under ``storage``; a document that is an object
    becomes one of ``storages``, which is also where the ``error`` of a place stands.
    """
    results = each(places, act)
    for place, result in results:
        place.error = result.error
    if len(places) == 1:
        return results[0][1]
    lines = [f"{place.name}: {line}" for place, result in results for line in result.lines]
    return Result(
        document=_document(places, results),
        report=_rows(results) if all(result.report is not None for _, result in results) else None,
        table=_table(results),
        lines=lines,
        warnings=[f"{place.name}: {warning}" for place, result in results for warning in result.warnings],
        failures=[failure for _, result in results for failure in result.failures],
        error=failure_of(places),
        upkeep=reduce(Upkeep.plus, (result.upkeep for _, result in results), Upkeep()),
    )


def _document(places: Sequence[Place], results: Sequence[tuple[Place, Result]]) -> dict[str, object] | list[object]:
    done = {place.name: result.document for place, result in results}
    if any(isinstance(document, Sequence) for document in done.values()):
        return _rows(results)
    about: list[object] = []
    for place in places:
        document = done.get(place.name, {})
        failed = {"error": place.error.message} if place.error is not None else {}
        about.append({"storage": place.name, **(document if isinstance(document, dict) else {}), **failed})
    return {"storages": about}


def _rows(results: Sequence[tuple[Place, Result]]) -> list[object]:
    return [
        {"storage": place.name, **row}
        for place, result in results
        if isinstance(result.document, Sequence)
        for row in result.document
        if isinstance(row, dict)
    ]


def _table(results: Sequence[tuple[Place, Result]]) -> Table | None:
    tables = [(place, result.table) for place, result in results if result.table is not None]
    if not tables:
        return None
    columns = max((table.columns for _, table in tables), key=len)
    rows = [(place.name, *row) for place, table in tables for row in table.rows]
    return msgspec.structs.replace(tables[0][1], columns=("storage", *columns), rows=rows)
