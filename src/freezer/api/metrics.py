"""What is counted, for Prometheus.

A server of several processes has several sets of numbers. ``freezer-api`` gives them a directory to keep them in
together (PROMETHEUS_MULTIPROC_DIR), so that whichever process is asked answers for all; other WSGI servers must be
given that variable, otherwise the numbers are those of the process that happens to answer.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "UPDATE", "DELETE", "OPTIONS"})


class Meters:
    """The numbers of one server."""

    def __init__(self, version: str) -> None:
        # The library settles how it keeps numbers when it is imported, which must not happen before we have said it.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

        own = CollectorRegistry()
        self._own = own
        self._requests = Counter(
            "freezer_api_requests", "Requests that were answered.", ["method", "route", "status"], registry=own
        )
        self._seconds = Histogram(
            "freezer_api_request_seconds",
            "Time from the request to its answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=own,
        )
        self._now = Gauge(
            "freezer_api_requests_in_flight", "Requests that are being worked on.", multiprocess_mode="livesum",
            registry=own,
        )  # fmt: skip
        self._repeats = Counter(
            "freezer_api_database_repeats", "Transactions that the database wanted to be done again.", registry=own
        )
        info = Gauge(
            "freezer_api_info", "1, with the version of the server.", ["version"], multiprocess_mode="max", registry=own
        )
        info.labels(version).set(1)
        if not os.environ.get(DIRECTORY):
            ProcessCollector(registry=own)

    def begun(self) -> None:
        """A request has come."""
        self._now.inc()

    def ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """It is answered; ``route`` is the template of its path, so that there are not as many as there are ids."""
        known = method if method in _METHODS else "other"
        self._now.dec()
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)

    def repeated(self) -> None:
        """The database wants a transaction to be done again."""
        self._repeats.inc()

    def text(self) -> bytes:
        """All numbers, as Prometheus reads them."""
        from prometheus_client import generate_latest

        return generate_latest(_together() if os.environ.get(DIRECTORY) else self._own)


def _together() -> CollectorRegistry:
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    everybody = CollectorRegistry()
    MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
    return everybody
