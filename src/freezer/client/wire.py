"""Requests to the API: on connections that are kept, asked again where that does no harm."""

from __future__ import annotations

import json
import logging
import random
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

from freezer import __version__
from freezer.client.address import base_of, root_of
from freezer.client.failures import failure
from freezer.client.identity import Identity
from freezer.client.retrying import Patience
from freezer.clock import Clock
from freezer.errors import (
    ApiDenied,
    ApiError,
    ApiMissing,
    ApiUnavailable,
    PermissionDenied,
    StorageError,
    TransientError,
    UsageError,
)
from freezer.http import Answer, Connections, line_error, wait_asked_for

TIMEOUT = 60.0
_logger = logging.getLogger(__name__)
_SERVICE = "backup"
_CHOICES = 300  # what the list of versions is answered with
_UNAUTHORIZED = 401
_MISSING = 404
_TOO_MANY = 429
_UNAVAILABLE = 503
_SAME_WHEN_TWICE = ("GET", "PUT", "PATCH", "DELETE")
_KEYS = "idempotency-key"


@dataclass(frozen=True, slots=True)
class Request:
    """``what`` is asked for, in messages; ``harmless``: it may be made twice, None if its method decides."""

    method: str
    url: str
    what: str
    headers: Mapping[str, str]
    body: bytes | None
    harmless: bool | None = None


class _AgainError(Exception):
    """``problem`` may pass. ``asked``: seconds to wait; ``begun``: the server may have done what it was asked for."""

    def __init__(self, problem: ApiError, asked: float | None, *, begun: bool) -> None:
        super().__init__()
        self.problem = problem
        self.asked = asked
        self.begun = begun


class Wire:
    """Talks to the API as ``identity``. May be used from any thread.

    ``timeout``: the longest silence in seconds.
    """

    def __init__(
        self,
        identity: Identity,
        clock: Clock,
        timeout: float = TIMEOUT,
        patience: Patience | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._identity = identity
        self._clock = clock
        self._timeout = timeout
        self._patience = patience or Patience()
        self._chance = chance
        self._lock = threading.Lock()
        self._shared: list[Connections] = []
        self._base: str | None = None
        self._elsewhere: str | None = None
        self._features: frozenset[str] | None = None

    @property
    def timeout(self) -> float:
        """The longest silence in seconds that is borne."""
        return self._timeout

    @property
    def clock(self) -> Clock:
        """By which it waits."""
        return self._clock

    @property
    def place(self) -> str:
        """The API, for messages."""
        return f"the API at {root_of(self._address())}"

    def ask(
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        harmless: bool | None = None,
    ) -> Any:
        """The document of the answer, None if it has no body; ``path`` begins below the project's address."""
        url = self._project_base() + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        return self._document(Request(method, url, what, headers or {}, data, harmless))

    def fetch(self, path: str, what: str) -> tuple[Any, str | None]:
        """The document at ``path``, and its ETag if it has one."""
        answer = self._persistently(Request("GET", self._project_base() + path, what, {}, None))
        return self._decoded(answer), answer.headers.get("ETag")

    def ask_root(self, path: str, what: str) -> Any:
        """The document at a path beside the projects (versions, who we are)."""
        return self._document(Request("GET", root_of(self._address()) + path, what, {}, None))

    def features(self) -> frozenset[str]:
        """What the API can do beyond the original's, by its own word; empty for the original."""
        if self._features is None:
            document = self.ask_root("/", "list of versions")
            versions = document.get("versions", []) if isinstance(document, dict) else []
            found = (each.get("features", ()) for each in versions if each.get("id") == "v2")
            self._features = frozenset(feature for features in found for feature in features)
        return self._features

    def of_project(self, project: str) -> Wire:
        """The same for what is in another project, which may be allowed to services and administrators."""
        other = copy(self)
        other._base = None
        other._elsewhere = project
        return other

    def project(self) -> str:
        """The id of the project that we act for."""
        return self._project_base().rpartition("/")[2]

    def close(self) -> None:
        """Release connections."""
        with self._lock:
            for connections in self._shared:
                connections.close()
            self._identity.close()

    def _document(self, request: Request) -> Any:
        return self._decoded(self._persistently(request))

    def _decoded(self, answer: Answer) -> Any:
        if not answer.body:
            return None
        try:
            return json.loads(answer.body)
        except ValueError:
            raise ApiError(
                f"{self.place} does not answer as a Freezer API does",
                hint="check OS_BACKUP_URL",
                status=answer.status,
            ) from None

    def _persistently(self, request: Request) -> Answer:
        deadline = self._clock.monotonic() + self._patience.total
        failures, begun = 0, False
        headers = {"Idempotency-Key": uuid.uuid4().hex} if request.method == "POST" else {}
        while True:
            try:
                return self._once(request, headers, begun=begun)
            except _AgainError as failed:
                failures += 1
                begun = begun or failed.begun
                delay = self._patience.delay(failures, self._chance(), failed.asked)
                if failures >= self._patience.tries or self._clock.monotonic() + delay > deadline:
                    raise failed.problem from failed.__cause__
            self._clock.sleep(delay)

    def _once(self, request: Request, headers: Mapping[str, str], *, begun: bool) -> Answer:
        """The answer if it is a success. ``begun``: an earlier try may have done what this one asks for."""
        try:
            answer = self._known(request, headers)
        except (OSError, HTTPException) as error:
            raise self._broken(request, error) from error
        if answer.status <= _CHOICES or (begun and request.method == "DELETE" and answer.status == _MISSING):
            return answer
        problem, asked = failure(self.place, answer, request.what), wait_asked_for(answer)
        if isinstance(problem, ApiUnavailable):
            refused = answer.status == _TOO_MANY or (answer.status == _UNAVAILABLE and asked is not None)
            if refused or self._harmless(request):
                raise _AgainError(problem, asked, begun=not refused)
        raise problem

    def _broken(self, request: Request, error: OSError | HTTPException) -> Exception:
        line = line_error(self.place, error, authorities="OS_CACERT", hint="check OS_BACKUP_URL; is the API running?")
        if not line.retryable:
            return ApiError(line.message, hint=line.hint)
        begun = not isinstance(error, ConnectionRefusedError | socket.gaierror)
        if begun and not self._harmless(request):
            hint = "it may have been done all the same: look before you try again"
            return ApiUnavailable(line.message, hint=hint)
        return _AgainError(ApiUnavailable(line.message, hint=line.hint), None, begun=begun)

    def _harmless(self, request: Request) -> bool:
        """Whether ``request`` may be made twice."""
        if request.harmless is not None:
            return request.harmless
        if request.method in _SAME_WHEN_TWICE:
            return "If-Match" not in request.headers
        try:
            return _KEYS in self.features()
        except ApiError:
            return False

    def _known(self, request: Request, headers: Mapping[str, str]) -> Answer:
        """The answer, by the second time with a new token if the first was refused."""
        proof = self._proof()
        answer = self._send(request, {**headers, **proof})
        if answer.status == _UNAUTHORIZED and self._renewed(proof):
            answer = self._send(request, {**headers, **self._proof()})
        return answer

    def _send(self, request: Request, headers: Mapping[str, str]) -> Answer:
        with self._lock:
            if not self._shared:
                self._shared.append(Connections(self._identity.trust, self._timeout, self._identity.certificate))
            connections = self._shared[0]
        fixed = {"Accept": "application/json", "User-Agent": f"freezer/{__version__}"}
        if request.body is not None:
            fixed["Content-Type"] = "application/json"
        body = b"" if request.body is None and request.method != "GET" else request.body
        begun = self._clock.monotonic()
        answer = connections.ask(request.method, request.url, {**fixed, **headers, **request.headers}, body)
        seconds = self._clock.monotonic() - begun
        name = answer.headers.get("x-openstack-request-id", "-")
        _logger.debug("%s %s: %d in %.3f s (%s)", request.method, request.url, answer.status, seconds, name)
        return answer

    def _address(self) -> str:
        with _login():
            return self._identity.address(_SERVICE, "backup service").rstrip("/")

    def _proof(self) -> dict[str, str]:
        with _login():
            return self._identity.headers()

    def _renewed(self, refused: Mapping[str, str]) -> bool:
        with _login():
            return self._identity.refresh(refused)

    def _project_base(self) -> str:
        if self._base is None:
            other = self._elsewhere
            address = self._address() if other is None else root_of(self._address())
            self._base = base_of(address, self._whose if other is None else lambda: quote(other, safe=""))
        return self._base

    def _whose(self) -> str:
        with _login():
            project = self._identity.project()
        return project or self._only_project()

    def _only_project(self) -> str:
        """The project that the API itself has for us; :class:`UsageError` if that is not exactly one."""
        hint = "set OS_PROJECT_ID, or OS_BACKUP_URL with /v2/<project> at its end"
        try:
            document = self.ask_root("/identity/v3/auth/projects", "list of our projects")
        except ApiMissing:
            raise UsageError(f"{self.place} does not say which project we act for", hint=hint) from None
        projects = [each["id"] for each in document.get("projects", [])] if isinstance(document, dict) else []
        if len(projects) != 1:
            known = ", ".join(sorted(projects)) or "none"
            raise UsageError(f"which project we act for is not clear to {self.place} (it has: {known})", hint=hint)
        return str(projects[0])


def segments(*parts: object) -> str:
    """``/`` and each of ``parts``, whatever they contain."""
    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


@contextmanager
def _login() -> Iterator[None]:
    """Failures of Keystone as those of the API, which is what it was asked for."""
    try:
        yield
    except PermissionDenied as error:
        raise ApiDenied(error.message, hint=error.hint) from error
    except TransientError as error:
        raise ApiUnavailable(error.message, hint=error.hint) from error
    except StorageError as error:
        raise ApiError(error.message, hint=error.hint) from error
