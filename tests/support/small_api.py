"""A Freezer API v2 in memory: its answers have the shape of those recorded of OpenStack Freezer's API 19.0.0.

``faults`` are answered before anything else, one to each request: a :class:`Reply`, or None to go on as usual; LOST
does what is asked for and ends the connection without an answer. With ``features`` it says that it can do more than
that one.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any

from support.small_http import Reply, Request, Server

PROJECT = "5f6c0de2a1b94b7e8f3d2c1b0a998877"
USER = "0123456789abcdef0123456789abcdef"
LOST = "lost"
_KINDS = {
    "jobs": "job_id",
    "sessions": "session_id",
    "actions": "action_id",
    "clients": "client_id",
    "backups": "backup_id",
}


class SmallApi:
    """``url`` is its address. ``requests`` are those that came, in order; ``objects`` is what it has."""

    def __init__(self, features: tuple[str, ...] = (), *, login: tuple[str, str] | None = None) -> None:
        self.features = features
        self.login = login
        self.token: str | None = None
        self.faults: list[Reply | str | None] = []
        self.requests: list[Request] = []
        self.objects: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in _KINDS}
        self.on_event: Callable[[dict[str, Any]], None] | None = None
        self.keys: dict[str, str] = {}
        self._server = Server(self._answer, "")
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.close()

    def bodies(self, method: str) -> list[Any]:
        """The documents that came with requests of this method."""
        return [json.loads(request.body) for request in self.requests if request.method == method and request.body]

    def add(self, name: str, identifier: str, document: dict[str, Any]) -> None:
        """Have an object."""
        self.objects[name][identifier] = document

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Reply):
            return fault
        reply = self._really(request)
        if fault == LOST:
            return Reply(200, body=b"half", length=1000)
        return reply

    def _really(self, request: Request) -> Reply:
        parts = request.name.strip("/").split("/")
        if parts == [""]:
            version = {"id": "v2", "status": "CURRENT", "updated": "2018-02-21T13:30:00", "links": []}
            return _json(300, {"versions": [{**version, "features": list(self.features)}]})
        if not self._knows(request):
            return _json(401, {"error": {"code": 401, "title": "Unauthorized", "message": "…"}})
        if request.name == "identity/v3/auth/projects":
            return _json(200, {"projects": [{"id": PROJECT, "name": "home"}]})
        if parts[:2] != ["v2", PROJECT]:
            return _json(403, {"title": "Access Forbidden", "description": "not your project"})
        name, rest = parts[2], parts[3:]
        document = json.loads(request.body) if request.body else None
        if not rest:
            return (
                self._list(name, request, document)
                if request.method == "GET"
                else self._create(name, request, document)
            )
        if len(rest) == 1:
            return self._one(name, rest[0], request.method, document)
        return self._more(name, rest, request.method, document)

    def _knows(self, request: Request) -> bool:
        if self.login is not None:
            words = base64.b64encode(":".join(self.login).encode()).decode()
            return request.headers.get("authorization") == f"Basic {words}"
        return self.token is None or request.headers.get("x-auth-token") == self.token

    def _list(self, name: str, request: Request, search: Any) -> Reply:
        found = [document for document in self.objects[name].values() if _matches(document, search or {})]
        start = int(request.query.get("offset") or 0)
        limit = int(request.query.get("limit") or 0) or 10
        return _json(200, {name: found[start : start + limit]})

    def _create(self, name: str, request: Request, document: Any) -> Reply:
        key = request.headers.get("idempotency-key", "")
        if "idempotency-key" in self.features and key in self.keys:
            return _json(201, {_KINDS[name]: self.keys[key]})
        if document is None:
            return _json(400, {"title": "Bad request format", "description": "Missing request body"})
        identifier = document.get("client_id") if name == "clients" else uuid.uuid4().hex
        self.objects[name][identifier] = _stored(name, identifier, document)
        self.keys[key] = identifier
        return _json(201, {_KINDS[name]: identifier})

    def _one(self, name: str, identifier: str, method: str, document: Any) -> Reply:
        kept = self.objects[name]
        if method == "DELETE":
            return Reply(204) if kept.pop(identifier, None) else Reply(404)
        if method == "POST":
            kept[identifier] = _stored(name, identifier, document)
            return _json(201, {_KINDS[name]: identifier, "version": identifier})
        if identifier not in kept:
            return Reply(404)
        if method == "PATCH":
            kept[identifier] = {**kept[identifier], **document}
            return _json(200, {_KINDS[name]: identifier, "version": 0})
        return _json(200, kept[identifier])

    def _more(self, name: str, rest: list[str], method: str, document: Any) -> Reply:
        kept = self.objects[name].get(rest[0])
        if kept is None:
            return _json(404, {"title": "Not Found", "description": f"{name[:-1]} {rest[0]} does not exist"})
        if name == "jobs":
            (event,) = document
            schedule = kept.setdefault("job_schedule", {})
            said = f"{event} already requested" if schedule.get("event") == event else "success"
            schedule |= {"event": event}
            if self.on_event is not None:
                self.on_event(kept)
            return _json(202, {"result": said})
        if rest[1] == "action":
            kept["session_tag"] = kept.get("session_tag", 0) + ("start" in document)
            return _json(202, {"result": "success", "session_tag": kept["session_tag"]})
        jobs = kept.setdefault("jobs", {})
        if method == "PUT":
            jobs[rest[2]] = {"client_id": "node", "status": "", "result": ""}
        else:
            jobs.pop(rest[2], None)
        return Reply(204)


def _stored(name: str, identifier: str, document: dict[str, Any]) -> dict[str, Any]:
    owner = {"project_id": PROJECT, "user_id": USER}
    if name == "clients":
        return {**owner, "client": {"uuid": uuid.uuid4().hex, "hostname": None, "description": None, **document}}
    if name == "backups":
        metadata = {key: value for key, value in document.items() if key != "status"}
        status = document.get("status", "available")
        return {**owner, "backup_id": identifier, "status": status, "backup_metadata": metadata}
    if name == "jobs":
        times = {"time_created": 1_700_000_000, "time_started": -1, "time_ended": -1}
        schedule = {**(document.get("job_schedule") or {}), **times}
        return {**owner, "session_id": "", "session_tag": 0, **document, "job_id": identifier, "job_schedule": schedule}
    return {**owner, **document, _KINDS[name]: identifier}


def _matches(document: Any, search: dict[str, Any]) -> bool:
    wanted = all(_has(document, *item) for pair in search.get("match", []) for item in pair.items())
    return wanted and not any(_has(document, *item) for pair in search.get("match_not", []) for item in pair.items())


def _has(document: Any, key: str, value: object) -> bool:
    if key == "_all":
        return str(value).lower() in json.dumps(document).lower()
    if isinstance(document, dict):
        return document.get(key) == value or any(_has(inner, key, value) for inner in document.values())
    return isinstance(document, list) and any(_has(inner, key, value) for inner in document)


def _json(status: int, document: Any) -> Reply:
    headers = {"Content-Type": "application/json", "x-openstack-request-id": "req-1"}
    return Reply(status, headers, json.dumps(document).encode())
