"""``/healthcheck``, as oslo.middleware has it, and with details what this server needs: its database, and Keystone.

What is asked for with details is looked up at most every few seconds, since everybody may ask.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

import falcon
import msgspec

from freezer.api.checks import OK, Check
from freezer.api.describe.operation import Parameter, operation
from freezer.api.requests import answer
from freezer.api.service.answers import text
from freezer.clock import Clock

_SECONDS = 2.0
_KINDS = ("text/plain", "application/json", "text/html")


class Reason(msgspec.Struct, frozen=True, kw_only=True, rename={"check": "class"}):
    """What was looked at, and what was found."""

    check: str
    reason: str
    details: str


class HealthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Why the server is well or not; ``reasons`` have names if it is ``detailed``."""

    detailed: bool
    reasons: list[str | Reason]


_DETAILED = Parameter("detailed", "Whether to look at the database and at Keystone, too.")


class Health:
    """200, or 503 while there is a file ``disabled_by``; with ``details`` (or ``?detailed``) also if a check fails."""

    def __init__(self, clock: Clock, checks: Mapping[str, Check], disabled_by: str, *, details: bool = False) -> None:
        self._clock = clock
        self._checks = checks
        self._disabled_by = disabled_by
        self._details = details
        self._known: tuple[float, dict[str, str]] | None = None
        self._lock = threading.Lock()

    @operation(
        "Whether the server is well",
        {200: HealthAnswer, 503: HealthAnswer},
        formats=("application/json", "text/plain", "text/html"),
        parameters=(_DETAILED,),
    )
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        detailed = self._details or req.get_param("detailed") is not None
        found = self._found(detailed=detailed)
        well = set(found.values()) == {OK}
        resp.status = falcon.HTTP_200 if well else falcon.HTTP_503
        match req.client_prefers(_KINDS):
            case "application/json":
                answer(resp, text(_document(found, detailed=detailed)), 200 if well else 503)
            case "text/html":
                resp.content_type = "text/html; charset=UTF-8"
                lines = "".join(f"<p>{each}</p>\n" for each in _lines(found, detailed=detailed))
                resp.text = f"<!DOCTYPE html>\n<title>Healthcheck</title>\n{lines}"
            case _:
                resp.content_type = "text/plain; charset=UTF-8"
                resp.text = "\n".join(_lines(found, detailed=detailed))

    @operation("Whether the server is well", {204: None, 503: None})
    def on_head(self, req: falcon.Request, resp: falcon.Response) -> None:
        well = set(self._found(detailed=self._details).values()) == {OK}
        resp.status = falcon.HTTP_204 if well else falcon.HTTP_503

    def _found(self, *, detailed: bool) -> dict[str, str]:
        """What was found, by the name of the check."""
        found = {"disable_by_file": "DISABLED BY FILE" if os.path.exists(self._disabled_by) else OK}
        return {**found, **self._looked_up()} if detailed else found

    def _looked_up(self) -> dict[str, str]:
        with self._lock:
            now = self._clock.monotonic()
            if self._known is None or now - self._known[0] > _SECONDS:
                self._known = now, {name: check() for name, check in self._checks.items()}
            return self._known[1]


def _lines(found: Mapping[str, str], *, detailed: bool) -> list[str]:
    return [f"{name}: {reason}" for name, reason in found.items()] if detailed else list(found.values())


def _document(found: Mapping[str, str], *, detailed: bool) -> HealthAnswer:
    if not detailed:
        return HealthAnswer(detailed=False, reasons=list(found.values()))
    return HealthAnswer(
        detailed=True, reasons=[Reason(check=name, reason=reason, details="") for name, reason in found.items()]
    )
