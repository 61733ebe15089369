"""Pauses, health and alarms."""

from __future__ import annotations

from typing import Any

from freezer.client.collection import Document
from freezer.client.wire import Wire, segments
from freezer.errors import ApiError


class Operations:
    """What operators do in a project, and what wants their attention."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def pauses(self) -> list[Document]:
        """What is paused."""
        return self._listed("pauses")

    def pause(self, kind: str, identifier: str, *, reason: str = "", draining: bool = False) -> Document:
        """Let a ``job``, a ``client`` or the ``project`` (whatever the identifier) begin no runs."""
        body = {"reason": reason, "draining": draining}
        return self._object(self._wire.ask("PUT", self._path(kind, identifier), f"{kind} {identifier}", body=body))

    def resume(self, kind: str, identifier: str) -> None:
        """Let it run again."""
        self._wire.ask("DELETE", self._path(kind, identifier), f"{kind} {identifier}")

    def skip(self, job: str) -> int:
        """Leave out the job's next run; when it would have been due, in seconds since 1970."""
        path = segments("jobs", job, "skip")
        return int(self._object(self._wire.ask("POST", path, f"job {job}"))["skipped"])

    def health(self, client: str) -> Document:
        """How a client's scheduler is."""
        return self._object(self._wire.ask("GET", segments("clients", client, "health"), f"client {client}"))

    def report_health(self, client: str, **told: Any) -> None:
        """Tell how a scheduler is: ``version``, ``time`` (its own clock), ``spool``."""
        self._wire.ask("PUT", segments("clients", client, "health"), f"client {client}", body=told)

    def alarms(self) -> list[Document]:
        """What wants attention."""
        return self._listed("alarms")

    def _listed(self, name: str) -> list[Document]:
        found = self._object(self._wire.ask("GET", segments(name), f"list of {name}")).get(name)
        return found if isinstance(found, list) else []

    def _path(self, kind: str, identifier: str) -> str:
        return segments("pauses", "project") if kind == "project" else segments("pauses", f"{kind}s", identifier)

    def _object(self, answer: object) -> Document:
        if not isinstance(answer, dict):
            raise ApiError(f"{self._wire.place} does not answer as a Freezer API does", hint="check OS_BACKUP_URL")
        return answer
