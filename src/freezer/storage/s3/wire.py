"""Requests to S3: connections that are kept, the bucket's region learnt from the service, keys that are renewed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.client import HTTPException

from freezer import __version__
from freezer.clock import Clock
from freezer.http import Answer, Connections, line_error
from freezer.storage.contract import Buffer
from freezer.storage.s3.address import DEFAULT_REGION, Access, locate
from freezer.storage.s3.answers import (
    ELSEWHERE,
    MOVED,
    NO_SUCH_RANGE,
    NOT_FOUND,
    STALE_TOKEN,
    SWIFT_HEADER,
    TAKEN,
    UNAUTHORIZED,
    WRONG_SIGNATURE,
    problem_of,
)
from freezer.storage.s3.signing import Keys, Request, encode_path, sign

TIMEOUT = 60.0
"""Seconds of silence after which a line is given up."""

_UNSIGNED = {"Accept-Encoding": "identity", "User-Agent": f"freezer/{__version__}"}
_REFUSED, _SERVER = 300, 500


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, before it is addressed and signed."""

    method: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Buffer
    patience: float


class Wire:
    """One bucket, or with an empty name the service itself. Safe for several threads."""

    def __init__(self, access: Access, bucket: str, clock: Clock, timeout: float = TIMEOUT) -> None:
        self._access = access
        self._bucket = bucket
        self._clock = clock
        self._region = access.region or DEFAULT_REGION
        self._is_swift = False
        self._connections = Connections(access.trust, timeout)

    @property
    def region(self) -> str:
        """The one that requests are signed for."""
        return self._region

    @property
    def is_swift(self) -> bool:
        """Whether Swift has answered."""
        return self._is_swift

    def ask(
        self,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Buffer = b"",
        patience: float = 1.0,
    ) -> Answer:
        """The answer, whatever its status, to a request about ``key``, or about the bucket.

        :class:`TransientError` if there is none, or not all of it. A refusal of a HEAD, which says nothing, is asked
        for its reason by a GET. ``patience``: how many times the usual silence the answer may take.
        """
        asked = _Asked(method, key, query or {}, headers or {}, body, patience)
        answer = self._ask(asked)
        if method == "HEAD" and _REFUSED <= answer.status < _SERVER and answer.status not in {NOT_FOUND, TAKEN}:
            reason = self._ask(replace(asked, method="GET", headers={"Range": "bytes=0-0"}))
            if reason.status >= _REFUSED and reason.status != NO_SUCH_RANGE:
                return reason
            return self._ask(asked)
        return answer

    def close(self) -> None:
        self._connections.close()

    def _ask(self, asked: _Asked) -> Answer:
        keys, region = self._access.keys(), self._region
        answer = self._send(asked, keys, region)
        if answer.status < _REFUSED:
            return answer
        problem = problem_of(answer)
        moved = problem.code in ELSEWHERE or answer.status == MOVED
        if moved and problem.region not in {"", region} and self._access.region is None:
            self._region = problem.region
            return self._send(asked, keys, problem.region)
        # Services that look keys up elsewhere say so also when that has failed, and the same keys are good.
        doubtful = answer.status == UNAUTHORIZED or (self._is_swift and problem.code == WRONG_SIGNATURE)
        if doubtful or problem.code in STALE_TOKEN:
            renewed = self._access.keys()
            if doubtful or renewed != keys:
                return self._send(asked, renewed, region)
        return answer

    def _send(self, asked: _Asked, keys: Keys, region: str) -> Answer:
        place = locate(self._access, region, self._bucket)
        path = place.path + encode_path(asked.key)
        request = Request(asked.method, place.host, path, asked.query, asked.headers, asked.body)
        headers = _UNSIGNED | sign(request, keys, region, self._clock.now())
        server = f"{place.scheme}://{place.host}"
        url = f"{server}{path}" + (f"?{request.query_text}" if asked.query else "")
        body = asked.body if asked.method in {"PUT", "POST"} else None
        try:
            answer = self._connections.ask(asked.method, url, headers, body, patience=asked.patience)
        except (OSError, HTTPException) as error:
            raise line_error(f"S3 at {server}", error, authorities="AWS_CA_BUNDLE", hint="check --endpoint") from error
        self._is_swift = self._is_swift or SWIFT_HEADER in answer.headers
        return answer
