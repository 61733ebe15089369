"""A Keystone v3 in memory: users with passwords, one project, a catalogue with the backup service.

``tokens`` are those given, the last one being valid; :meth:`expire` makes that one invalid.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from support.small_api import PROJECT, SmallApi
from support.small_http import Reply, Request, Server

_DOMAIN = {"id": "default", "name": "Default"}


class SmallKeystone:
    """Lets ``users`` (name: password) in, and sends them to ``api``, which takes its tokens only."""

    def __init__(self, api: SmallApi, **users: str) -> None:
        self.api = api
        self.users = users
        self.tokens: list[str] = []
        self._server = Server(self._answer, "")
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v3"
        api.token = "nobody has it"

    def expire(self) -> None:
        self.api.token = "nobody has it"

    def close(self) -> None:
        self._server.close()

    def _answer(self, request: Request) -> Reply:
        if request.name.strip("/") == "v3":
            link = {"rel": "self", "href": self.url}
            return _json(200, {"version": {"id": "v3.14", "status": "stable", "links": [link]}})
        if request.name != "v3/auth/tokens" or request.method != "POST":
            return _json(404, {"error": {"code": 404, "title": "Not Found", "message": "no such route"}})
        wanted = json.loads(request.body)["auth"]
        (method,) = wanted["identity"]["methods"]
        user = wanted["identity"][method].get("user", {})
        if self.users.get(user.get("name")) != user.get("password", user.get("passcode")):
            return _json(401, {"error": {"code": 401, "title": "Unauthorized", "message": "requires authentication"}})
        token = uuid.uuid4().hex
        self.tokens.append(token)
        self.api.token = token
        return _json(201, {"token": self._token(user["name"])}, {"X-Subject-Token": token})

    def _token(self, user: str) -> dict[str, Any]:
        def points(url: str) -> list[dict[str, str]]:
            kinds = ("public", "internal", "admin")
            return [{"id": kind, "interface": kind, "region": "one", "region_id": "one", "url": url} for kind in kinds]

        return {
            "methods": ["password"],
            "user": {"id": user, "name": user, "domain": _DOMAIN},
            "expires_at": "2100-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "roles": [{"id": "member", "name": "member"}],
            "project": {"id": PROJECT, "name": "home", "domain": _DOMAIN},
            "catalog": [
                {"id": "k", "type": "identity", "name": "keystone", "endpoints": points(self.url)},
                {"id": "b", "type": "backup", "name": "freezer", "endpoints": points(self.api.url)},
            ],
        }


def _json(status: int, document: Any, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(document).encode())
