"""The rows of enrolments."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from freezer.api.store.enrolments import Enrolment
from freezer.api.store.sql.tables import enrolments

_COLUMNS = tuple(enrolments.c[name] for name in Enrolment.__struct_fields__)


class SqlEnrolments:
    """The rows on an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, id: str) -> Enrolment | None:
        row = self._connection.execute(select(*_COLUMNS).where(enrolments.c.id == id)).first()
        return None if row is None else Enrolment(**row._asdict())

    def put(self, enrolment: Enrolment) -> None:
        self._connection.execute(insert(enrolments), msgspec.structs.asdict(enrolment))

    def use(self, id: str, machine: str) -> bool:
        # What does not change is not counted by every database, so whether it is ours is looked at first.
        found = self.get(id)
        if found is not None and found.machine == machine:
            return True
        free = update(enrolments).where(enrolments.c.id == id, enrolments.c.machine == "")
        return self._connection.execute(free.values(machine=machine)).rowcount > 0

    def drop(self, project_id: str, id: str) -> bool:
        wanted = delete(enrolments).where(enrolments.c.project_id == project_id, enrolments.c.id == id)
        return self._connection.execute(wanted).rowcount > 0

    def forget(self, before: int) -> None:
        self._connection.execute(delete(enrolments).where(enrolments.c.expires < before))
