"""The API as an object."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from freezer.client.changes import Changes
from freezer.client.clients import Clients
from freezer.client.collection import Collection
from freezer.client.enrolments import Enrolments
from freezer.client.inventory import Inventory
from freezer.client.jobs import Jobs
from freezer.client.operations import Operations
from freezer.client.runs import Runs
from freezer.client.sessions import Sessions
from freezer.client.statistics import Statistics
from freezer.client.tenancy import Tenancy
from freezer.client.wire import Wire


class Api:
    """What there is in one project. May be used from any thread; nothing is asked before it is needed.

    Every failure is a :class:`freezer.errors.ApiError`.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.jobs = Jobs(wire)
        self.sessions = Sessions(wire)
        self.clients = Clients(wire)
        self.runs = Runs(wire, wire.clock)
        self.operations = Operations(wire)
        self.tenancy = Tenancy(wire)
        self.enrolments = Enrolments(wire)
        self.actions = Collection(wire, "actions", "action", "action_id")
        self.backups = Collection(wire, "backups", "backup", "backup_id")
        self.changes = Changes(wire)
        self.inventory = Inventory(wire)
        self.statistics = Statistics(wire)

    def features(self) -> frozenset[str]:
        """What the API can do beyond the original's, by its own word; empty for the original."""
        return self._wire.features()

    def project(self) -> str:
        """The id of the project that we act for."""
        return self._wire.project()

    def of_project(self, project: str) -> Api:
        """What there is in another project, asked for as the same identity, on the same connections."""
        return Api(self._wire.of_project(project))

    def close(self) -> None:
        """Release connections."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
