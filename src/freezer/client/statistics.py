"""Statistics of backups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freezer.client.wire import Wire, segments

_PAGE = 500


class Statistics:
    """The sums of a project, its hosts and its sets of backups."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def project(self, days: int = 30) -> dict[str, Any]:
        """The sums of the project, with those of its last ``days``."""
        return dict(self._wire.ask("GET", "/statistics", "statistics", query={"days": days}))

    def hosts(self) -> list[dict[str, Any]]:
        """The sums of hosts, by name."""
        return list(self._wire.ask("GET", "/statistics/hosts", "statistics of hosts")["hosts"])

    def sets(self, hostname: str | None = None) -> Iterator[dict[str, Any]]:
        """The sums of sets, of one host alone if it is named."""
        marker: str | None = ""
        while marker is not None:
            query = {"limit": _PAGE, "marker": marker, **({"hostname": hostname} if hostname else {})}
            page = self._wire.ask("GET", "/statistics/sets", "statistics of sets", query=query)
            yield from page["sets"]
            marker = page["marker"]

    def set_objective(self, set_id: str, seconds: int | None) -> None:
        """Say how old the newest backup of a set may become; None: as the schedule of its job says."""
        path = f"/statistics/sets{segments(set_id)}"
        self._wire.ask("PATCH", path, f"set {set_id}", body={"objective": seconds})
