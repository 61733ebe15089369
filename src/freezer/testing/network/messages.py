"""Requests and answers of HTTP/1.1 (RFC 9112), read as a whole."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

_NO_BODY = {204, 304}


class NotHttp(Exception):
    """What came is no message of HTTP."""


@dataclass(frozen=True)
class Message:
    """``start`` is the first line, ``headers`` are as they came, ``body`` is without its transfer coding."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def method(self) -> str:
        return self.start.split(" ", 1)[0]

    @property
    def target(self) -> str:
        """Path and query of a request."""
        return self.start.split(" ")[1]

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1])

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_header(self, name: str, value: str | None) -> Message:
        """The same with this header, in the place of those of its name; None: without it."""
        kept = tuple((key, old) for key, old in self.headers if key.lower() != name.lower())
        return replace(self, headers=kept if value is None else (*kept, (name, value)))

    def with_body(self, body: bytes) -> Message:
        """The same with another body and the Content-Length that belongs to it."""
        return replace(self.with_header("Content-Length", str(len(body))), body=body)

    def head(self) -> bytes:
        lines = [self.start, *(f"{key}: {value}" for key, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")


async def read_head(reader: asyncio.StreamReader) -> Message | None:
    """First line and headers of the next message; None if there is none."""
    try:
        text = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise NotHttp from None
        return None
    except asyncio.LimitOverrunError:
        raise NotHttp from None
    start, *lines = text.decode("latin-1")[:-4].split("\r\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise NotHttp
        headers.append((name, value.strip()))
    return Message(start, tuple(headers))


async def read_request_body(reader: asyncio.StreamReader, head: Message) -> Message:
    """The request with its body."""
    if _is_chunked(head):
        return head.with_header("Transfer-Encoding", None).with_body(await _read_chunks(reader))
    return replace(head, body=await reader.readexactly(int(head.header("Content-Length") or 0)))


async def read_answer(reader: asyncio.StreamReader, method: str) -> Message:
    """The answer to a request with this method, with its body. Answers that only say "go on" are left out."""
    head = await read_head(reader)
    while head is not None and head.status < 200:
        head = await read_head(reader)
    if head is None:
        raise NotHttp
    if method == "HEAD" or head.status in _NO_BODY:
        return head
    if _is_chunked(head):
        return head.with_header("Transfer-Encoding", None).with_body(await _read_chunks(reader))
    length = head.header("Content-Length")
    body = await reader.read() if length is None else await reader.readexactly(int(length))
    return head.with_body(body)


def _is_chunked(head: Message) -> bool:
    return (head.header("Transfer-Encoding") or "").lower() == "chunked"


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks = []
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if not size:
            break
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while (await reader.readuntil(b"\r\n")) != b"\r\n":
        pass  # trailers
    return b"".join(chunks)
