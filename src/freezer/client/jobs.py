"""Jobs, and the events that start and stop them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from freezer.client.collection import Collection, Document
from freezer.client.wire import Wire, segments

SERVED = "served-by"


class Jobs(Collection):
    """The jobs of a project."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire, "jobs", "job", "job_id")

    def start(self, identifier: str) -> str:
        """Ask its client to run the job. The answer: ``success``, or that it was asked already."""
        return self._event(identifier, "start")

    def stop(self, identifier: str) -> str:
        """Ask its client not to run the job any more, once a run has ended."""
        return self._event(identifier, "stop")

    def abort(self, identifier: str) -> str:
        """Ask its client to end a run of the job."""
        return self._event(identifier, "abort")

    def served(self, client: str) -> Iterator[Document]:
        """The jobs that the client of this name in our project is there for, whosever they are; as the original has
        it, if the API does not know better."""
        if SERVED in self.wire.features():
            return self.each(served_by=client)
        return self.each(search={"match": [{"client_id": client}]}, all_projects=True)

    def preview(self, identifier: str, **wanted: object) -> Document:
        """When the job is due next: ``timezone`` and ``runs``, each with ``due``, ``utc`` and ``local``.

        ``wanted``: ``count``, ``after`` (seconds since 1970), ``timezone``.
        """
        path = segments(self.name, identifier, "preview")
        return self._object(self.wire.ask("GET", path, self._what(identifier), query=wanted))

    def preview_schedule(self, schedule: Mapping[str, Any], **wanted: object) -> Document:
        """The same of a job that had this schedule and were made now."""
        body = {"schedule": schedule, **wanted}
        return self._object(self.wire.ask("POST", segments("schedule-preview"), "schedule", body=body, harmless=True))

    def _event(self, identifier: str, event: str) -> str:
        path = segments(self.name, identifier, "event")
        answer = self._object(self.wire.ask("POST", path, self._what(identifier), body={event: None}, harmless=True))
        return str(answer.get("result", ""))
