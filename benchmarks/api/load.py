"""Sends requests over a few connections and measures what they cost the server."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 4
_TICKS = os.sysconf("SC_CLK_TCK")
_PIECE = 1 << 18


class Unexpected(Exception):
    """An answer that is not what was asked for; a benchmark of failures says nothing."""


class Ended(Unexpected):
    """The server has ended the connection."""


@dataclass(frozen=True)
class Request:
    """One kind of request; ``path`` and ``body`` may be made anew for each by its number."""

    method: str
    path: Callable[[int], str]
    status: int
    body: Callable[[int], object] | None = None
    headers: Mapping[str, str] | None = None

    def bytes(self, number: int) -> bytes:
        """What is sent."""
        body = b"" if self.body is None else json.dumps(self.body(number)).encode()
        lines = [f"{self.method} {self.path(number)} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
        lines += [f"{name}: {value}" for name, value in (self.headers or {}).items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclass(frozen=True)
class Cost:
    """CPU milliseconds of the server for each request, and requests each second."""

    cpu: float
    rate: float


def measure(process: int, port: int, request: Request, count: int, first: int = 0) -> Cost:
    """What ``count`` requests cost the server ``process`` and its children, numbered from ``first``."""
    texts = [request.bytes(first + number) for number in range(count)]
    failures: list[str] = []

    def work(own: list[bytes]) -> None:
        try:
            line = Line(port)
            for text in own:
                status, body = line.ask(text)
                if status != request.status:
                    raise Unexpected(f"{text[:80]!r}: {status} {body[:200]!r}")
            line.close()
        except (OSError, ValueError, Unexpected) as error:
            failures.append(str(error))

    workers = [threading.Thread(target=work, args=(texts[place::CONNECTIONS],)) for place in range(CONNECTIONS)]
    cpu, wall = cpu_seconds(process), time.monotonic()
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    wall, cpu = time.monotonic() - wall, cpu_seconds(process) - cpu
    if failures:
        raise Unexpected(failures[0])
    return Cost(cpu * 1000 / count, count / wall)


class Line:
    """A connection, made anew when the server has ended it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, text: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. A connection that the server has ended meanwhile is made anew."""
        if self._socket is not None:
            try:
                return self._ask(text)
            except Ended:
                self.close()
        return self._ask(text)

    def _ask(self, text: bytes) -> tuple[int, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=120)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(text)
        head, body = self._read()
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), body

    def _read(self) -> tuple[bytes, bytes]:
        assert self._socket is not None
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        head = head.lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        parts, size = [body], len(body)
        while size < length:
            parts.append(self._more())
            size += len(parts[-1])
        return head, b"".join(parts)

    def _more(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(_PIECE)
        if not data:
            raise Ended("the server has ended the connection")
        return data

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def cpu_seconds(process: int) -> float:
    """The processor time that a process and its descendants have had so far; of those that live."""
    total = 0
    for each in tree(process):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(") ")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def memory(process: int, *, kind: str = "Pss") -> int:
    """Bytes that a process and its descendants hold, shared ones divided among their holders. ``kind`` ``Pss_Anon``:
    without files, which weigh more as soon as another program ends that has the same ones."""
    total = 0
    for each in tree(process):
        for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                total += int(line.split()[1]) * 1024
    return total


def tree(process: int) -> list[int]:
    """A process and its descendants."""
    found = [process]
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            found.extend(tree(int(child)))
    return found
