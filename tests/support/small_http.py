"""What the small HTTP services in memory have in common: requests, answers, and a server that passes the ones to what
makes the others."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Request:
    """``name``: that of the object, without what stands before it in the path; header names are in small letters."""

    method: str
    name: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """An answer; ``length`` is the Content-Length if it shall differ from the body's, and then ends the connection."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None


class Server(ThreadingHTTPServer):
    """Serves containers below the path ``root`` on a port of its own, until it is closed."""

    daemon_threads = True
    request_queue_size = 64  # many come at the same instant

    def __init__(self, answer: Callable[[Request], Reply], root: str) -> None:
        super().__init__(("127.0.0.1", 0), _handler(answer, root))
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is nothing to talk about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        self.shutdown()
        self.server_close()


def _handler(answer: Callable[[Request], Reply], root: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            name = unquote(parts.path.removeprefix(root)).partition("/")[2]
            query = {key: value[0] for key, value in parse_qs(parts.query, keep_blank_values=True).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            reply = answer(Request(self.command, name, query, headers, body))
            self.send_response_only(reply.status)
            for key, value in reply.headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)
                if reply.length is not None and reply.length != len(reply.body):
                    self.close_connection = True

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = do_PATCH = handle_any  # noqa: N815

        def log_message(self, *_arguments: Any) -> None:
            pass

    return Handler
