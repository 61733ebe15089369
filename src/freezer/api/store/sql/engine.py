"""Connections: what each database must be told so that a transaction means the same everywhere."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.util import immutabledict

from freezer.api.store.contract import Unavailable
from freezer.errors import UsageError

WRITING = "freezer_writing"
_BUSY_SECONDS = 30
_RECYCLE_SECONDS = 300
_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 60
_LOCK_SECONDS = 30

_MYSQL_AGAIN = frozenset({1205, 1213})  # lock wait timeout, deadlock
_POSTGRESQL_AGAIN = frozenset({"40001", "40P01", "55P03"})  # serialization failure, deadlock, lock timeout
_MYSQL_AWAY = frozenset(
    {
        *(1040, 1053, 1077, 1152, 1203, 1317, 1927),  # too many connections, going down, connection or query killed
        *(1290, 1792, 1836),  # read-only
        *(3, 28, 1021, 1026, 1030, 1114, 1180, 1877),  # disk or table full, files that cannot be written
        *(2002, 2003, 2006, 2013, 2014, 2055),  # not reachable, gone, lost
        *(1044, 1045, 1049, 1129, 1130, 1698),  # nobody lets us in
    }
)
_POSTGRESQL_AWAY = ("08", "53", "57P", "58", "25006", "28", "3D000", "XX")
"""How codes begin: connections, resources and disk, shutdown, input and output, read-only, not let in, broken."""
_SQLITE_AWAY = ("disk is full", "readonly database", "unable to open", "disk i/o error", "not a database", "malformed")
_MYSQL_TWICE = frozenset({1062, 1586})


def told(error: Exception) -> str:
    """What the database said, without the statement and its values."""
    origin = getattr(error, "orig", None) or error
    return str(origin).strip().splitlines()[0] if str(origin).strip() else type(origin).__name__


@contextmanager
def explained() -> Iterator[None]:
    """What databases say as one of our errors."""
    try:
        yield
    except DBAPIError as error:
        raise Unavailable(f"the database cannot be used: {told(error)}") from error


def open_engine(url: str, *, connections: int = 10) -> Engine:
    """An engine for ``url``, with at most ``connections`` at once; UsageError for a URL that cannot be used."""
    try:
        parsed = _with_driver(make_url(url))
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        return _server(parsed, connections)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise UsageError(
            f"[database] connection: {error}", hint="for example sqlite:////var/lib/freezer/api.db"
        ) from None


def open_foreign(url: str) -> Engine:
    """An engine that only reads, all in one moment's state; UsageError for a URL that cannot be used."""
    try:
        parsed = _with_driver(make_url(url))
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, isolation_level="REPEATABLE READ")
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise UsageError(f"database: {error}", hint="for example mysql://freezer:PASSWORD@HOST/freezer") from None
    if not parsed.database or not os.path.isfile(parsed.database):
        raise UsageError(f"there is no file {parsed.database}")
    name = f"file:{quote(os.path.abspath(parsed.database))}"
    return create_engine(parsed.set(database=name, query={"mode": "ro", "uri": "true"}))


def on_host(url: str, host: str) -> str:
    """``url`` with another host, perhaps with a port; UsageError if its database is a file."""
    try:
        parsed = make_url(url)
        name, _, port = host.partition(":")
        moved = parsed.set(host=name, port=int(port) if port else parsed.port)
    except (ArgumentError, ValueError):
        raise UsageError(f"db-host {host} is no name of a host, and no URL") from None
    if parsed.get_backend_name() == "sqlite":
        hint = "for example postgresql://freezer:PASSWORD@HOST/freezer"
        raise UsageError(f"the configured database is a file, which has no host {host}: give a URL", hint=hint)
    return moved.render_as_string(hide_password=False)


def shown(url: str) -> str:
    """``url`` as anybody may read it."""
    return make_url(url)._replace(password=None, query=immutabledict()).render_as_string()


def _with_driver(url: URL) -> URL:
    driver = _DRIVERS.get(url.drivername)
    return url.set(drivername=driver) if driver else url


def for_reading(engine: Engine, *, connections: int = 10) -> Engine:
    """Another engine for the database of ``engine``, for units that only read: each statement by itself.

    At READ COMMITTED a transaction of reading statements promises no more than they do one by one, but costs three more
    questions to the server. SQLite asks nobody.
    """
    if engine.dialect.name == "sqlite":
        return engine
    return _server(engine.url, connections, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True)


def _server(url: URL, connections: int, **more: Any) -> Engine:
    """Nobody asks whether a connection still lives before it is used, nor are transactions ended that have ended: a
    unit whose connection is dead is done again, and whoever uses a connection leaves no transaction open."""
    postgresql = url.get_backend_name() == "postgresql"
    arguments: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS}
    if postgresql:
        arguments.update(keepalives_idle=_CONNECT_SECONDS, tcp_user_timeout=_ANSWER_SECONDS * 1000)
    else:
        arguments.update(charset="utf8mb4", read_timeout=_ANSWER_SECONDS, write_timeout=_ANSWER_SECONDS)
    engine = create_engine(
        url,
        **{"isolation_level": "READ COMMITTED", **more},
        pool_size=connections,
        max_overflow=0,
        pool_reset_on_return=None,
        pool_recycle=_RECYCLE_SECONDS,
        connect_args=arguments,
    )
    event.listen(engine, "connect", _prepare_postgresql if postgresql else _prepare_mysql)
    if url.get_driver_name() == "pymysql":
        from freezer.api.store.sql.together import send_together

        send_together(engine)
    return engine


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
    connection.commit()


def _prepare_mysql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET innodb_lock_wait_timeout = {_LOCK_SECONDS}, sql_mode = 'TRADITIONAL'")


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that begins by reading cannot always be turned into one that writes.
    writing = connection.get_execution_options().get(WRITING)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def again(error: DBAPIError) -> bool:
    """Whether the database wants the whole transaction to be done once more."""
    if error.connection_invalidated:
        return True
    if getattr(error.orig, "sqlstate", None) in _POSTGRESQL_AGAIN or _number(error) in _MYSQL_AGAIN:
        return True
    return isinstance(error, OperationalError) and "database is locked" in str(error.orig)


def away(error: DBAPIError) -> bool:
    """Whether the database cannot be reached or cannot store anything now: nobody's request is to blame for that."""
    if error.connection_invalidated or _number(error) in _MYSQL_AWAY:
        return True
    code = getattr(error.orig, "sqlstate", None)
    if code is not None:
        return str(code).startswith(_POSTGRESQL_AWAY)
    text = str(error.orig).lower()
    if isinstance(error.orig, sqlite3.Error):
        return any(each in text for each in _SQLITE_AWAY)
    # psycopg has no code for a server that it never spoke to, nor PyMySQL for a connection that it closed itself
    return isinstance(error, OperationalError | InterfaceError) and not isinstance(_number(error), int)


def twice(error: IntegrityError) -> bool:
    """Whether something is there already that can be there only once."""
    if _number(error) in _MYSQL_TWICE or getattr(error.orig, "sqlstate", None) == "23505":
        return True
    return "UNIQUE constraint failed" in str(error.orig)


def _number(error: DBAPIError) -> object:
    """MySQL's number of an error."""
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments else None
