"""The clock of the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class Now(FunctionElement[int]):
    """Milliseconds since 1970, as whole number. MariaDB tells when the statement began, which a wait for a lock makes
    too early: a lease is then shorter than promised and is taken away later than it could be, never the reverse."""

    type = BigInteger()
    inherit_cache = True
    name = "now_ms"


@compiles(Now, "sqlite")
def _sqlite(_element: Now, _compiler: Any, **_: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(Now, "postgresql")
def _postgresql(_element: Now, _compiler: Any, **_: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


@compiles(Now, "mysql")
@compiles(Now, "mariadb")
def _mysql(_element: Now, _compiler: Any, **_: Any) -> str:
    # UNIX_TIMESTAMP() of a local time is wrong in the hour that summer time repeats.
    return "CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000 AS SIGNED)"
