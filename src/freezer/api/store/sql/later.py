"""Statements whose results nobody looks at.

A question costs more than what is asked: with MySQL and MariaDB, whose driver is Python, a server of the API spends a
tenth of a millisecond on asking, however little that is. So what a transaction only writes is kept there until it reads
something or commits, and all of it goes to the database at once; the order never changes. Other databases are given
each statement as it comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Executable

LATER = "freezer_later"
"""The execution option that such a statement has."""

_OPTIONS = {LATER: True}


def write_later(
    connection: Connection, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
) -> None:
    """Execute ``statement``, at the latest before the next one that is executed in the usual way, or the commit: what
    is wrong with it is raised there."""
    connection.execute(statement, values, execution_options=_OPTIONS)


def write_text_later(connection: Connection, statement: str, values: tuple[object, ...]) -> None:
    """The same with a statement as the driver knows it."""
    connection.exec_driver_sql(statement, values, execution_options=_OPTIONS)
