"""Around every request, whatever becomes of it: its id, how long it took, a line in the log.

The id comes from the caller (``X-Openstack-Request-Id``) if it has given one; it stands in the answer, and in every
line that is logged meanwhile.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from freezer.api.metrics import Meters
from freezer.api.requests import IDENTITY, REQUEST_ID, ROUTE
from freezer.api.scope import Identity
from freezer.clock import Clock
from freezer.log.requests import request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_LOG = logging.getLogger(__name__)
_ACCESS = logging.getLogger("freezer.api.access")
_GIVEN = re.compile(r"[\w-]{1,128}", re.ASCII)
_HEADER = "x-openstack-request-id"
_NO_ROUTE = "none"
_FAILED = msgspec.json.encode(
    {"title": "Internal Server Error", "description": "An unexpected error occurred on the server."}
)


class Around:
    """``inner`` with all that is the same for every request; ``log``: each answer is a line of the log."""

    def __init__(self, inner: WSGIApplication, meters: Meters, clock: Clock, *, log: bool = True) -> None:
        self._inner = inner
        self._meters = meters
        self._clock = clock
        self._log = log

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        begun = self._clock.monotonic()
        id = environ[REQUEST_ID] = _id(environ.get("HTTP_X_OPENSTACK_REQUEST_ID", ""))
        method = environ.get("REQUEST_METHOD", "")
        before = request_id.set(id)
        answer = _Answer(start_response, id)
        self._meters.begun()
        try:
            return self._inner(environ, answer)
        except Exception:  # noqa: BLE001  whatever the layers between the server and the routes may raise
            _LOG.exception("%s %s failed", method, environ.get("PATH_INFO", ""))
            answer("500 Internal Server Error", [("Content-Type", "application/json")])
            return [_FAILED]
        finally:
            seconds = self._clock.monotonic() - begun
            self._meters.ended(method, environ.get(ROUTE, _NO_ROUTE), answer.status, seconds)
            if self._log and _ACCESS.isEnabledFor(logging.INFO):
                _tell(environ, method, answer.status, seconds)
            request_id.reset(before)


class _Answer:
    """``start_response`` with the id of the request, which remembers the status."""

    def __init__(self, start_response: StartResponse, id: str) -> None:
        self._start_response = start_response
        self._id = id
        self.status = 500

    def __call__(self, status: str, headers: list[tuple[str, str]], error: Any = None, /) -> Any:
        self.status = int(status[:3])
        told = [*headers, (_HEADER, self._id)]
        return self._start_response(status, told, error) if error else self._start_response(status, told)


def _id(given: str) -> str:
    if not _GIVEN.fullmatch(given):
        return f"req-{uuid.uuid4()}"
    return given if given.startswith("req-") else f"req-{given}"


def _tell(environ: dict[str, Any], method: str, status: int, seconds: float) -> None:
    path, address = environ.get("PATH_INFO", ""), environ.get("REMOTE_ADDR") or "-"
    fields: dict[str, object] = {
        "method": method, "path": path, "status": status, "seconds": round(seconds, 6), "address": address
    }  # fmt: skip
    identity = environ.get(IDENTITY)
    who = ""
    if isinstance(identity, Identity):
        fields.update(user_id=identity.user_id, project_id=identity.project_id)
        who = f" for {identity.user_id} of {identity.project_id or 'no project'}"
    message = "%s %s %d in %.1f ms%s from %s"
    _ACCESS.info(message, method, path, status, seconds * 1000, who, address, extra={"fields": fields})
