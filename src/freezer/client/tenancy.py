"""What a project may have, and who did what in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freezer.client.wire import Wire, segments
from freezer.errors import ApiError

Document = dict[str, Any]
_PAGE = 500


class Tenancy:
    """Quotas and audit of the project that we act for."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def quotas(self) -> Mapping[str, Document]:
        """``used``, ``limit`` and ``default`` by what is counted; -1: no limit."""
        return self._quotas(self._wire.ask("GET", segments("quotas"), "quotas"))

    def change_quotas(self, limits: Mapping[str, int | None]) -> Mapping[str, Document]:
        """Set limits; None for the server's default. Administrators only."""
        return self._quotas(self._wire.ask("PATCH", segments("quotas"), "quotas", body=limits))

    def _quotas(self, answer: object) -> Mapping[str, Document]:
        found = answer.get("quotas") if isinstance(answer, dict) else None
        if not isinstance(found, dict):
            raise self._strange()
        return found

    def audit(self, *, limit: int | None = None, **wanted: object) -> list[Document]:
        """At most ``limit`` changes (None: all), the newest first; ``wanted``: ``user_id``, ``operation``, ``target``,
        ``time_after``, ``time_before``."""
        found: list[Document] = []
        marker: object = None
        while limit is None or len(found) < limit:
            size = _PAGE if limit is None else min(_PAGE, limit - len(found))
            query = {key: value for key, value in {**wanted, "marker": marker}.items() if value is not None}
            answer = self._wire.ask("GET", segments("audit"), "audit", query={"limit": size, **query})
            page = answer.get("audit") if isinstance(answer, dict) else None
            if not isinstance(page, list):
                raise self._strange()
            found.extend(page)
            if len(page) < size:
                break
            marker = page[-1]["audit_id"]
        return found

    def _strange(self) -> ApiError:
        return ApiError(f"{self._wire.place} has neither quotas nor an audit", hint="it may be the original's API")
