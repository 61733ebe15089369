"""What has to be known beside jobs, read for many of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from freezer.api.scope import EVERYTHING
from freezer.api.service.pauses import concerning
from freezer.api.service.run_upkeep import latest
from freezer.api.store.contract import Kind, Record, Unit
from freezer.api.store.operations import Pause


class Context(msgspec.Struct, frozen=True):
    """``clients`` by id, the newest ``runs`` by id of their jobs, and ``pauses``, ended ones too, by project."""

    clients: Mapping[str, Record]
    runs: Mapping[str, Record]
    pauses: Mapping[str, Sequence[Pause]]

    @classmethod
    def of(cls, unit: Unit, jobs: Sequence[Record]) -> Context:
        """That of ``jobs``."""
        clients = {str(job.own["client"]) for job in jobs if job.own["client"]}
        projects = {job.project_id for job in jobs}
        return cls(
            clients=unit.many(Kind.CLIENT, EVERYTHING, sorted(clients)),
            runs=latest(unit, jobs),
            pauses={each: unit.operations.pauses(each, lasting=False) for each in projects},
        )

    def client(self, job: Record) -> Record | None:
        """Whose job it is, if that is still there."""
        return self.clients.get(str(job.own["client"]))

    def pauses_of(self, job: Record) -> list[Pause]:
        """The pauses that concern a job."""
        return concerning(self.pauses[job.project_id], job)
