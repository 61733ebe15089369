"""Enrolments: letting a machine join a project, and joining."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freezer.client.wire import Wire, segments
from freezer.errors import ApiError

Document = dict[str, Any]


class Enrolments:
    """Of the project that we act for."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def offer(self, hours: int) -> Document:
        """A token for one machine: ``token``, ``enrolment_id`` and ``expires``."""
        return self._object(
            self._wire.ask("POST", segments("enrolments"), "enrolment", body={"hours": hours}, harmless=True)
        )

    def withdraw(self, identifier: str) -> None:
        """Nobody joins by it any more."""
        self._wire.ask("DELETE", segments("enrolments", identifier), f"enrolment {identifier}")

    def join(self, identifier: str, machine: Mapping[str, Any]) -> Document:
        """Join by it: ``client_id``, ``key_id`` and ``job_ids``. May be asked again by the same machine."""
        path = segments("enrolments", identifier, "machine")
        return self._object(self._wire.ask("POST", path, "machine", body=machine, harmless=True))

    def _object(self, answer: object) -> Document:
        if not isinstance(answer, dict):
            raise ApiError(f"{self._wire.place} lets no machines join", hint="it may be the original's API")
        return answer
