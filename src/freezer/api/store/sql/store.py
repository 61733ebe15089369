"""The store: units as transactions, done again when the database asks for it."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from freezer.api.store.contract import Exists, Unavailable
from freezer.api.store.known import Known
from freezer.api.store.sql.engine import WRITING, again, away, for_reading, told, twice
from freezer.api.store.sql.migrate import check_version
from freezer.api.store.sql.turns import turns_at
from freezer.api.store.sql.unit import SqlUnit
from freezer.clock import Clock

T = TypeVar("T")
_TRIES = 8
_FIRST_PAUSE = 0.02


class SqlStore:
    """A store in the database of ``engine``; ``repeated`` is called whenever a unit is done again."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        known: Known | None = None,
        repeated: Callable[[], None] | None = None,
        connections: int = 10,
    ) -> None:
        self._engine = engine
        self._reading = for_reading(engine, connections=connections)
        self._clock = clock
        self._known = known or Known()
        self._repeating = repeated
        self._locking = engine.dialect.name != "sqlite"
        self._turns = None if self._locking else turns_at(str(engine.url.database))

    @property
    def writes(self) -> bool:
        return True

    def read(self, work: Callable[[SqlUnit], T]) -> T:
        return self._repeated(work, self._reading)

    def write(self, work: Callable[[SqlUnit], T]) -> T:
        engine = self._engine.execution_options(**{WRITING: True})
        with self._turns.mine() if self._turns else nullcontext():
            return self._repeated(work, engine)

    def close(self) -> None:
        """Give back the connections."""
        self._reading.dispose()
        self._engine.dispose()

    def check(self) -> None:
        """Unavailable if the database cannot be reached; FreezerError if its tables are not for this version."""
        for last in (False, True):
            try:
                with self._reading.connect() as connection:
                    check_version(connection)
                return
            except (DBAPIError, PoolTimeout) as error:
                # A connection that has died meanwhile says nothing about the next one.
                if last or not getattr(error, "connection_invalidated", False):
                    raise Unavailable(f"the database cannot be reached: {told(error)}") from None

    def _repeated(self, work: Callable[[SqlUnit], T], engine: Engine) -> T:
        pause = _FIRST_PAUSE
        for _ in range(_TRIES):
            try:
                return self._once(work, engine)
            except IntegrityError as error:
                if not twice(error):
                    raise
                raise Exists(told(error)) from None
            except PoolTimeout:
                raise Unavailable("the database is busy: no connection became free in time") from None
            except DBAPIError as error:
                if not again(error):
                    if away(error):
                        raise Unavailable(f"the database cannot be used now: {told(error)}") from None
                    raise
                last = error
            if self._repeating is not None:
                self._repeating()
            self._clock.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
            pause *= 2
        raise Unavailable(f"the database gave up: {told(last)}")

    def _once(self, work: Callable[[SqlUnit], T], engine: Engine) -> T:
        with engine.connect() as connection:
            unit = SqlUnit(connection, locking=self._locking, known=self._known)
            result = work(unit)
            unit.finish(int(self._clock.now()))
            if engine is not self._reading or not self._locking:
                _commit(connection)
        return result


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            # Nobody knows whether it has happened, so it must not be done again.
            raise Unavailable(f"the database was lost while it stored the change: {told(error)}") from None
        raise
