"""Requests to the nodes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, TypeVar

import msgspec

from freezer.api.store.contract import Unavailable
from freezer.api.store.elastic.place import Place
from freezer.clock import Clock
from freezer.decoding import json_decoder
from freezer.errors import FreezerError
from freezer.http import Answer, Connections, line_error

_BUSY = frozenset({429, 502, 503, 504})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_LONGEST_REASON = 300
T = TypeVar("T")


class NotPrepared(FreezerError):
    """There is no index for this version of the server."""


class _Cause(msgspec.Struct):
    type: str = ""
    reason: str | None = None


class _Failure(msgspec.Struct):
    error: _Cause | str = ""


class Wire:
    """Asks the nodes of ``place`` in turn. Every request can be repeated: it says itself what must hold for it."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self.place = place
        self._clock = clock
        self._connections = Connections(place.authorities if place.verify else None, place.timeout)
        self._turn = 0
        self._headers = {"Accept": "application/json", "User-Agent": "freezer"}
        if place.login:
            self._headers["Authorization"] = "Basic " + base64.b64encode(place.login.encode()).decode()

    def close(self) -> None:
        """Give back the connections."""
        self._connections.close()

    def ask(self, method: str, path: str, document: object = None, *, expected: frozenset[int] = frozenset()) -> Answer:
        """The answer to a request below the node's root, with a status of success or one that is ``expected``."""
        body = None if document is None else msgspec.json.encode(document)
        return self.send(method, path, body, "application/json", expected)

    def send(
        self, method: str, path: str, body: bytes | None, kind: str, expected: frozenset[int] = frozenset()
    ) -> Answer:
        """The same with a body as it is; Unavailable when no node has answered well in all tries."""
        headers = self._headers if body is None else {**self._headers, "Content-Type": kind}
        pause, said = _FIRST_PAUSE, ""
        for last in (*(False,) * self.place.retries, True):
            host = self.place.hosts[self._turn % len(self.place.hosts)]
            try:
                answer = self._connections.ask(method, host + path, headers, body)
            except (OSError, HTTPException) as error:
                said = line_error(f"the node {host}", error, authorities="[elasticsearch] ca_certs").message
            else:
                if answer.status < 300 or answer.status in expected:
                    return answer
                said = f"the node {host} answered {_reason(answer)}"
                if answer.status not in _BUSY:
                    break
            self._turn += 1
            if not last:
                self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        raise Unavailable(f"the search server cannot be used: {said}")

    def name(self) -> str:
        """The server's own name and version."""
        found = decoded(self.ask("GET", "/"), dict[str, Any])
        version: Mapping[str, Any] = found.get("version", {})
        return f"{version.get('distribution', 'elasticsearch')} {version.get('number', '?')}"


def decoded(answer: Answer, form: type[T]) -> T:
    """The document in an answer; Unavailable if it is none of that form."""
    try:
        return json_decoder(form).decode(answer.body)
    except msgspec.DecodeError as error:
        raise Unavailable(f"the search server answered what is no answer: {error}") from None


def _reason(answer: Answer) -> str:
    """What a node says about a failure, in one line."""
    try:
        error = json_decoder(_Failure).decode(answer.body).error
    except msgspec.DecodeError:
        return str(answer.status)
    text = error if isinstance(error, str) else f"{error.type}: {error.reason or ''}"
    return f"{answer.status}: {' '.join(text.split())[:_LONGEST_REASON]}"
