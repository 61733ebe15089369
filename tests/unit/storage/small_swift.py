"""A Swift of one container in memory, which answers wrongly when told to. Real HTTP, on loopback."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from email.utils import formatdate

from support.small_http import Reply, Request, Server

CONTAINER = "box"
NOW = 1_000_000_000.0


Fault = Callable[[Request], Reply | None]


class SmallSwift:
    """``faults`` are asked in turn about every request, before it is carried out; one that answers is used up, if
    it is not in ``lasting``. ``seen`` has every request."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.faults: list[Fault] = []
        self.lasting: list[Fault] = []
        self.seen: list[Request] = []
        self.lock = threading.Lock()
        self.server = Server(self.answer, "/v1/AUTH_x/")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1/AUTH_x"

    def close(self) -> None:
        self.server.close()

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.seen)

    def answer(self, request: Request) -> Reply:
        with self.lock:
            self.seen.append(request)
            pending = list(self.faults)
        for fault in pending + self.lasting:
            reply = fault(request)
            if reply is not None:
                with self.lock:
                    if fault in self.faults:
                        self.faults.remove(fault)
                return reply
        with self.lock:
            return self._carry_out(request)

    def _carry_out(self, request: Request) -> Reply:
        if not request.name:
            return self._list(request) if request.method == "GET" else Reply(204)
        known = self.objects.get(request.name)
        if request.method == "PUT":
            if request.headers.get("if-none-match") == "*" and known is not None:
                return Reply(412)
            digest = _md5(request.body)
            if request.headers.get("etag", digest) != digest:
                return Reply(422)
            kept = {name: value for name, value in request.headers.items() if name.startswith("x-object-m")}
            self.objects[request.name] = (request.body, kept)
            return Reply(201, {"ETag": digest})
        if known is None:
            return Reply(404)
        if request.method == "DELETE":
            del self.objects[request.name]
            return Reply(204)
        return _read(request, *known)

    def _list(self, request: Request) -> Reply:
        query = request.query
        names = sorted(name for name in self.objects if name.startswith(query.get("prefix", "")))
        names = [name for name in names if name > query.get("marker", "")][: int(query["limit"])]
        rows = [
            {"name": name, "bytes": len(self.objects[name][0]), "last_modified": "2001-09-09T01:46:40.000000"}
            for name in names
        ]
        return Reply(200, body=json.dumps(rows).encode())


def _read(request: Request, data: bytes, headers: dict[str, str]) -> Reply:
    all_headers = {"ETag": _md5(data), "Last-Modified": formatdate(NOW, usegmt=True), **headers}
    if request.method == "HEAD":
        return Reply(200, all_headers, length=len(data))
    if "range" not in request.headers:
        return Reply(200, all_headers, data)
    first, last = request.headers["range"].removeprefix("bytes=").split("-")
    part = data[int(first) : int(last or len(data)) + 1]
    if not part:
        return Reply(416)
    place = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
    return Reply(206, {**all_headers, "Content-Range": place}, part)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Tokens:
    """Access to a small Swift: tokens ``t1``, ``t2`` and so on."""

    trust = None

    def __init__(self, url: str) -> None:
        self.url = url
        self.number = 1
        self.lock = threading.Lock()

    def token(self) -> str:
        return f"t{self.number}"

    def renew(self, refused: str) -> str:
        with self.lock:
            if refused == self.token():
                self.number += 1
            return self.token()

    def address(self, service: str, name: str) -> str:
        return self.url

    def close(self) -> None:
        pass
