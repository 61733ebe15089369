"""What the agent says of a result, however it was started."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from freezer.cmd.output import Output

if TYPE_CHECKING:
    from freezer.agent.result import Result

_SHOWN_FAILURES = 20


def hostname() -> str:
    """The name of this host."""
    if sys.platform != "win32":
        return os.uname().nodename
    import platform

    return platform.node()


def show(result: Result, output: Output) -> None:
    """What people are told of a result."""
    from freezer.cmd.tables import Summary, Table, View

    views: list[View] = []
    if result.table is not None:
        views.append(Table(result.table.columns, result.table.rows) if result.table.rows else result.table.empty)
    if result.properties is not None:
        views.append(Summary(result.properties))
    views += result.lines
    output.result(result.document, *views, essential=result.properties is None)
    output.aside(result.asides)
    for warning in result.warnings:
        output.warning(warning)
    for failure in result.failures[:_SHOWN_FAILURES]:
        output.warning(f"{failure.path}: {failure.reason}")
    if len(result.failures) > _SHOWN_FAILURES:
        output.warning(f"{len(result.failures) - _SHOWN_FAILURES} more items", hint="--json lists them")
